package hints

import (
	"context"
	"fmt"
	"sync"

	"holdfast/persistence"
)

// Flights are the loads under way. The zero value is ready.
type Flights struct {
	lock sync.Mutex
	all  map[string]*Flight
}

// Flight is one load, and those who wait for it.
type Flight struct {
	flights *Flights
	key     string
	// outdated says that the key was invalidated after the flight began; waiters is how
	// many wait for it. The lock of flights guards both.
	outdated bool
	waiters  int
	cancel   context.CancelFunc
	done     chan struct{}
	told     sync.Once
	value    []byte
	err      error
}

// Tell gives the result to all who wait. Only the first call counts.
func (f *Flight) Tell(value []byte, err error) {
	f.told.Do(func() {
		f.value, f.err = value, err
		close(f.done)
	})
}

// End is Tell for work that has nothing left to do: who asks from now on begins anew.
func (f *Flight) End(value []byte, err error) {
	f.flights.lock.Lock()
	f.flights.remove(f)
	f.flights.lock.Unlock()
	f.Tell(value, err)
}

// IfCurrent calls keep, which must not wait, unless the key was invalidated since the
// flight began. No invalidation returns meanwhile.
func (f *Flight) IfCurrent(keep func()) {
	f.flights.lock.Lock()
	defer f.flights.lock.Unlock()
	if !f.outdated {
		keep()
	}
}

// Do runs work for the key, or waits for a run that is under way already and was not
// invalidated. It reports whether it was shared. The run has ctx's values, and ends when
// nobody waits for it any more; work calls End, or Tell and may go on after it.
func (f *Flights) Do(ctx context.Context, key string, work func(context.Context, *Flight)) (value []byte, shared bool, err error) {
	flight, shared := f.join(ctx, key, work)
	select {
	case <-flight.done:
	default:
		select {
		case <-flight.done:
		case <-ctx.Done():
			f.leave(flight)
			return nil, shared, ctx.Err()
		}
	}
	f.leave(flight)
	return flight.value, shared, flight.err
}

func (f *Flights) join(ctx context.Context, key string, work func(context.Context, *Flight)) (*Flight, bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if found := f.all[key]; found != nil {
		found.waiters++
		return found, true
	}
	flight := &Flight{flights: f, key: key, waiters: 1, done: make(chan struct{})}
	run, cancel := context.WithTimeout(context.WithoutCancel(ctx), persistence.CacheLoadTimeMax)
	flight.cancel = cancel
	if len(f.all) < persistence.CacheLoadsMax {
		if f.all == nil {
			f.all = make(map[string]*Flight)
		}
		f.all[key] = flight
	} else {
		flight.outdated = true // Invalidate would not find it
	}
	go flight.run(run, work)
	return flight, false
}

// leave ends a run that nobody has waited for to its end.
func (f *Flights) leave(flight *Flight) {
	f.lock.Lock()
	defer f.lock.Unlock()
	flight.waiters--
	select {
	case <-flight.done:
		return // it ends by itself
	default:
	}
	if flight.waiters == 0 {
		flight.cancel()
		f.remove(flight)
	}
}

// remove makes the next one who asks for the key begin anew.
func (f *Flights) remove(flight *Flight) {
	if f.all[flight.key] == flight {
		delete(f.all, flight.key)
	}
}

func (f *Flight) run(ctx context.Context, work func(context.Context, *Flight)) {
	defer f.cancel()
	defer func() {
		// A load is somebody else's code on a goroutine of ours. Who is told of its end and
		// asks again must not meet it once more.
		if reason := recover(); reason != nil {
			f.End(nil, fmt.Errorf("%w: panic: %v", persistence.ErrLoadFailed, reason))
		}
		f.End(nil, persistence.ErrLoadFailed)
	}()
	work(ctx, f)
}

// Invalidate parts those who asked before from those who ask later, and calls forget,
// which must not wait, before anybody else can keep something.
func (f *Flights) Invalidate(keys []string, forget func()) {
	f.lock.Lock()
	defer f.lock.Unlock()
	for _, key := range keys {
		if flight := f.all[key]; flight != nil {
			flight.outdated = true
			delete(f.all, key)
		}
	}
	forget()
}
