package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"holdfast/bench/crowd"
)

const (
	// watchWarmUp is how long a new server is loaded before anything is measured, and
	// watchWarmConnections by how many connections.
	watchWarmUp          = time.Second
	watchWarmConnections = 16
	// aloneDurationMax bounds how long orders are placed while nobody watches, to know what the
	// server needs then, unless that is compared.
	aloneDurationMax = 5 * time.Second
	// quietTimeout bounds the wait until every connection shows the last state, quietPause is
	// the time between two looks.
	quietTimeout = 20 * time.Second
	quietPause   = 50 * time.Millisecond
)

// watchRow is one measurement.
type watchRow struct {
	arm         watchArm
	connections int
	orders      int
	took        time.Duration
	frames      int64
	bytes       int64
	times       watchTimes
	late        latencies
	// server and generator are seconds of processor time, and alone what the server takes in a
	// second of the same orders when nobody watches.
	server, generator, alone float64
	// memory is KiB for an idle connection.
	memory float64
	stall  *watchStall
	// checked are the states that full clients have checked.
	checked int64
}

// ordersSeconds is the server's processor time for all but watching.
func (r *watchRow) ordersSeconds() float64 { return r.alone * r.took.Seconds() }

// perFrame is the server's processor time for a frame, in microseconds, without that of the
// orders.
func (r *watchRow) perFrame() float64 {
	return 1e6 * (r.server - r.ordersSeconds()) / float64(max(r.frames, 1))
}

// watchRun is a measurement under way.
type watchRun struct {
	*Watch
	*watchServer
	arm *watchArm
	row *watchRow
	// crowd are the connections whose times are taken, deaf those that stall when the arm says
	// so.
	crowd, deaf *crowd.Crowd
	full        *fullClients
}

// measure measures one arm on a server of its own.
func (w *Watch) measure(ctx context.Context, arm watchArm, row *watchRow) (err error) {
	s, err := w.openServer(ctx, &arm)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	*row = watchRow{arm: arm, connections: w.Connections}
	run := &watchRun{Watch: w, watchServer: s, arm: &arm, row: row}
	defer run.closeCrowds()
	if err := run.all(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, &s.shop.log)
	}
	return nil
}

func (r *watchRun) closeCrowds() {
	if r.full != nil {
		r.full.close()
	}
	for _, c := range []*crowd.Crowd{r.crowd, r.deaf} {
		if c != nil {
			c.Close()
		}
	}
}

// all does the parts of a measurement.
func (r *watchRun) all(ctx context.Context) error {
	if err := r.sellAlone(ctx); err != nil {
		return fmt.Errorf("sell while nobody watches: %w", err)
	}
	before, err := r.settledMemory(ctx)
	if err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	after, err := r.settledMemory(ctx)
	if err != nil {
		return err
	}
	r.row.memory = (after - before) / float64(r.Connections+r.full.count())
	if err := r.watch(ctx); err != nil {
		return err
	}
	if r.arm.stalls {
		if err := r.measureDeaf(ctx); err != nil {
			return err
		}
	}
	return r.judge()
}

// open opens all connections.
func (r *watchRun) open(ctx context.Context) (err error) {
	options := crowd.Options{Address: r.shop.address, Dialect: r.dialect(r.Watch), Connections: r.Connections - r.Stalled, Loops: r.Loops,
		RecordsMax: int(r.framesMax()), Began: r.began, Faults: r.faults.add}
	if r.crowd, err = crowd.Open(ctx, options); err != nil {
		return err
	}
	if r.Stalled > 0 {
		options.Connections, options.Loops, options.ReceiveBytes, options.MayEnd = r.Stalled, 1, deafReceiveBytes, r.peer
		if r.deaf, err = crowd.Open(ctx, options); err != nil {
			return err
		}
	}
	r.full, err = r.openFull(ctx)
	return err
}

// sellAlone places orders that nobody watches, to know what the server needs for them and for
// itself.
func (r *watchRun) sellAlone(ctx context.Context) error {
	if _, err := r.closedLoop(ctx, watchWarmConnections, only(r.product), watchWarmUp); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	if err := r.drain(ctx); err != nil {
		return err
	}
	duration := min(r.Duration, aloneDurationMax)
	if len(r.CompareChanges) == 2 {
		duration = r.Duration
	}
	used, err := r.processorTime()
	if err != nil {
		return err
	}
	began := r.now()
	if _, err = r.sell(ctx, duration); err != nil {
		return err
	}
	if err := r.drain(ctx); err != nil {
		return err
	}
	took := r.now() - began
	after, err := r.processorTime()
	if err != nil {
		return err
	}
	r.row.alone = (after.server - used.server) / took.Seconds()
	return nil
}

