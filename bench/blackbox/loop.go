package blackbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Loop kills a server under load, again and again, and checks it after each
// start.
type Loop struct {
	Server *Server
	// Cycles is how many times the server is killed under load.
	Cycles int
	// AcknowledgementsMin is the least acknowledged orders of a cycle.
	AcknowledgementsMin int
	// Seed makes the choices; two runs differ all the same, in their timing.
	Seed uint64
	// Out takes progress.
	Out io.Writer
}

const (
	customers    = 64
	buyers       = 64
	stockReaders = 2
	orderReaders = 2
	// earlierMax is how many orders of earlier cycles are looked at in a cycle, some
	// of them after somebody has changed them.
	earlierMax = 200
	// killDelayMax is how long the load goes on, at most, when there was enough of it.
	killDelayMax = 100 * time.Millisecond
)

// world is one run.
type world struct {
	Loop
	random  *rand.Rand
	client  *client
	history *history
	admin   string
	tokens  []string
	// lasting products are ordered in every cycle; onSale are those of this cycle, and
	// products all that there ever were.
	lasting, onSale, products []*product
	// orders are the attempts that are known to have made an order.
	orders []*attempt
	// earlier hands out orders of earlier cycles to be changed.
	earlier chan *attempt
	// recovery is how long the last recovery took that was let to end.
	recovery time.Duration
	// inPeace says that nobody is about to kill the server: it has to answer.
	inPeace bool
	serial  atomic.Int64

	// mutex guards verdict while there is load.
	mutex   sync.Mutex
	verdict Verdict
}

// Run loops. The error is one of the environment, or a server that ended by itself;
// violations are in the verdict.
func (l Loop) Run(ctx context.Context) (_ *Verdict, err error) {
	w := &world{Loop: l, random: rand.New(rand.NewPCG(l.Seed, 1))}
	if w.history, err = newHistory(filepath.Join(filepath.Dir(l.Server.Data), "history")); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.history.close()) }()
	defer w.Server.abandon()
	if err := w.open(ctx); err != nil {
		return &w.verdict, err
	}
	if err := w.openLasting(); err != nil {
		return &w.verdict, err
	}
	for range l.Cycles {
		if err := w.killCycle(ctx); err != nil {
			return &w.verdict, err
		}
		fmt.Fprintln(l.Out, w.verdict.String())
	}
	return &w.verdict, w.stopCycle(ctx)
}

// open seeds the server and starts it.
func (w *world) open(ctx context.Context) error {
	tokens := filepath.Join(filepath.Dir(w.Server.Data), "tokens")
	if _, err := w.Server.run("user", "seed", "--count", fmt.Sprint(customers), "--tokens", tokens, "--valid-for", "24h"); err != nil {
		return err
	}
	var err error
	if w.admin, err = w.Server.run("apikey", "create", "--name", "blackbox", "--role", "admin"); err != nil {
		return err
	}
	if err := w.readTokens(tokens); err != nil {
		return err
	}
	return w.restart(ctx)
}

func (w *world) readTokens(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		var customer struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(line), &customer); err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		w.tokens = append(w.tokens, customer.AccessToken)
	}
	return nil
}

func (w *world) restart(ctx context.Context) (err error) {
	if err := w.Server.start(); err != nil {
		return err
	}
	w.client = newClient(w.Server.address)
	w.recovery, err = w.Server.awaitReady(ctx)
	return err
}

// killCycle loads, kills, kills in recoveries perhaps, starts and checks.
func (w *world) killCycle(ctx context.Context) error {
	earlier, err := w.load(ctx, w.Server.kill)
	if err != nil {
		return err
	}
	w.checkLog()
	if w.verdict.Cycles%5 == 0 {
		if err := w.checkJournal(false); err != nil {
			return err
		}
	}
	w.verdict.Cycles++
	if err := w.killRecoveries(ctx); err != nil {
		return err
	}
	if err := w.restart(ctx); err != nil {
		return err
	}
	w.check(earlier)
	return nil
}

// stopCycle loads, stops in order, and looks at everything that there ever was.
func (w *world) stopCycle(ctx context.Context) error {
	earlier, err := w.load(ctx, w.Server.stop)
	if err != nil {
		return err
	}
	w.checkLog()
	if err := w.checkJournal(true); err != nil {
		return err
	}
	if err := w.restart(ctx); err != nil {
		return err
	}
	w.check(earlier)
	w.inPeace = true
	w.checkEnds()
	w.checkOrders(w.orders, w.lookUp)
	w.checkOrders(w.orders, w.lookUpByID)
	w.checkEnds()
	err = w.Server.stop()
	w.checkLog()
	return err
}

// load lets buyers and readers at the server, and ends it when there was enough of
// that. It returns the orders of earlier cycles that may have been changed.
func (w *world) load(ctx context.Context, end func() error) ([]*attempt, error) {
	if err := w.openFresh(); err != nil {
		return nil, err
	}
	earlier := w.chooseEarlier()
	stop := make(chan struct{})
	var group sync.WaitGroup
	run := func(count int, do func(int, *rand.Rand)) {
		for i := range count {
			random := rand.New(rand.NewPCG(w.random.Uint64(), 2))
			group.Go(func() { do(i, random) })
		}
	}
	run(buyers, func(i int, random *rand.Rand) { w.buy(i, random, stop) })
	run(stockReaders, func(_ int, random *rand.Rand) { w.readStocks(random, stop) })
	run(orderReaders, func(_ int, random *rand.Rand) { w.readOrders(random, stop) })
	err := w.awaitAcknowledgements(ctx)
	if err == nil {
		pause(w.random, killDelayMax)
		err = end()
	}
	close(stop)
	group.Wait()
	return earlier, err
}

// chooseEarlier draws orders that exist, and those whose holds are about to end.
func (w *world) chooseEarlier() []*attempt {
	var chosen []*attempt
	for i := len(w.orders) - 1; i >= 0 && len(chosen) < earlierMax/2; i-- {
		if a := w.orders[i]; a.product.brief() && a.status == statusReserved {
			chosen = append(chosen, a)
		}
	}
	known := make(map[*attempt]bool)
	for _, a := range chosen {
		known[a] = true
	}
	for range min(earlierMax-len(chosen), len(w.orders)) {
		if a := w.orders[w.random.IntN(len(w.orders))]; !known[a] {
			known[a] = true
			chosen = append(chosen, a)
		}
	}
	w.earlier = make(chan *attempt, len(chosen))
	for _, a := range chosen {
		w.earlier <- a
	}
	return chosen
}

// pause lets the server run for a while before it is killed: the moment of the
// kill is the experiment's variable, nothing waits for it.
func pause(random *rand.Rand, most time.Duration) {
	<-time.After(time.Duration(random.Int64N(int64(most))))
}

func (w *world) awaitAcknowledgements(ctx context.Context) error {
	deadline := time.After(readyMax)
	for w.history.acknowledged() < w.AcknowledgementsMin {
		select {
		case <-time.After(time.Millisecond):
		case <-w.Server.ended:
			return w.Server.endedByItself()
		case <-deadline:
			return fmt.Errorf("only %d acknowledgements within %s\n%s", w.history.acknowledged(), readyMax, w.Server.log)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
