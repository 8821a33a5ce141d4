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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Loop kills a server under load, again and again, and checks it after each
// start.
type Loop struct {
	Server *Server
	// Database, when there is one, keeps what the server keeps in SQL, and is killed as
	// well. Without one that is a file of the data directory.
	Database Database
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
	earlierMax = 240
	// endingMax is how many of them are paid for at the moment when their hold ends.
	endingMax = 40
	// killDelayMax is how long the load goes on, at most, when there was enough of it.
	killDelayMax = 100 * time.Millisecond
)

// world is one run.
type world struct {
	Loop
	random  *rand.Rand
	client  *client
	history *history
	// admin and service are API keys, tokens those of the customers.
	admin, service string
	tokens         []string
	// lasting products are ordered in every cycle; onSale are those of this cycle, and
	// products all that there ever were.
	lasting, onSale, products []*product
	// orders are the attempts that are known to have made an order; moves are some of
	// the movements that are known to have been made.
	orders []*attempt
	moves  []*movement
	// earlier hands out orders of earlier cycles to be changed.
	earlier chan *attempt
	// recovery is how long the last recovery took that was let to end, undisturbed.
	recovery time.Duration
	// databaseAway says that the database was killed and not started again.
	databaseAway bool
	// loaded and checked are how long the last load and the last check took.
	loaded, checked time.Duration
	// inPeace says that nobody is about to kill the server: it has to answer.
	inPeace bool
	serial  atomic.Int64

	// mutex guards verdict while there is load.
	mutex   sync.Mutex
	verdict Verdict
}

// eraCyclesMax is how many cycles a data directory lives. A start loads the keys of a
// day, so in one that lived for a thousand cycles it would be most of the run, and
// every order would have to be remembered until the end.
const eraCyclesMax = 100

// Run loops. The error is one of the environment, or a server that ended by itself;
// violations are in the verdict.
func (l Loop) Run(ctx context.Context) (*Verdict, error) {
	total := &Verdict{}
	folder, name := filepath.Split(l.Server.Data)
	for begun := 0; begun < l.Cycles; begun += eraCyclesMax {
		era, server := l, *l.Server
		era.Server, era.Cycles, era.Seed = &server, min(eraCyclesMax, l.Cycles-begun), l.Seed+uint64(begun)
		home := filepath.Join(folder, fmt.Sprintf("from-%d", begun))
		server.Data = filepath.Join(home, name)
		if err := errors.Join(os.MkdirAll(home, 0o700), era.newDatabase()); err != nil {
			return total, err
		}
		v, err := era.live(ctx)
		total.add(v)
		if err != nil || len(v.Violations) > 0 {
			return total, err // what the server left is evidence
		}
		if err := os.RemoveAll(home); err != nil {
			return total, err
		}
	}
	return total, nil
}

