package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/actors"
	"holdfast/internal/retail"
	"holdfast/inventory"
	"holdfast/persistence"
)

// pastOrder is an order whose units may come back.
type pastOrder struct {
	id, customer inventory.ID
	// units are those that were shipped and have not come back.
	units int64
	// returned are the units of each product that had come back before this run and that
	// the file has not come to yet, and left those that had not.
	returned, left map[inventory.ID]int64
}

// pastLine is a product of such an order. It is the order that says which product its
// SKU stood for: in the catalogue it may stand for another one by now.
type pastLine struct {
	order   *pastOrder
	product inventory.ID
}

// orderOf returns the order of an invoice, or nil when nothing of it can be recorded.
func (w *orderImport) orderOf(sale *retail.Sale) *inventory.Order {
	at, ok := w.instantOf(sale)
	if !ok {
		return nil
	}
	order := &inventory.Order{Customer: customerOf(sale), PlacedAt: at, Currency: w.options.currency()}
	order.ID = actors.PastOrderID(at, order.Customer, fingerprintOf("order", sale.Invoice))
	for i := range sale.Items {
		item := &sale.Items[i]
		product, known := w.productOf(item)
		if !known {
			continue
		}
		if item.Mixed {
			w.report.add(retail.Oddity{Line: item.Line, Kind: retail.MixedPrices, Detail: fmt.Sprintf("invoice %s has %s at different prices: %d units for %d each", sale.Invoice, item.SKU, item.Quantity, item.PriceMinor)})
		}
		order.Lines = append(order.Lines, inventory.Line{ProductID: product.ID, Quantity: item.Quantity, Price: item.PriceMinor, SKU: product.SKU})
	}
	if len(order.Lines) == 0 {
		return nil
	}
	slices.SortFunc(order.Lines, func(a, b inventory.Line) int { return bytes.Compare(a.ProductID[:], b.ProductID[:]) })
	order.Body = fingerprintOfLines(order)
	return order
}

// productOf returns the product of an item, or reports that it is missing.
func (w *orderImport) productOf(item *retail.Item) (inventory.Product, bool) {
	product, known := w.products[item.SKU]
	if !known {
		w.report.add(retail.Oddity{Line: item.Line, Kind: kindMissing, Detail: fmt.Sprintf("%s is not in the catalogue: %d units are left out", item.SKU, item.Quantity)})
	}
	return product, known
}

// pastYearMin is the first year that an instant and an ID have room for.
const pastYearMin = 1971

// instantOf returns when an invoice was, or reports that it is not of the past: the
// clock of the next start would run ahead with it.
func (w *orderImport) instantOf(sale *retail.Sale) (inventory.Instant, bool) {
	at := inventory.Instant(sale.At.UnixNano())
	if sale.At.Year() < pastYearMin || sale.At.After(time.Unix(0, int64(w.now))) {
		w.refuse(sale, fmt.Sprintf("its time %s is not between %d and now", sale.At.Format(time.DateTime), pastYearMin))
		return 0, false
	}
	return at, true
}

// sell records an order unless it is there.
func (w *orderImport) sell(ctx context.Context, sale *retail.Sale, order *inventory.Order) error {
	if w.orders[order.ID] {
		w.refuse(sale, "another invoice of the file has made the same order")
		return nil
	}
	switch found, err := w.store.OrderByID(ctx, order.ID); {
	case err == nil:
		if found.Body != order.Body {
			w.report.add(retail.Oddity{Line: sale.Line, Kind: kindChanged, Detail: fmt.Sprintf("invoice %s was recorded with other lines or prices: left as it is", sale.Invoice)})
		}
		w.present.orders++
		w.bought(sale, &found)
		return nil
	case !errors.Is(err, persistence.ErrNotFound):
		return err
	}
	if order.PlacedAt < w.purgedBefore {
		w.refuse(sale, fmt.Sprintf("orders from before %s have been deleted, and it may have been one of them",
			time.Unix(0, int64(w.purgedBefore)).UTC().Format(time.DateTime)))
		return nil
	}
	events, refusal := inventory.PastSale(order, plainText("invoice "+sale.Invoice))
	if refusal.Refused() {
		w.refuse(sale, refusal.Detail)
		return nil
	}
	if done, err := w.append(ctx, sale, events); !done {
		return err
	}
	w.recorded.orders++
	w.recorded.lines += int64(len(order.Lines))
	w.recorded.units += w.bought(sale, order)
	return nil
}

