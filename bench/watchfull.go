package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"holdfast/api/client/ticker"
)

// fullClients watch through api/client/ticker, and check all that they are told. Their times
// are not taken: they cost more than the connections of the crowd.
type fullClients struct {
	faults  *flashFaults
	total   int64
	clients []*fullClient
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// fullClient is one of them.
type fullClient struct {
	client *ticker.Client
	lock   sync.Mutex
	last   ticker.Product
	states int64
}

// openFull starts them and returns when each was shown the product. Beside a peer there are
// none: they do not speak its protocol.
func (r *watchRun) openFull(ctx context.Context) (*fullClients, error) {
	f := &fullClients{faults: &r.faults, total: r.products[r.product].opening.OnHand}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f.cancel = cancel
	if r.peer {
		return f, nil
	}
	options := ticker.Options{Address: r.shop.address}
	if r.Protocol == ProtocolMsgpack {
		options.Protocol = ticker.Msgpack
	}
	channel := ticker.ProductChannel(r.products[r.product].id)
	for range r.Full {
		c := &fullClient{client: ticker.New(options)}
		f.clients = append(f.clients, c)
		f.running.Go(func() {
			if err := c.client.Run(running); !errors.Is(err, context.Canceled) {
				f.faults.add("a full client ended: %v", err)
			}
		})
		shown := make(chan struct{})
		f.running.Go(func() { f.check(running, c, shown) })
		if err := c.client.Subscribe(ctx, ticker.Subscription{Hertz: r.asked}, channel); err != nil {
			return f, fmt.Errorf("subscribe a full client: %w", err)
		}
		select {
		case <-shown:
		case <-ctx.Done():
			return f, context.Cause(ctx)
		}
	}
	return f, nil
}

// check reads what a client is told until it ends. shown is closed at the first state.
func (f *fullClients) check(ctx context.Context, c *fullClient, shown chan struct{}) {
	for {
		update, err := c.client.Next(ctx)
		if err != nil {
			return
		}
		if update.Link != nil && !update.Link.Connected {
			f.faults.add("a full client was cut off: %v", update.Link.Err)
		}
		if p := update.Product; p != nil {
			f.compare(c, p)
			if shown != nil {
				close(shown)
				shown = nil
			}
		}
	}
}

// compare finds a state that cannot be. Orders move units and make none.
func (f *fullClients) compare(c *fullClient, p *ticker.Product) {
	c.lock.Lock()
	defer c.lock.Unlock()
	switch {
	case p.Before(c.last.Version):
		f.faults.add("a full client was shown %v after %v", p.Version, c.last.Version)
	case p.Available < 0 || p.Reserved < 0 || p.Sold < 0 || p.Available+p.Reserved+p.Sold != f.total:
		f.faults.add("a full client was shown %d available, %d reserved and %d sold of %d", p.Available, p.Reserved, p.Sold, f.total)
	case p.Version == c.last.Version && p.Available != c.last.Available:
		f.faults.add("a full client was shown %d and %d units with one version", c.last.Available, p.Available)
	}
	c.last, c.states = *p, c.states+1
}

func (f *fullClients) close() {
	f.cancel()
	f.running.Wait()
}

func (f *fullClients) count() int { return len(f.clients) }

// shown is how many states they were shown.
func (f *fullClients) shown() (sum int64) {
	for _, c := range f.clients {
		c.lock.Lock()
		sum += c.states
		c.lock.Unlock()
	}
	return sum
}

// show reports whether all of them show the stock.
func (f *fullClients) show(stock productStock) bool {
	for _, c := range f.clients {
		c.lock.Lock()
		last := c.last
		c.lock.Unlock()
		if last.Stock != uint64(stock.Version) || last.Available != stock.Available || last.Reserved != stock.Reserved || last.Sold != stock.Committed {
			return false
		}
	}
	return true
}

// String says what they show, for the text of a fault.
func (f *fullClients) String() string {
	if len(f.clients) == 0 {
		return "none"
	}
	c := f.clients[0]
	c.lock.Lock()
	defer c.lock.Unlock()
	return fmt.Sprintf("%d, the first at %v", len(f.clients), c.last.Version)
}
