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

// Verdict is what a loop has seen.
type Verdict struct {
	Cycles, Acknowledged, Refused, Unknown, Repeats int
	// InFlight counts the cycles in which an order was durable that had not been
	// acknowledged: the kill met a batch in flight.
	InFlight int
	// Recoveries counts the kills during recovery.
	Recoveries int
	// UnknownDurable counts the orders of unknown outcome that exist.
	UnknownDurable int
	Violations     []string
}

// String returns the verdict as a line.
func (v *Verdict) String() string {
	return fmt.Sprintf("%d cycles: %d acknowledged, %d refused, %d unknown (%d of them exist), %d repeats; "+
		"%d kills with a batch in flight, %d during recovery; %d violations",
		v.Cycles, v.Acknowledged, v.Refused, v.Unknown, v.UnknownDurable, v.Repeats, v.InFlight, v.Recoveries, len(v.Violations))
}

const (
	customers = 64
	workers   = 64
	// plenty never sells out in a run, scarce does.
	plenty = 1_000_000_000
	scarce = 700
)

var openings = []int64{plenty, plenty, scarce, scarce, 5}

// world is one run.
type world struct {
	Loop
	random   *rand.Rand
	client   *client
	history  *history
	admin    string
	tokens   []string
	products []string
	// exists has all attempts that are known to have made an order.
	exists  []*attempt
	verdict Verdict
	serial  atomic.Int64
}

// Run loops. The error is one of the environment; violations are in the verdict.
func (l Loop) Run(ctx context.Context) (*Verdict, error) {
	w := &world{Loop: l, random: rand.New(rand.NewPCG(l.Seed, 1))}
	var err error
	if w.history, err = newHistory(filepath.Join(filepath.Dir(l.Server.Data), "history")); err != nil {
		return nil, err
	}
	if err := w.open(ctx); err != nil {
		return nil, errors.Join(err, w.history.close())
	}
	for range l.Cycles {
		if err := w.cycle(ctx); err != nil {
			return &w.verdict, errors.Join(err, w.Server.kill(), w.history.close())
		}
		fmt.Fprintln(l.Out, w.verdict.String())
	}
	w.checkStock()
	return &w.verdict, errors.Join(w.Server.stop(), w.history.close())
}

// open seeds the server, starts it and creates the products.
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
	if err := w.restart(ctx); err != nil {
		return err
	}
	for i, opening := range openings {
		reply := w.client.do(call{method: "POST", path: "/api/products", token: w.admin, body: fmt.Sprintf(
			`{"sku":"P-%d","name":"Product %d","description":"","category":"test","price":{"amount":100,"currency":"EUR"},"stock":%d}`, i, i, opening)})
		product, err := decode[struct {
			ID string `json:"id"`
		}](reply)
		if err != nil || reply.status != 201 {
			return fmt.Errorf("create a product: %d %s: %w", reply.status, reply.body, err)
		}
		w.products = append(w.products, product.ID)
	}
	return nil
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

func (w *world) restart(ctx context.Context) error {
	if err := w.Server.start(); err != nil {
		return err
	}
	w.client = newClient(w.Server.address)
	return w.Server.awaitReady(ctx)
}

// cycle loads, kills, starts and checks.
func (w *world) cycle(ctx context.Context) error {
	stop := make(chan struct{})
	var group sync.WaitGroup
	for worker := range workers {
		seed := w.random.Uint64()
		group.Go(func() { w.work(worker, rand.New(rand.NewPCG(seed, 2)), stop) })
	}
	err := w.awaitAcknowledgements(ctx)
	pause(time.Duration(w.random.IntN(100)) * time.Millisecond)
	if killed := w.Server.kill(); err == nil {
		err = killed
	}
	close(stop)
	group.Wait()
	if err != nil {
		return err
	}
	w.verdict.Cycles++
	for w.random.IntN(3) == 0 {
		if err := w.Server.start(); err != nil {
			return err
		}
		pause(time.Duration(w.random.IntN(120)) * time.Millisecond)
		if err := w.Server.kill(); err != nil {
			return err
		}
		w.verdict.Recoveries++
	}
	if err := w.restart(ctx); err != nil {
		return err
	}
	w.check()
	return nil
}

// pause lets the server run for a while before it is killed: the moment of the
// kill is the experiment's variable, nothing waits for it.
func pause(duration time.Duration) { <-time.After(duration) }

func (w *world) awaitAcknowledgements(ctx context.Context) error {
	deadline := time.After(readyMax)
	for w.history.acknowledged() < w.AcknowledgementsMin {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			return fmt.Errorf("only %d acknowledgements within %s\n%s", w.history.acknowledged(), readyMax, w.Server.log.String())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (w *world) violation(format string, arguments ...any) {
	w.verdict.Violations = append(w.verdict.Violations, fmt.Sprintf(format, arguments...))
}
