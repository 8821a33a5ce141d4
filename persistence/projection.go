package persistence

import (
	"bytes"
	"fmt"
	"slices"

	"holdfast/inventory"
)

// Movement is one row of the ledger: what one record did to the stock of one
// product. Products have one movement for each of their stock versions.
type Movement struct {
	ProductID inventory.ID
	// Sequence is that of the record.
	Sequence uint64
	Kind     inventory.Kind
	// Order is zero for a StockAdjusted.
	Order inventory.ID
	// Before and After are without Safety and Sold. After.Version is the stock version.
	Before, After inventory.Stock
	By            inventory.ID
	Reason, Note  string
	At            inventory.Instant
}

// Run is a contiguous run of records that a [Store] projects in one transaction:
// what to load for it, and the arithmetic. Every Store uses it, so that they
// cannot differ in more than their SQL:
//
//	run, err := NewRun(from, to, records)
//	... load run.Products and run.Orders ...
//	changes, err := run.Fold(stocks, orders)
//	... write changes and the position ...
type Run struct {
	From, To Position
	Records  []Record
	// Products are those that the records name, ascending.
	Products []inventory.ID
	// Orders are those that the records continue and that were placed before the
	// run, ascending.
	Orders []inventory.ID

	placed, lines int
}

// LineChange is what a run of records adds to the counts of one stored line of an
// order. Released is to be taken off its quantity too. A Store has the lines and
// Fold has not: the Store refuses, with [ErrCorrupt], a line that it does not have
// and counts that would break returned <= shipped <= quantity.
type LineChange struct {
	Order, Product              inventory.ID
	Released, Shipped, Returned int64
}

// Changes is what a run of records does to the projection.
type Changes struct {
	// Placed are the orders placed in the run, in their order, in the state that
	// the run leaves them in.
	Placed []inventory.Order
	// Continued are the orders of [Run.Orders], without lines, in the state that
	// the run leaves them in.
	Continued []inventory.Order
	// Lines are what happened to lines of Continued, each line once.
	Lines []LineChange
	// Movements are in the order of the records and their lines.
	Movements []Movement
	// Stocks are the stocks of [Run.Products] after the run, in the same order.
	Stocks []inventory.Stock
	// Keys are the keys that were used, in the order of the records. Of a key that
	// is there twice the later use counts.
	Keys []IdempotencyKey
}

// NewRun looks through records, which must be the contiguous run (from, to]. The
// error wraps [ErrCorrupt] when they are not.
func NewRun(from, to Position, records []Record) (*Run, error) {
	run := &Run{From: from, To: to, Records: records}
	if !from.Journal.IsZero() && from.Journal != to.Journal {
		return nil, fmt.Errorf("%w: a run from %s to %s joins two journals", ErrCorrupt, from, to)
	}
	if to.Sequence != from.Sequence+uint64(len(records)) {
		return nil, fmt.Errorf("%w: %d records do not lead from %s to %s", ErrCorrupt, len(records), from, to)
	}
	products := make(map[inventory.ID]struct{})
	continued := make(map[inventory.ID]bool)
	for i := range records {
		record := &records[i]
		if record.Sequence != from.Sequence+uint64(i)+1 {
			return nil, fmt.Errorf("%w: record %d stands in the place of record %d",
				ErrCorrupt, record.Sequence, from.Sequence+uint64(i)+1)
		}
		run.note(&record.Event, products, continued)
	}
	for id := range products {
		run.Products = append(run.Products, id)
	}
	for id, earlier := range continued {
		if earlier {
			run.Orders = append(run.Orders, id)
		}
	}
	slices.SortFunc(run.Products, compareIDs)
	slices.SortFunc(run.Orders, compareIDs)
	return run, nil
}

func compareIDs(a, b inventory.ID) int { return bytes.Compare(a[:], b[:]) }

// note adds what one event names. orders says of each order whether it was
// placed before the run.
func (r *Run) note(event *inventory.Event, products map[inventory.ID]struct{}, orders map[inventory.ID]bool) {
	r.lines += len(event.Lines)
	for _, line := range event.Moves() {
		products[line.ProductID] = struct{}{}
	}
	if event.Kind == inventory.OrderPlaced {
		r.placed++
	}
	if !event.Kind.OfOrder() {
		return
	}
	if _, known := orders[event.Order]; !known {
		orders[event.Order] = event.Kind != inventory.OrderPlaced
	}
}