// bought notes what may come back of an order, and returns its units.
func (w *orderImport) bought(sale *retail.Sale, order *inventory.Order) (units int64) {
	w.orders[order.ID] = true
	past := &pastOrder{id: order.ID, customer: order.Customer, returned: map[inventory.ID]int64{}, left: map[inventory.ID]int64{}}
	for i := range order.Lines {
		line := &order.Lines[i]
		units += line.Quantity
		past.units += line.Quantity - int64(line.Returned)
		past.returned[line.ProductID] = int64(line.Returned)
		past.left[line.ProductID] = line.Quantity - int64(line.Returned)
		w.purchases.Buy(sale.Customer, retail.SKU(line.SKU), pastLine{past, line.ProductID}, line.Quantity)
	}
	return units
}

// pastBack is what one cancellation takes back of one order.
type pastBack struct {
	order *pastOrder
	lines []inventory.Line
}

// giveBack records what a cancellation takes back, order by order.
func (w *orderImport) giveBack(ctx context.Context, sale *retail.Sale) error {
	at, ok := w.instantOf(sale)
	if !ok {
		return nil
	}
	var backs []pastBack
	for i := range sale.Items {
		item := &sale.Items[i]
		if _, known := w.productOf(item); !known {
			continue
		}
		for _, back := range w.purchases.GiveBack(sale.Customer, item) {
			line := inventory.Line{ProductID: back.Order.product, Quantity: back.Quantity}
			place := slices.IndexFunc(backs, func(b pastBack) bool { return b.order == back.Order.order })
			if place < 0 {
				place, backs = len(backs), append(backs, pastBack{order: back.Order.order})
			}
			backs[place].lines = append(backs[place].lines, line)
		}
	}
	for i := range backs {
		if err := w.takeBack(ctx, sale, at, &backs[i]); err != nil {
			return err
		}
	}
	return nil
}

// takeBack records the units of one order that came back, unless they are there.
func (w *orderImport) takeBack(ctx context.Context, sale *retail.Sale, at inventory.Instant, back *pastBack) error {
	order := back.order
	var lines []inventory.Line
	var units int64
	present := false
	for _, line := range back.lines {
		before := order.returned[line.ProductID]
		switch {
		case order.cameBack(line):
			present = true
		case !order.give(line):
			w.report.add(retail.Oddity{Line: sale.Line, Kind: retail.Unmatched, Detail: fmt.Sprintf("%d units that invoice %s takes back have come back in the shop: left out", line.Quantity, sale.Invoice)})
		default:
			if before > 0 {
				w.report.add(retail.Oddity{Line: sale.Line, Kind: kindChanged, Detail: fmt.Sprintf("of the %d units that invoice %s takes back, %d may have come back before, by an earlier import or in the shop: all are recorded", line.Quantity, sale.Invoice, before)})
			}
			lines, units = append(lines, line), units+line.Quantity
		}
	}
	if present {
		w.present.returns++
	}
	if len(lines) == 0 {
		return nil
	}
	slices.SortFunc(lines, func(a, b inventory.Line) int { return bytes.Compare(a.ProductID[:], b.ProductID[:]) })
	event := inventory.PastReturn(&inventory.Order{ID: order.id, Customer: order.customer}, at, lines, units == order.units)
	if done, err := w.append(ctx, sale, []inventory.Event{event}); !done {
		return err
	}
	order.units -= units
	w.recorded.returns++
	w.recorded.unitsBack += units
	return nil
}

// cameBack takes a line out of what had come back before this run, and reports whether
// it was there: the first cancellations of the file are those that were recorded.
func (o *pastOrder) cameBack(line inventory.Line) bool {
	if o.returned[line.ProductID] < line.Quantity {
		return false
	}
	o.returned[line.ProductID] -= line.Quantity
	return true
}

// give takes a line out of what has not come back. It returns false when there is too
// little: the shop itself has taken units back since. A return beyond that would be a
// record that no start can read.
func (o *pastOrder) give(line inventory.Line) bool {
	if o.left[line.ProductID] < line.Quantity {
		return false
	}
	o.left[line.ProductID] -= line.Quantity
	return true
}

// fingerprintOf returns the fingerprint of what has a name in the file.
func fingerprintOf(kind, name string) inventory.Fingerprint {
	hash := sha256.Sum256([]byte(kind + "\x00" + name))
	return inventory.Fingerprint(hash[:16])
}

// fingerprintOfLines returns the fingerprint of what was sold, and for how much.
func fingerprintOfLines(order *inventory.Order) inventory.Fingerprint {
	text := append([]byte(nil), order.Currency[:]...)
	for i := range order.Lines {
		line := &order.Lines[i]
		text = append(text, line.ProductID[:]...)
		text = binary.BigEndian.AppendUint64(text, uint64(line.Quantity))
		text = binary.BigEndian.AppendUint64(text, uint64(line.Price))
	}
	hash := sha256.Sum256(text)
	return inventory.Fingerprint(hash[:16])
}

// plainText returns text of a file as an account or a movement can show it.
func plainText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