// sell places the orders of the arm, all of which must be accepted.
func (r *watchRun) sell(ctx context.Context, duration time.Duration) ([]flashEntry, error) {
	rate := r.arm.changes + r.arm.others
	orders := flashOrders{perSecond: rate, duration: duration, products: []uint32{r.product}, connections: min(1+int(rate/2), watchDriversMax),
		overrun: flashOverrunMax, bar: Flash{}.newBar("", 0)}
	if r.arm.others > 0 {
		orders.products, orders.hot = []uint32{r.product, r.other}, r.arm.changes/rate
	}
	entries, unsent, err := r.openLoop(ctx, orders)
	switch {
	case err != nil:
		return nil, err
	case unsent > 0 || len(entries) == 0:
		return nil, fmt.Errorf("%w: %d orders were never sent, since the server was too slow, and %d were", ErrWatch, unsent, len(entries))
	}
	for i := range entries {
		if entries[i].outcome != flashAccepted {
			return nil, fmt.Errorf("%w: an order was not accepted: %s %s", ErrWatch, flashOutcomeNames[entries[i].outcome], r.codes.name(entries[i].code))
		}
	}
	return entries, nil
}

// watch changes the stock while the connections watch.
func (r *watchRun) watch(ctx context.Context) error {
	used, err := r.processorTime()
	if err != nil {
		return err
	}
	seen := r.tally()
	r.record(true)
	began := r.now()
	stalling := r.beginStalling(ctx)
	entries, err := r.sell(ctx, r.Duration)
	r.row.stall = stalling.end()
	if err != nil {
		return err
	}
	if err := r.awaitQuiet(ctx); err != nil {
		return err
	}
	if err := r.drain(ctx); err != nil {
		return err
	}
	r.row.took = r.now() - began
	r.record(false)
	after, err := r.processorTime()
	if err != nil {
		return err
	}
	tally := r.tally()
	r.row.server, r.row.generator = after.server-used.server, after.generator-used.generator
	r.row.frames, r.row.bytes = tally.Shown-seen.Shown, tally.Bytes-seen.Bytes
	return r.evaluate(entries)
}

func (r *watchRun) record(on bool) {
	r.crowd.Record(on)
	if r.deaf != nil {
		r.deaf.Record(on)
	}
}

// tally counts for both crowds and the full clients.
func (r *watchRun) tally() crowd.Tally {
	tally := r.crowd.Tally()
	if r.deaf != nil {
		deaf := r.deaf.Tally()
		tally.Shown, tally.Bytes = tally.Shown+deaf.Shown, tally.Bytes+deaf.Bytes
	}
	tally.Shown += r.full.shown()
	return tally
}

// evaluate takes the figures from what was recorded.
func (r *watchRun) evaluate(entries []flashEntry) error {
	r.row.orders, r.row.late = len(entries), newLatencies()
	for i := range entries {
		if !entries[i].waited {
			r.row.late.add(entries[i].sent)
		}
	}
	changes := changesOf(entries, r.product)
	if len(changes) > 0 && changes[len(changes)-1].version == math.MaxUint32 {
		return errors.New("the versions are too great to be recorded")
	}
	recorded, lost := r.crowd.Records()
	if lost > 0 {
		return fmt.Errorf("%d frames found no room in the record: the clients were told more often than they asked for", lost)
	}
	r.row.times = timesOf(changes, r.Connections-r.Stalled, recorded)
	r.row.checked = r.full.shown()
	if r.row.stall != nil {
		recorded, _ := r.deaf.Records() // that of those who stall may be incomplete
		r.row.stall.evaluate(changes, r.Stalled, recorded)
	}
	return nil
}

// awaitQuiet waits until every connection shows the stock as it is in the end.
func (r *watchRun) awaitQuiet(ctx context.Context) error {
	stock, err := r.shop.stock(r.products[r.product].id)
	if err != nil {
		return err
	}
	for began := time.Now(); ; {
		behind, one := r.crowd.Behind(uint64(stock.Version), stock.Available)
		if r.deaf != nil && !r.peer {
			more, other := r.deaf.Behind(uint64(stock.Version), stock.Available)
			if behind += more; more > 0 {
				one = other
			}
		}
		if behind == 0 && r.full.show(stock) {
			return nil
		}
		if time.Since(began) > quietTimeout || !wait(ctx, quietPause) {
			return fmt.Errorf("%w: %d connections do not show %+v after %s of quiet, one shows %+v; full clients: %s", ErrWatch, behind, stock, quietTimeout, one, r.full)
		}
	}
}

// judge finds what was wrong.
func (r *watchRun) judge() error {
	if r.faults.count > 0 {
		return fmt.Errorf("%w: %d, such as %s", ErrWatch, r.faults.count, r.faults.texts[0])
	}
	if tally := r.crowd.Tally(); tally.Open != r.Connections-r.Stalled {
		return fmt.Errorf("%w: of %d connections %d are left", ErrWatch, r.Connections-r.Stalled, tally.Open)
	}
	return nil
}
