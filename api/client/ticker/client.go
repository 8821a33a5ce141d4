package ticker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// productPrefix begins the channel of a product.
const productPrefix = "p:"

// ProductChannel is the channel of a product.
func ProductChannel(id string) string { return productPrefix + id }

// Subscription says how channels are wanted.
type Subscription struct {
	// Hertz is how often to be told at most; zero keeps them silent.
	Hertz float64
	// Slow asks for slow facts too.
	Slow bool
}

var (
	// ErrRunning is returned by a second Run.
	ErrRunning = errors.New("the client runs already, or has run")
	// ErrEnded is wrapped by what is returned after Run has.
	ErrEnded = errors.New("the client has ended")
	// ErrTooMany is returned for more than [ChannelsMax] channels.
	ErrTooMany = errors.New("a connection has at most 200 channels")
	// ErrNoSuchChannel is returned for a channel that is not subscribed.
	ErrNoSuchChannel = errors.New("the channel is not subscribed")
)

// Client watches channels. Any number of goroutines may use it.
type Client struct {
	options Options
	codec   codec

	lock     sync.Mutex
	running  bool
	ended    error
	channels map[string]*channel
	// waiting are the channels that have something to tell, each once, in the order in which
	// that began; link is what has changed about the connection.
	waiting []*channel
	link    *Link
	// told has room for one: that there is something to tell.
	told chan struct{}
	// connection is nil while there is none; moved is closed when that changes.
	connection *connection
	moved      chan struct{}
	// over is closed at the end.
	over chan struct{}
}

// New returns a client that does nothing until it runs.
func New(options Options) *Client {
	options.fill()
	return &Client{options: options, codec: options.Protocol.codec(), channels: map[string]*channel{}, told: make(chan struct{}, 1),
		moved: make(chan struct{}), over: make(chan struct{})}
}

// Next waits until something has changed and returns it. Channels take turns.
func (c *Client) Next(ctx context.Context) (Update, error) {
	for {
		c.lock.Lock()
		update, found := c.pop()
		ended := c.ended
		c.lock.Unlock()
		switch {
		case found:
			return update, nil
		case ended != nil:
			return Update{}, ended
		}
		select {
		case <-c.told:
		case <-c.over:
		case <-ctx.Done():
			return Update{}, ctx.Err()
		}
	}
}

// pop takes what is to be told next.
func (c *Client) pop() (u Update, found bool) {
	switch {
	case c.link != nil:
		u, found = Update{Link: c.link}, true
		c.link = nil
	case len(c.waiting) > 0:
		first := c.waiting[0]
		c.waiting = slices.Delete(c.waiting, 0, 1)
		first.queued = false
		u, found = first.news(), true
	}
	if c.link != nil || len(c.waiting) > 0 {
		c.tell()
	}
	return u, found
}

func (c *Client) tell() {
	select {
	case c.told <- struct{}{}:
	default:
	}
}

// mark says that a channel has something to tell.
func (c *Client) mark(changed *channel) {
	if !changed.queued {
		changed.queued = true
		c.waiting = append(c.waiting, changed)
	}
	c.tell()
}

// Product returns what is held of a product whose channel is subscribed.
func (c *Client) Product(id string) (Product, bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if held := c.channels[ProductChannel(id)]; held != nil && held.product != nil {
		return *held.product, true
	}
	return Product{}, false
}

// Subscribe asks for channels and waits until the server sends all of them, or refuses one,
// or ctx ends: then it goes on being asked for, unless it is unsubscribed. What is subscribed
// already gets the rate and the facts that are asked for now.
func (c *Client) Subscribe(ctx context.Context, wanted Subscription, names ...string) error {
	c.lock.Lock()
	settled := make([]*channel, 0, len(names))
	for _, name := range names {
		held := c.channels[name]
		switch {
		case held == nil && len(c.channels) >= ChannelsMax:
			c.lock.Unlock()
			return ErrTooMany
		case held == nil:
			held = newChannel(name, wanted)
			c.channels[name] = held
		default:
			held.unsettle()
			held.hertz, held.slow, held.unwanted = wanted.Hertz, wanted.Slow, false
			if held.wants() == "" {
				held.settle(nil)
			}
		}
		settled = append(settled, held)
	}
	c.nudge()
	c.lock.Unlock()
	return c.await(ctx, settled)
}

// Unsubscribe ends channels, and waits until the server has.
func (c *Client) Unsubscribe(ctx context.Context, names ...string) error {
	return c.alter(ctx, names, func(held *channel) {
		if held.unwanted = true; !held.subscribed && !held.asked {
			c.forget(held)
			held.settle(nil)
		}
	})
}

// Rate changes how often to be told of channels, of all when none is named.
func (c *Client) Rate(ctx context.Context, hertz float64, names ...string) error {
	return c.alter(ctx, names, func(held *channel) {
		if held.hertz = hertz; held.wants() == "" {
			held.settle(nil)
		}
	})
}

// alter changes channels and waits until that is done.
func (c *Client) alter(ctx context.Context, names []string, change func(*channel)) error {
	c.lock.Lock()
	var altered []*channel
	for name, held := range c.channels {
		if len(names) == 0 || slices.Contains(names, name) {
			altered = append(altered, held)
		}
	}
	if len(altered) < len(names) {
		c.lock.Unlock()
		return ErrNoSuchChannel
	}
	for _, held := range altered {
		held.unsettle()
		change(held)
	}
	c.nudge()
	c.lock.Unlock()
	return c.await(ctx, altered)
}

// await waits until channels are settled.
func (c *Client) await(ctx context.Context, channels []*channel) (err error) {
	for _, awaited := range channels {
		c.lock.Lock()
		settled := awaited.settled
		c.lock.Unlock()
		select {
		case <-settled:
			c.lock.Lock()
			if err == nil {
				err = awaited.refused
			}
			c.lock.Unlock()
		case <-ctx.Done():
			return ctx.Err()
		case <-c.over:
			c.lock.Lock()
			ended := c.ended
			c.lock.Unlock()
			return ended
		}
	}
	return err
}

// nudge has the connection look at what is wanted.
func (c *Client) nudge() {
	if c.connection != nil {
		c.connection.nudge()
	}
}

// forget takes a channel away. What it has to tell is told all the same.
func (c *Client) forget(gone *channel) {
	if c.channels[gone.name] == gone {
		delete(c.channels, gone.name)
	}
}

// isBoard reports whether a channel is one of several products.
func isBoard(name string) bool { return name == "*" || strings.HasPrefix(name, "c:") }

// end notes that nothing comes any more.
func (c *Client) end(err error) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.ended == nil {
		c.ended = fmt.Errorf("%w: %w", ErrEnded, err)
		close(c.over)
	}
	return err
}
