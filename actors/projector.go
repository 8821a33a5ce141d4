package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
)

// projector follows the journal into SQL. It reads the files, so what waits for
// SQL takes no memory however long SQL is away. Each transaction takes a run of
// whole batches and moves the position with them (S1); after any failure the
// stored position is read again, so an unknown commit is neither repeated nor
// skipped.
type projector struct {
	engine   *Engine
	sequence atomic.Uint64
	// bytes counts the bytes of the records that were projected since the start.
	bytes atomic.Int64

	// tried is the furthest position that SQL was asked to go to: whether a transaction
	// was done is not known when it failed, and the next may be larger.
	tried persistence.Position
	// outage is what is known of failures, and lapses of what SQL has lost.
	outage outage
	lapses lapses
	// oldest is when the oldest record was decided that SQL does not have, or a moment
	// before; zero when there is none.
	oldest atomic.Int64

	// interval is the least pause between two transactions. Few large transactions
	// cost a fraction of many small ones. While much is sold, the pause is also several
	// times as long as the transaction before it was, so that selling comes first: see
	// pause.
	interval time.Duration
	// behind says that SQL may lack what came while it was away, or what a start has found:
	// until it has all of that, there is no pause.
	behind bool

	mutex   sync.Mutex
	changed chan struct{}
	// wanted is the highest sequence that somebody waits for; hurry ends the pause
	// between two transactions.
	wanted uint64
	hurry  context.CancelFunc
	// timeout is that of the next transaction, recordsMax the bound of its records.
	timeout    time.Duration
	recordsMax int
	// purgeAt is when old idempotency keys are looked for again.
	purgeAt inventory.Instant

	cancel context.CancelFunc
	ended  chan struct{}
}

func newProjector(e *Engine, interval time.Duration) *projector {
	return &projector{engine: e, interval: interval, behind: true, timeout: projectionTimeout, recordsMax: projectionRecordsMax,
		lapses: lapses{look: func(error) {}}, hurry: func() {}, changed: make(chan struct{}), ended: make(chan struct{})}
}

// position returns the sequence up to which SQL has everything.
func (p *projector) position() uint64 { return p.sequence.Load() }

// start begins to follow the journal after from.
func (p *projector) start(from persistence.Position) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.sequence.Store(from.Sequence)
	go func() {
		defer close(p.ended)
		p.run(ctx, from)
	}()
}

// stop ends the projector after the transaction in hand.
func (p *projector) stop() {
	if p.cancel != nil {
		p.cancel()
		<-p.ended
	}
}

// wait returns when SQL has everything up to sequence, or ctx ended.
func (p *projector) wait(ctx context.Context, sequence uint64) error {
	for {
		p.mutex.Lock()
		changed := p.changed
		p.wanted = max(p.wanted, sequence)
		p.hurry()
		done := p.position() >= sequence
		p.mutex.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for the projection of sequence %d: %w", sequence, ctx.Err())
		}
	}
}

// run projects until ctx ends. Failures are retried with growing pauses; data that
// cannot be verified, and a database that has another owner, end the program.
func (p *projector) run(ctx context.Context, from persistence.Position) {
	for ctx.Err() == nil {
		working, end := p.untilLapse(ctx)
		err := p.follow(working, &from)
		if errors.Is(context.Cause(working), errLapsed) {
			err = errLapsed
		}
		end()
		if err != nil && !endsProjection(ctx, err) {
			p.failed(err)
			from, err = p.findPosition(ctx, from)
		}
		switch {
		case err == nil:
		case ctx.Err() != nil, errors.Is(err, persistence.ErrJournalClosed):
			return
		case errors.Is(err, persistence.ErrCorrupt), errors.Is(err, persistence.ErrPositionMoved):
			p.outage.note(err, p.engine.clock.Now())
			p.engine.log.Error("the projection stops", "class", classOf(err), "error", err)
			p.engine.giveUp(err)
			return
		default:
			p.failed(err)
			if p.rest(ctx) != nil {
				return
			}
		}
	}
}

// endsProjection reports whether the projection cannot go on after err.
func endsProjection(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, persistence.ErrJournalClosed) || errors.Is(err, persistence.ErrCorrupt)
}

// follow projects run after run from the position on until something fails.
func (p *projector) follow(ctx context.Context, from *persistence.Position) error {
	reader, err := p.engine.journal.ReadFrom(*from)
	if err != nil {
		return fmt.Errorf("read the journal after %s: %w", *from, err)
	}
	defer reader.Close()
	p.advance(*from)
	for {
		if p.engine.journal.DurableSequence() == from.Sequence {
			p.oldest.Store(0)
		}
		if err := p.purgeWhileIdle(ctx, *from); err != nil {
			return err
		}
		records, to, bytes, err := nextRun(ctx, reader, p.recordsMax)
		if err != nil {
			return err
		}
		if to.Sequence > p.tried.Sequence {
			p.tried = to
		}
		p.oldest.Store(int64(records[0].Event.At))
		began, durable := p.engine.clock.Now(), p.engine.journal.DurableSequence()
		if err := p.project(ctx, *from, to, records); err != nil {
			return err
		}
		worked := time.Duration(p.engine.clock.Now() - began)
		if came := p.engine.journal.DurableSequence() - durable; came*projectionIdleFactor < uint64(len(records)) {
			worked = 0 // few need the processors
		}
		if len(records) < projectionRecordsMax && bytes < projectionBytesMax {
			p.behind = false // that was all there was
		}
		*from = to
		p.bytes.Add(bytes)
		p.oldest.Store(int64(records[len(records)-1].Event.At))
		p.succeeded()
		p.advance(to)
		p.purge(ctx)
		if worked == 0 || p.engine.retention.overdue() {
			if err := p.engine.retention.purge(ctx, to); err != nil {
				return err
			}
		}
		p.pause(ctx, to.Sequence, worked)
	}
}