// Fold applies the records. stocks has the stored stock of every product in
// r.Products that is in the catalogue (zero when it never moved), and orders the
// stored orders of r.Orders, which need no lines. Neither the arguments nor the
// records are changed. The error wraps [ErrCorrupt]: the records do not continue
// what is stored, and nothing of the run may be kept.
func (r *Run) Fold(stocks map[inventory.ID]inventory.Stock, orders map[inventory.ID]inventory.Order) (*Changes, error) {
	f := folding{
		stocks:  make(map[inventory.ID]*inventory.Stock, len(stocks)),
		orders:  make(map[inventory.ID]*inventory.Order, len(orders)+r.placed),
		lines:   make([]inventory.Line, 0, r.lines),
		changed: make(map[lineKey]int),
		changes: Changes{
			Placed:    make([]inventory.Order, 0, r.placed),
			Continued: make([]inventory.Order, 0, len(orders)),
			Movements: make([]Movement, 0, r.lines),
			Stocks:    make([]inventory.Stock, 0, len(r.Products)),
			Keys:      make([]IdempotencyKey, 0, r.placed),
		},
	}
	for id, stock := range stocks {
		f.stocks[id] = &stock
	}
	for _, id := range r.Orders {
		if order, ok := orders[id]; ok {
			order.Lines = nil
			f.changes.Continued = append(f.changes.Continued, order)
			f.orders[id] = &f.changes.Continued[len(f.changes.Continued)-1]
		}
	}
	for i := range r.Records {
		if err := f.apply(&r.Records[i]); err != nil {
			return nil, fmt.Errorf("%w: record %d: %w", ErrCorrupt, r.Records[i].Sequence, err)
		}
	}
	for _, id := range r.Products {
		f.changes.Stocks = append(f.changes.Stocks, *f.stocks[id])
	}
	return &f.changes, nil
}

// folding is the work of Fold. The slices of changes never grow beyond their
// first capacity where orders points into them.
type folding struct {
	stocks  map[inventory.ID]*inventory.Stock
	orders  map[inventory.ID]*inventory.Order
	lines   []inventory.Line
	changes Changes
	// changed is where each line is in changes.Lines.
	changed map[lineKey]int
}

type lineKey struct{ order, product inventory.ID }

func (f *folding) apply(record *Record) error {
	event := &record.Event
	first := len(f.lines)
	for i := range event.Lines {
		line := event.Lines[i]
		if line.Quantity == 0 {
			f.lines = append(f.lines, line)
			continue
		}
		stock := f.stocks[line.ProductID]
		if stock == nil {
			return fmt.Errorf("product %s is not in the catalogue", line.ProductID)
		}
		before := *stock
		if err := stock.Evolve(event, &line); err != nil {
			return fmt.Errorf("product %s: %w", line.ProductID, err)
		}
		line.StockVersion = stock.Version
		f.lines = append(f.lines, line)
		f.changes.Movements = append(f.changes.Movements, Movement{
			ProductID: line.ProductID, Sequence: record.Sequence, Kind: event.Kind, Order: event.Order,
			Before: before, After: *stock, By: event.By, Reason: event.Reason, Note: event.Note, At: event.At})
	}
	if event.Kind.OfOrder() {
		if err := f.applyToOrder(record, f.lines[first:len(f.lines):len(f.lines)]); err != nil {
			return err
		}
	}
	f.noteKey(event)
	return nil
}

func (f *folding) applyToOrder(record *Record, lines []inventory.Line) error {
	event := &record.Event
	order, known := f.orders[event.Order]
	switch {
	case event.Kind == inventory.OrderPlaced && known:
		return fmt.Errorf("order %s is placed a second time", event.Order)
	case event.Kind == inventory.OrderPlaced:
		f.changes.Placed = append(f.changes.Placed, inventory.Order{})
		order = &f.changes.Placed[len(f.changes.Placed)-1]
		f.orders[event.Order] = order
	case !known:
		return fmt.Errorf("%s of order %s, which was never placed", event.Kind, event.Order)
	}
	if err := order.Evolve(event, record.Sequence); err != nil {
		return err
	}
	switch {
	case event.Kind == inventory.OrderPlaced:
		order.Lines = lines
	case order.Lines == nil:
		f.changeLines(event)
	}
	return nil
}

// changeLines notes what an event does to the lines of a stored order.
func (f *folding) changeLines(event *inventory.Event) {
	for _, line := range event.Moves() {
		var change LineChange
		switch event.Kind {
		case inventory.OrderReduced:
			change.Released = line.Quantity
		case inventory.OrderFulfilled:
			change.Shipped = line.Quantity
		case inventory.OrderReturned:
			change.Returned = line.Quantity
		default:
			return
		}
		place := lineKey{event.Order, line.ProductID}
		i, known := f.changed[place]
		if !known {
			i = len(f.changes.Lines)
			f.changed[place] = i
			f.changes.Lines = append(f.changes.Lines, LineChange{Order: event.Order, Product: line.ProductID})
		}
		sum := &f.changes.Lines[i]
		sum.Released += change.Released
		sum.Shipped += change.Shipped
		sum.Returned += change.Returned
	}
}

// noteKey keeps the key that the event used, if it had one.
func (f *folding) noteKey(event *inventory.Event) {
	if event.Key == (inventory.Fingerprint{}) {
		return
	}
	key := IdempotencyKey{Key: event.Key, Body: event.Body, Kind: event.Kind, Subject: event.Order, At: event.At}
	if event.Kind == inventory.StockAdjusted {
		key.Subject = event.Lines[0].ProductID
	}
	f.changes.Keys = append(f.changes.Keys, key)
}
