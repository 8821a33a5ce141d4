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

	// tried is the last run that was given to SQL: whether it was done is not known when
	// the transaction failed.
	tried struct {
		to    persistence.Position
		bytes int64
	}

	// interval is the least pause between two transactions. Few large transactions
	// cost a fraction of many small ones. The pause is also several times as long as
	// the transaction before it was, so that selling comes first: see pause.
	interval time.Duration

	mutex   sync.Mutex
	changed chan struct{}
	// wanted is the highest sequence that somebody waits for; hurry ends the pause
	// between two transactions.
	wanted uint64
	hurry  context.CancelFunc
	// timeout is that of the next transaction.
	timeout time.Duration
	// purgeAt is when old idempotency keys are looked for again.
	purgeAt inventory.Instant

	cancel context.CancelFunc
	ended  chan struct{}
}

func newProjector(e *Engine, interval time.Duration) *projector {
	return &projector{engine: e, interval: interval, timeout: projectionTimeout, hurry: func() {}, changed: make(chan struct{}), ended: make(chan struct{})}
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

// run projects until ctx ends. Failures are retried with growing pauses;
// data that cannot be verified ends the program.
func (p *projector) run(ctx context.Context, from persistence.Position) {
	pause := projectionPauseMin
	for ctx.Err() == nil {
		err := p.follow(ctx, &from, func() { pause = projectionPauseMin })
		switch {
		case ctx.Err() != nil, errors.Is(err, persistence.ErrJournalClosed):
			return
		case errors.Is(err, persistence.ErrCorrupt):
			p.engine.log.Error("the projection stops: data cannot be verified", "error", err)
			p.engine.failed(err)
			return
		}
		p.engine.log.Warn("the projection failed and will be tried again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(pause*2, projectionPauseMax)
		if position, err := p.engine.store.Position(ctx); err == nil {
			if position != from && position == p.tried.to { // it was done, although it failed
				p.bytes.Add(p.tried.bytes)
				pause = projectionPauseMin
			}
			from = position
		}
	}
}

// follow projects run after run from the position on until something fails.
func (p *projector) follow(ctx context.Context, from *persistence.Position, succeeded func()) error {
	reader, err := p.engine.journal.ReadFrom(*from)
	if err != nil {
		return fmt.Errorf("read the journal after %s: %w", *from, err)
	}
	defer reader.Close()
	p.advance(*from)
	for {
		records, to, bytes, err := nextRun(ctx, reader)
		if err != nil {
			return err
		}
		p.tried.to, p.tried.bytes = to, bytes
		began := p.engine.clock.Now()
		if err := p.project(ctx, *from, to, records); err != nil {
			return err
		}
		*from = to
		p.bytes.Add(bytes)
		succeeded()
		p.advance(to)
		p.purge(ctx)
		p.pause(ctx, to.Sequence, time.Duration(p.engine.clock.Now()-began))
	}
}

// purge deletes some idempotency keys whose retention is over, from time to time.
func (p *projector) purge(ctx context.Context) {
	now := p.engine.clock.Now()
	if now < p.purgeAt {
		return
	}
	p.purgeAt = now.Add(inventory.Instant(purgeInterval))
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
// or so many records have gathered that it must keep up.
func (p *projector) pause(ctx context.Context, from uint64, worked time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, max(p.interval, projectionRestFactor*worked))
	defer cancel()
	p.mutex.Lock()
	p.hurry = cancel
	if p.wanted > from {
		cancel()
	}
	p.mutex.Unlock()
	_ = p.engine.journal.WaitDurable(ctx, from+projectionEagerRecords)
}

// nextRun waits for a batch and takes those that are there already with it, up
// to projectionRecordsMax.
func nextRun(ctx context.Context, reader persistence.Reader) (records []persistence.Record, end persistence.Position, bytes int64, err error) {
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
		if len(records) < projectionRecordsMax {
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

func (p *projector) project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	if err := p.engine.store.Project(limited, from, to, records); err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			p.timeout = min(2*p.timeout, projectionTimeoutMax)
		}
		return fmt.Errorf("project up to %s: %w", to, err)
	}
	return nil
}

// advance tells everyone that SQL has everything up to the position.
func (p *projector) advance(to persistence.Position) {
	p.mutex.Lock()
	p.sequence.Store(to.Sequence)
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
