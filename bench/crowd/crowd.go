package crowd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// openersMax is how many connections are opened at once.
	openersMax = 8
	// opensPerSecond is how fast: servers bound it.
	opensPerSecond = 1_200
	// busyMax is how often a connection is tried again that finds no room, busyPause the
	// pause before that.
	busyMax   = 20
	busyPause = 250 * time.Millisecond
	// descriptorsReserved are for everything but connections.
	descriptorsReserved = 128
	// readyTimeout bounds the wait for the first state of every connection.
	readyTimeout = 60 * time.Second
	// readyPause is the time between two looks.
	readyPause = 10 * time.Millisecond
	// loopsMax bounds the goroutines that read.
	loopsMax = 8
)

// Options say how a crowd is made. Address, Dialect, Connections, Loops, Began and Faults
// are required.
type Options struct {
	// Address is the server's: 127.0.0.1 and a port.
	Address string
	Dialect Dialect
	// Connections is how many there are, Loops how many goroutines read them.
	Connections, Loops int
	// ReceiveBytes, unless it is zero, is asked of the kernel for what has arrived and is not
	// read: a client that stalls is felt by the server after that.
	ReceiveBytes int
	// RecordsMax is how many records there is room for.
	RecordsMax int
	// Began is the zero of the times of records.
	Began time.Time
	// MayEnd says that the server may end connections: that is counted and no fault.
	MayEnd bool
	// Faults takes what is wrong. Any goroutine may call it.
	Faults func(format string, arguments ...any)
}

// Record says that a connection was shown a version.
type Record struct {
	// At is in microseconds since Began.
	At      uint32
	Member  uint32
	Version uint32
}

// Tally is what a crowd has seen so far.
type Tally struct {
	// Open are connected, Ready were shown a state, and Lost ended without a close.
	Open, Ready, Lost int
	// Frames and Bytes came, Shown of them were states, Backwards older than before.
	Frames, Bytes, Shown, Backwards int64
	// Closes counts the closes of the server by their code.
	Closes map[int]int
}

func (t *Tally) add(o *Tally) {
	t.Open, t.Ready, t.Lost = t.Open+o.Open, t.Ready+o.Ready, t.Lost+o.Lost
	t.Frames, t.Bytes, t.Shown, t.Backwards = t.Frames+o.Frames, t.Bytes+o.Bytes, t.Shown+o.Shown, t.Backwards+o.Backwards
	for code, count := range o.Closes {
		if t.Closes == nil {
			t.Closes = map[int]int{}
		}
		t.Closes[code] += count
	}
}

// Crowd is many connections that watch one product.
type Crowd struct {
	options          Options
	address          netip.AddrPort
	request, opening []byte
	loops            []*loop
	running          sync.WaitGroup
	ready            atomic.Int64
	recording        atomic.Bool
}

// Open opens all connections and returns when each was shown the product, or one could not
// be opened.
func Open(ctx context.Context, options Options) (_ *Crowd, err error) {
	c := &Crowd{options: options, opening: openingOf(&options.Dialect)}
	if c.address, err = netip.ParseAddrPort(options.Address); err != nil || !c.address.Addr().Is4() {
		return nil, fmt.Errorf("the address %q is no IPv4 address with a port: %w", options.Address, err)
	}
	if options.Loops < 1 || options.Loops > loopsMax || options.Connections < 0 {
		return nil, fmt.Errorf("%d connections are not read by %d loops", options.Connections, options.Loops)
	}
	if err := raiseDescriptors(options.Connections); err != nil {
		return nil, err
	}
	c.request = requestOf(c.address, &options.Dialect)
	for range options.Loops {
		l, err := newLoop(c, options.RecordsMax/options.Loops)
		if err != nil {
			c.Close()
			return nil, err
		}
		c.loops = append(c.loops, l)
		c.running.Go(l.run)
	}
	if err = c.openAll(ctx); err == nil {
		err = c.awaitReady(ctx)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// raiseDescriptors makes room for connections, as far as this process may.
func raiseDescriptors(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return fmt.Errorf("raise the limit of open files to %d: %w", limit.Max, err)
		}
	}
	if uint64(connections)+descriptorsReserved > limit.Cur {
		return fmt.Errorf("%d connections do not fit into %d open files: raise the hard limit (ulimit -Hn)", connections, limit.Cur)
	}
	return nil
}

