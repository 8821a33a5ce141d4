package actors

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"holdfast/inventory"
	"holdfast/persistence"
)

// This file puts orders on record that were decided elsewhere, before the shop came
// here. They are facts: no window, pause, limit or stock of today is asked, and no key
// is bound. Their times are those of the past, whatever the journal has already:
// nothing but the clock rests on the order of times, and that is held by the latest.

// PastEventsMax bounds the events of one call of [Engine.Record].
const PastEventsMax = 4

// PastOrderID returns the ID of an order of the past: the same for the same arguments.
// It sorts by the time, and leads to the order actor of the customer. name is a hash of
// what the order was known by where it was decided, of which 62 bits count.
func PastOrderID(at inventory.Instant, customer inventory.ID, name inventory.Fingerprint) inventory.ID {
	low := uint64(0)
	for _, digit := range name[:8] {
		low = low<<8 | uint64(digit)
	}
	return inventory.NewID(at, shardOf(customer), uint16(name[8])<<8|uint16(name[9]), low)
}

// Record appends events of the past, in their order, and returns the sequence of the
// last. After a crash all of them are there or none. Together they must be legal, and
// leave the units on hand, reserved and committed as they are: what is sold was
// received before. A product may have [inventory.StockQuantityMax] units in between.
// That an order is new, and a return within what was shipped, is for the caller to know.
//
// No actor is told, so the engine must not sell meanwhile, and must keep orders for ever;
// what Record was given counts towards limits per customer from the next start on. Record must not be called
// in parallel. The error wraps persistence.ErrJournalBusy when it should be called
// again in a moment, and inventory.ErrBound when a bound refuses these events; then, as
// with every error, nothing was appended.
func (e *Engine) Record(events []inventory.Event) (last uint64, err error) {
	if err := e.checkPast(events); err != nil {
		return 0, fmt.Errorf("record the past: %w", err)
	}
	entries := make([]persistence.Entry, len(events))
	var placed, heldUntil inventory.Instant
	for i := range events {
		if events[i].Kind == inventory.OrderPlaced {
			placed, heldUntil = events[i].At, events[i].ExpiresAt
		}
		entries[i] = &pastEvent{engine: e, event: &events[i], placed: placed, heldUntil: heldUntil}
	}
	if last, err = e.journal.AppendTogether(entries); err != nil {
		return 0, fmt.Errorf("record the past: %w", err)
	}
	return last, nil
}

// WaitProjected returns when SQL has everything up to sequence, or ctx ended.
func (e *Engine) WaitProjected(ctx context.Context, sequence uint64) error {
	return e.projector.wait(ctx, sequence)
}

// checkPast refuses events that are not legal on an empty shelf, or leave something on
// it: then they are not legal, or change something, on the real one.
func (e *Engine) checkPast(events []inventory.Event) error {
	if e.retention.orders.kept > 0 {
		return errors.New("BUG: an engine that deletes old orders cannot record them")
	}
	if len(events) == 0 || len(events) > PastEventsMax {
		return fmt.Errorf("%w: between 1 and %d events", inventory.ErrBound, PastEventsMax)
	}
	stocks := map[inventory.ID]inventory.Stock{}
	for i := range events {
		event := &events[i]
		if err := event.Check(); err != nil {
			return err
		}
		if i > 0 && event.Kind == inventory.StockAdjusted {
			return fmt.Errorf("%w: only the first event may receive units", inventory.ErrBound)
		}
		for n, line := range event.Moves() {
			if n > 0 && bytes.Compare(event.Lines[n-1].ProductID[:], line.ProductID[:]) >= 0 {
				return fmt.Errorf("%w: lines must ascend by product", inventory.ErrBound)
			}
			if e.shelf.get(line.ProductID) == nil {
				return fmt.Errorf("%w: product %s", persistence.ErrNotFound, line.ProductID)
			}
			stock := stocks[line.ProductID]
			if err := stock.Evolve(event, line); err != nil {
				return fmt.Errorf("product %s: %w", line.ProductID, err)
			}
			stocks[line.ProductID] = stock
		}
	}
	for id, stock := range stocks {
		if stock.OnHand != 0 || stock.Reserved != 0 || stock.Committed != 0 {
			return fmt.Errorf("BUG: the past of product %s leaves %d units on hand, %d reserved, %d committed",
				id, stock.OnHand, stock.Reserved, stock.Committed)
		}
	}
	return nil
}

// pastEvent is one event of the past on its way into the journal.
type pastEvent struct {
	engine *Engine
	event  *inventory.Event
	// placed is when its order was placed, heldUntil when the hold of that ended.
	placed, heldUntil inventory.Instant
}

// Encode folds the event into the ledgers, as that of an operation does. Only a product
// that would have too many units refuses: the first event of several receives them.
func (p *pastEvent) Encode(dst []byte, _ uint64) ([]byte, error) {
	for _, line := range p.event.Moves() {
		product := p.engine.shelf.get(line.ProductID)
		if err := product.ledger.admits(p.event, line); err != nil {
			if errors.Is(err, errTooMuch) {
				err = fmt.Errorf("%w: %w", inventory.ErrBound, err)
			}
			return dst, fmt.Errorf("%s of %d units of product %s: %w", p.event.Kind, line.Quantity, line.ProductID, err)
		}
	}
	p.engine.folding = true
	for _, line := range p.event.Moves() {
		product := p.engine.shelf.get(line.ProductID)
		product.ledger.apply(p.event, line, p.placed, product.rules.Load())
	}
	before := len(dst)
	dst = persistence.AppendEvent(dst, p.event)
	p.engine.appendedBytes.Add(int64(len(dst) - before))
	p.engine.folding = false
	return dst, nil
}

// Durable brings the board up to date, or lets that wait for SQL. After a failure of the
// journal the program ends.
func (p *pastEvent) Durable(sequence uint64, err error) {
	switch {
	case err != nil:
	case p.engine.commits != nil:
		p.engine.commits.add(sequence, p)
	default:
		p.show(sequence)
	}
}

// show applies the event to the board.
func (p *pastEvent) show(uint64) {
	for _, line := range p.event.Moves() {
		product := p.engine.shelf.get(line.ProductID)
		product.board.apply(p.event, line, p.heldUntil)
		p.engine.broadcast.mark(product)
	}
}

// Nobody waits for an event of the past.
func (p *pastEvent) answer()  {}
func (p *pastEvent) abandon() {}