// purge deletes some idempotency keys whose retention is over, from time to time.
func (p *projector) purge(ctx context.Context) {
	now := p.engine.clock.Now()
	if now < p.purgeAt {
		return
	}
	p.purgeAt = now.Add(inventory.Instant(purgeInterval))
	if p.engine.clockJumped() {
		return
	}
	purged, err := p.engine.store.PurgeKeys(ctx, now.Add(-inventory.Instant(keyRetention)), purgeKeysMax)
	switch {
	case err != nil:
		p.engine.log.Warn("old idempotency keys could not be deleted and will be tried again", "error", err)
	case purged == purgeKeysMax:
		p.purgeAt = now // there are more
	}
}

// pause lets records gather, and leaves the processors to those who sell: the
// projection works for at most a tenth of the time, until somebody waits for it
// or so many records have gathered that it must keep up. worked is how long it has
// worked while others sold. When answers wait for SQL, records gather while the
// transaction before them runs, and there is no pause. Nor is there one after an outage:
// with pauses, what has gathered would stay, and another outage would soon meet the bound.
func (p *projector) pause(ctx context.Context, from uint64, worked time.Duration) {
	if p.engine.commits != nil || p.behind {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, restAfter(p.interval, worked))
	defer cancel()
	p.mutex.Lock()
	p.hurry = cancel
	if p.wanted > from {
		cancel()
	}
	p.mutex.Unlock()
	_ = p.engine.journal.WaitDurable(ctx, from+projectionEagerRecords)
}

// restAfter returns how long the projection rests after it has worked for so long. A
// database that was slow to answer has worked little: its time is not the processors'.
func restAfter(interval, worked time.Duration) time.Duration {
	return max(interval, min(projectionRestFactor*worked, projectionRestMax))
}

// nextRun waits for a batch and takes those that are there already with it, up
// to recordsMax and projectionBytesMax.
func nextRun(ctx context.Context, reader persistence.Reader, recordsMax int) (records []persistence.Record, end persistence.Position, bytes int64, err error) {
	batch, err := reader.Next(ctx)
	for {
		if err != nil {
			return nil, persistence.Position{}, 0, fmt.Errorf("read the journal: %w", err)
		}
		if records, err = appendRecords(records, &batch); err != nil {
			return nil, persistence.Position{}, 0, err
		}
		end, bytes = batch.End, bytes+recordBytes(&batch)
		var more bool
		if len(records) < recordsMax && bytes < projectionBytesMax {
			batch, more, err = reader.TryNext()
		}
		if !more && err == nil {
			return records, end, bytes, nil
		}
	}
}

// recordBytes returns the bytes of the records of a batch.
func recordBytes(batch *persistence.Batch) (bytes int64) {
	for _, record := range batch.Records {
		bytes += int64(len(record))
	}
	return bytes
}

// appendRecords decodes a batch.
func appendRecords(records []persistence.Record, batch *persistence.Batch) ([]persistence.Record, error) {
	for i, data := range batch.Records {
		event, err := persistence.DecodeEvent(data)
		if err != nil {
			return nil, fmt.Errorf("%w: record %d: %w", persistence.ErrCorrupt, batch.First+uint64(i), err)
		}
		records = append(records, persistence.Record{Sequence: batch.First + uint64(i), Event: event})
	}
	return records, nil
}

// project runs one transaction. After one that took too long, the next has half as many
// records, as far as a batch of the journal can be divided, which is not at all: so it
// has twice the time as well. Each that is committed lets the next one be larger again,
// and have no more time than several times what it took.
func (p *projector) project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	began := p.engine.clock.Now()
	if err := p.engine.store.Project(limited, from, to, records); err != nil {
		if ctx.Err() == nil && (limited.Err() != nil || errors.Is(err, context.DeadlineExceeded)) {
			p.timeout = min(2*p.timeout, projectionTimeoutMax)
			p.recordsMax = max(min(p.recordsMax, len(records))/2, 1)
		}
		return fmt.Errorf("project up to %s: %w", to, err)
	}
	p.recordsMax = min(2*p.recordsMax, projectionRecordsMax)
	took := time.Duration(p.engine.clock.Now() - began)
	p.timeout = min(p.timeout, max(projectionTimeout, projectionTimeoutSlack*took))
	return nil
}

// advance tells everyone that SQL has everything up to the position: first those who
// wait for that and no more, before the actors forget what they were told.
func (p *projector) advance(to persistence.Position) {
	if p.engine.commits != nil {
		p.engine.commits.release(to.Sequence)
	}
	p.mutex.Lock()
	p.sequence.Store(to.Sequence)
	p.lapses.furthest.Store(max(p.lapses.furthest.Load(), to.Sequence))
	for _, a := range p.engine.actors {
		a.post(stepProjected)
	}
	close(p.changed)
	p.changed = make(chan struct{})
	p.mutex.Unlock()
	if err := p.engine.journal.Release(to.Sequence); err != nil {
		p.engine.log.Warn("old journal segments could not be deleted", "error", err)
	}
}

// projected forgets what SQL has now.
func (a *orderActor) projected(op *operation) {
	a.memory.projectedTo(a.engine.projector.position(), func(key inventory.Fingerprint, placed *heldOrder, used uint64) {
		// A key whose time was over may have been used anew: then the entry is another
		// record's, which SQL need not have.
		entry, known := a.engine.keys.get(key)
		if known && !entry.inFlight && (placed != nil && entry.record == placed || placed == nil && entry.sequence == used) {
			a.engine.keyFilter.add(key)
			a.engine.keys.delete(key)
		}
	})
	a.finish(op)
}