// openAll opens the connections, so many a second.
func (c *Crowd) openAll(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	var next atomic.Int64
	var openers sync.WaitGroup
	for range openersMax {
		openers.Go(func() {
			for number := next.Add(1) - 1; number < int64(c.options.Connections); number = next.Add(1) - 1 {
				if !wait(ctx, time.Until(began.Add(time.Duration(number)*time.Second/opensPerSecond))) {
					return
				}
				if err := c.open(ctx, int(number)); err != nil {
					cancel(fmt.Errorf("connection %d: %w", number, err))
					return
				}
			}
		})
	}
	openers.Wait()
	return context.Cause(ctx)
}

// open opens one connection, and tries again while there is no room.
func (c *Crowd) open(ctx context.Context, number int) error {
	for attempt := 1; ; attempt++ {
		descriptor, early, err := c.dial(number)
		switch {
		case err == nil:
			l := c.loops[number%len(c.loops)]
			l.ask(func() { l.add(descriptor, uint32(number), early) })
			return nil
		case !errors.Is(err, errBusy) || attempt == busyMax:
			return err
		case !wait(ctx, busyPause):
			return context.Cause(ctx)
		}
	}
}

// wait waits, and reports whether ctx went on for so long.
func wait(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// awaitReady waits until every connection was shown a state.
func (c *Crowd) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for c.ready.Load() < int64(c.options.Connections) {
		if !wait(ctx, readyPause) {
			return fmt.Errorf("%d of %d connections were shown the product: %w", c.ready.Load(), c.options.Connections, context.Cause(ctx))
		}
		if tally := c.Tally(); tally.Open < c.options.Connections {
			return fmt.Errorf("%d of %d connections ended before they were all open", c.options.Connections-tally.Open, c.options.Connections)
		}
	}
	return nil
}

// now is the time since Began in microseconds; after 71 minutes it begins anew.
func (c *Crowd) now() uint32 { return uint32(time.Since(c.options.Began).Microseconds()) }

func (c *Crowd) faults(format string, arguments ...any) { c.options.Faults(format, arguments...) }

// Record begins or ends recording.
func (c *Crowd) Record(on bool) { c.recording.Store(on) }

// Pause lets all connections stall: nothing is read, and pings are not answered.
func (c *Crowd) Pause() {
	for _, l := range c.loops {
		l.ask(func() { l.paused = true })
	}
}

// Resume reads again.
func (c *Crowd) Resume() {
	for _, l := range c.loops {
		l.ask(func() { l.paused = false })
	}
}

// Tally counts what was seen.
func (c *Crowd) Tally() (t Tally) {
	for _, l := range c.loops {
		l.ask(func() { t.add(&l.tally) })
	}
	return t
}

// Behind returns how many connections show another version or number than these, and what
// one of them shows.
func (c *Crowd) Behind(version uint64, available int64) (count int, one State) {
	for _, l := range c.loops {
		l.ask(func() {
			for _, m := range l.members {
				if m.state.Version != version || m.state.Available != available {
					count, one = count+1, m.state
				}
			}
		})
	}
	return count, one
}

// Records returns what was recorded, by loop and in the order of time, and how much there
// was no room for. It may be read until the crowd records again.
func (c *Crowd) Records() (records [][]Record, lost int) {
	for _, l := range c.loops {
		l.ask(func() {
			records = append(records, l.records)
			lost += l.lost
		})
	}
	return records, lost
}

// Close ends all connections.
func (c *Crowd) Close() {
	for _, l := range c.loops {
		l.ask(func() { l.ended, l.paused = true, false })
	}
	c.running.Wait()
}