// live runs the cycles of one data directory.
func (l Loop) live(ctx context.Context) (_ *Verdict, err error) {
	w := &world{Loop: l, random: rand.New(rand.NewPCG(l.Seed, 1))}
	if w.history, err = newHistory(filepath.Join(filepath.Dir(l.Server.Data), "history")); err != nil {
		return &w.verdict, err
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
		begin := time.Now()
		if err := w.killCycle(ctx); err != nil {
			return &w.verdict, err
		}
		fmt.Fprintf(l.Out, "%s (%.1f s: %.1f s of load, the last recovery %.2f s, %.1f s of checks)\n", &w.verdict,
			time.Since(begin).Seconds(), w.loaded.Seconds(), w.recovery.Seconds(), w.checked.Seconds())
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
	for role, key := range map[string]*string{"admin": &w.admin, "service": &w.service} {
		if *key, err = w.Server.run("apikey", "create", "--name", "blackbox-"+role, "--role", role); err != nil {
			return err
		}
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

// killCycle loads, kills, kills in recoveries perhaps, starts and checks.
func (w *world) killCycle(ctx context.Context) error {
	end := w.Server.kill
	if w.Server.famine != nil {
		end = func() error { return w.Server.starve(ctx) }
	}
	earlier, err := w.load(ctx, end)
	if err != nil {
		return err
	}
	w.checkLog()
	if w.verdict.Cycles%5 == 0 {
		if err := w.returnDatabase(); err != nil {
			return err
		}
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
	earlier, err := w.load(ctx, func() error { return errors.Join(w.returnDatabase(), w.Server.stop()) })
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
	w.checkAll()
	err = w.Server.stop()
	w.checkLog()
	return err
}

// load lets buyers and readers at the server, and ends it when there was enough of
// that. It returns the orders of earlier cycles that may have been changed.
func (w *world) load(ctx context.Context, end func() error) ([]*attempt, error) {
	begin := time.Now()
	defer func() { w.loaded = time.Since(begin) }()
	earlier, ending := w.chooseEarlier()
	if err := w.openFresh(); err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	var group sync.WaitGroup
	run := func(count int, do func(int, *rand.Rand)) {
		for i := range count {
			random := rand.New(rand.NewPCG(w.random.Uint64(), 2))
			group.Go(func() { do(i, random) })
		}
	}
	run(buyers, func(i int, random *rand.Rand) { w.buy(i, random, stop) })
	run(1, func(_ int, random *rand.Rand) { w.adjustStocks(random, stop) })
	run(1, func(_ int, random *rand.Rand) { w.payAtTheEnd(ending, random, stop) })
	run(stockReaders, func(_ int, random *rand.Rand) { w.readStocks(random, stop) })
	run(orderReaders, func(_ int, random *rand.Rand) { w.readOrders(random, stop) })
	err := w.loseDatabase(ctx)
	if err == nil {
		err = w.awaitAcknowledgements(ctx, w.AcknowledgementsMin)
	}
	if err == nil {
		pause(w.random, killDelayMax)
		err = end()
	}
	close(stop)
	group.Wait()
	return earlier, err
}

// chooseEarlier draws orders that exist: those whose holds are about to end, those
// that were paid for first and are not shipped, and any. ending are some of the first,
// in the order in which they end; nobody else is given these.
func (w *world) chooseEarlier() (chosen, ending []*attempt) {
	known := make(map[*attempt]bool)
	choose := func(a *attempt, most int) {
		if len(chosen) < most && !known[a] {
			known[a] = true
			chosen = append(chosen, a)
		}
	}
	now := time.Now()
	for _, p := range w.onSale {
		for _, a := range p.orders {
			switch {
			case a.endsBefore(now.Add(2 * time.Second)):
				choose(a, earlierMax/3)
			case a.state.status == statusConfirmed || a.state.status == statusPartiallyShipped:
				choose(a, earlierMax*3/4)
			}
		}
	}
	for range min(earlierMax, len(w.orders)) {
		choose(w.orders[w.random.IntN(len(w.orders))], earlierMax)
	}
	w.earlier = make(chan *attempt, len(chosen))
	for _, i := range w.random.Perm(len(chosen)) {
		if a := chosen[i]; a.endsBefore(now.Add(2*time.Second)) && now.Before(a.expires) && len(ending) < endingMax {
			ending = append(ending, a)
		} else {
			w.earlier <- a
		}
	}
	slices.SortFunc(ending, func(a, b *attempt) int { return a.expires.Compare(b.expires) })
	return chosen, ending
}

// pause lets the server run for a while before it is killed: the moment of the
// kill is the experiment's variable, nothing waits for it.
func pause(random *rand.Rand, most time.Duration) {
	<-time.After(time.Duration(random.Int64N(int64(most))))
}

// awaitAcknowledgements returns when so many orders were acknowledged in the cycle.
func (w *world) awaitAcknowledgements(ctx context.Context, count int) error {
	deadline := time.After(readyMax)
	for w.history.acknowledged() < count {
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
