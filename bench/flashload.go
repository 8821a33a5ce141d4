package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/progress"
)

// flashSeed makes all that is random the same in every run.
const flashSeed = 0x666c617368

// flashOverrunMax is how long after the last order was due the generator goes on, when
// the server is behind. What is not sent by then is given up, and counted.
const flashOverrunMax = 10 * time.Second

// flashLead is the time before the first order in which the workers get ready.
const flashLead = 10 * time.Millisecond

// flashShowEvery is the time between two looks at the bar.
const flashShowEvery = 100 * time.Millisecond

// errServerEnded is returned when the server ends by itself.
var errServerEnded = errors.New("the server ended")

// flashSource hands a worker the next order, and false at the end.
type flashSource func() (flashTicket, bool)

// work sends what the source hands out over the connections until there is no more, and
// returns what became of it. All connections are open before the first order is due.
// serve, when there is one, runs meanwhile.
func (s *flashSession) work(connections int, next flashSource, serve func()) ([]flashEntry, error) {
	workers := make([]*flashWorker, connections)
	for i := range workers {
		workers[i] = newFlashWorker(s, i)
	}
	defer func() {
		for _, worker := range workers {
			worker.connection.close()
		}
	}()
	for i := range workers {
		if err := workers[i].connection.connect(time.Now()); err != nil {
			return nil, err
		}
	}
	var running sync.WaitGroup
	for _, worker := range workers {
		running.Go(func() {
			for ticket, more := next(); more; ticket, more = next() {
				worker.send(ticket)
				s.underWay.Add(-1)
			}
		})
	}
	if serve != nil {
		serve()
	}
	running.Wait()
	var entries []flashEntry
	for _, worker := range workers {
		entries = append(entries, worker.entries...)
	}
	return entries, nil
}

// closedLoop sends orders for the duration, each connection the next when the one before
// is answered, and returns them. product chooses that of a serial.
func (s *flashSession) closedLoop(ctx context.Context, connections int, product func(serial uint32) uint32, duration time.Duration) ([]flashEntry, error) {
	end := s.now() + duration
	entries, err := s.work(connections, func() (flashTicket, bool) {
		now := s.now()
		if now >= end || ctx.Err() != nil || s.serial.Load() >= flashOrdersMax {
			return flashTicket{}, false
		}
		serial := s.serial.Add(1)
		s.underWay.Add(1)
		return flashTicket{due: now, serial: serial, product: product(serial)}, true
	}, nil)
	return entries, errors.Join(err, ctx.Err(), s.alive())
}

// flashOrders are the orders of an open loop.
type flashOrders struct {
	perSecond float64
	duration  time.Duration
	poisson   bool
	// repeat is the share of orders that are sent again, hot that of the first product.
	repeat, hot float64
	// products are indexes, the hot one first.
	products    []uint32
	connections int
	// overrun is how long after the last order was due the server may be behind.
	overrun time.Duration
	bar     *progress.Bar
}

// openLoop sends orders when they are due, whether or not those before are answered. An
// order that finds no connection free waits in the schedule; its time runs all the same.
// unsent are those that were given up.
func (s *flashSession) openLoop(ctx context.Context, o flashOrders) (entries []flashEntry, unsent int, err error) {
	// Only a worker that has nothing to do takes a ticket.
	tickets := make(chan flashTicket)
	entries, err = s.work(o.connections, func() (flashTicket, bool) {
		ticket, more := <-tickets
		return ticket, more
	}, func() {
		defer close(tickets)
		unsent = s.hand(ctx, o, tickets)
	})
	return entries, unsent, errors.Join(err, ctx.Err(), s.alive())
}

// hand hands the tickets out, each when it is due, and returns how many it gave up.
func (s *flashSession) hand(ctx context.Context, o flashOrders, tickets chan<- flashTicket) (unsent int) {
	random := rand.New(rand.NewPCG(flashSeed, 0))
	var arrivals *rand.Rand
	if o.poisson {
		arrivals = rand.New(rand.NewPCG(flashSeed, 1))
	}
	pace, zero := newFlashPace(o.perSecond, arrivals), s.now()+flashLead
	giveUp := time.NewTimer(o.duration + o.overrun)
	defer giveUp.Stop()
	givenUp, shown, late := false, time.Duration(0), false
	for count := int64(1); s.serial.Load() < flashOrdersMax; count++ {
		due := pace.due()
		if due >= o.duration || ctx.Err() != nil || s.alive() != nil {
			break
		}
		if givenUp {
			unsent++
			continue
		}
		ticket := flashTicket{due: zero + due, serial: s.serial.Add(1), product: o.pick(random), repeat: random.Float64() < o.repeat}
		slept := s.sleepUntil(ctx, ticket.due)
		// Behind an order that waited, one whose time has passed waits too. Only when all
		// connections have an order under way is it the server that they wait for.
		full := s.underWay.Load() >= int64(o.connections)
		ticket.waited = full || late && !slept
		if late, givenUp = s.offer(ctx, ticket, tickets, giveUp.C); givenUp {
			unsent++
		}
		if due-shown >= flashShowEvery {
			shown = due
			o.bar.Set(count)
		}
	}
	return unsent
}

// offer gives a ticket to a worker. waited says that it had to wait for a connection;
// givenUp that there was none until the end.
func (s *flashSession) offer(ctx context.Context, ticket flashTicket, tickets chan<- flashTicket, end <-chan time.Time) (waited, givenUp bool) {
	select {
	case tickets <- ticket:
		s.underWay.Add(1) // before the worker knows: the next one may be due now
		return ticket.waited, false
	default:
	}
	select {
	case tickets <- ticket:
		s.underWay.Add(1)
	case <-end:
		return ticket.waited, true
	case <-ctx.Done():
	case <-s.shop.ended:
	}
	return ticket.waited, false
}

// pick chooses the product of an order.
func (o *flashOrders) pick(random *rand.Rand) uint32 {
	if len(o.products) == 1 || random.Float64() < o.hot {
		return o.products[0]
	}
	return o.products[1+random.IntN(len(o.products)-1)]
}

// flashNapMax bounds one sleep, so that an interrupt is heard.
const flashNapMax = 20 * time.Millisecond

// sleepUntil waits for a moment since the session began and reports whether there was
// anything to wait for. It sleeps in the kernel, which wakes it within about 60 µs: a
// timer of Go is late by up to a millisecond while the process has nothing else to do.
func (s *flashSession) sleepUntil(ctx context.Context, moment time.Duration) bool {
	slept := false
	for left := moment - s.now(); left > 0 && ctx.Err() == nil; left = moment - s.now() {
		nap := syscall.NsecToTimespec(int64(min(left, flashNapMax)))
		_ = syscall.Nanosleep(&nap, nil) // a signal ends it early, and then it goes on
		slept = true
	}
	return slept
}

// alive returns an error when the server has ended.
func (s *flashSession) alive() error {
	select {
	case <-s.shop.ended:
		return errServerEnded
	default:
		return nil
	}
}

// newBar returns a bar of work.
func (f Flash) newBar(what string, total int64) *progress.Bar {
	return progress.New(f.Progress, f.Watched, what, total, clock.NewSystem())
}

// processorTime is what server and generator have used so far, in seconds.
type processorTime struct{ server, generator float64 }

func (s *flashSession) processorTime() (used processorTime, err error) {
	if used.server, err = s.shop.cpuSeconds(); err != nil {
		return used, err
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return used, fmt.Errorf("read the generator's processor time: %w", err)
	}
	used.generator = (time.Duration(usage.Utime.Nano()) + time.Duration(usage.Stime.Nano())).Seconds()
	return used, nil
}
