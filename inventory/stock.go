package inventory

import "fmt"

// Stock is what one product has. OnHand, Reserved, Committed and Sold are folded from
// events; Safety is a rule of the catalogue and is never sold.
type Stock struct {
	// OnHand is the physical units.
	OnHand int64
	// Reserved is the units held by unpaid orders.
	Reserved int64
	// Committed is the units paid for and not yet shipped.
	Committed int64
	// Sold is the units paid for so far, shipped or not, without those of which the
	// sale was cancelled. Returned units stay sold.
	Sold int64
	// Safety is the units that are never sold.
	Safety int64
	// Version counts the durable events that named the product.
	Version uint64
}

// Available returns the units that can still be sold. It is negative when
// Safety was raised above what is left.
func (s Stock) Available() int64 { return s.OnHand - s.Reserved - s.Committed - s.Safety }

// Check returns an error when an invariant (N1, N2) does not hold.
func (s Stock) Check() error {
	if s.OnHand < 0 || s.Reserved < 0 || s.Committed < 0 || s.Reserved+s.Committed > s.OnHand {
		return fmt.Errorf("BUG: stock breaks its invariants: on_hand %d, reserved %d, committed %d, version %d",
			s.OnHand, s.Reserved, s.Committed, s.Version)
	}
	return nil
}

// Evolve applies one line of event to the stock of the line's product and
// raises the version. The error is that of [Stock.Check], or one for an event
// that has no effect on stock.
func (s *Stock) Evolve(event *Event, line *Line) error {
	switch event.Kind {
	case OrderPlaced:
		s.Reserved += line.Quantity
	case OrderConfirmed:
		s.Reserved -= line.Quantity
		s.Committed += line.Quantity
		s.Sold += line.Quantity
	case OrderExpired:
		s.Reserved -= line.Quantity
	case OrderCancelled, OrderReduced:
		if event.From == Confirmed {
			s.Committed -= line.Quantity
			s.Sold -= line.Quantity
		} else {
			s.Reserved -= line.Quantity
		}
	case OrderFulfilled:
		s.Committed -= line.Quantity
		s.OnHand -= line.Quantity
	case OrderReturned:
		if event.Restock {
			s.OnHand += line.Quantity
		}
	case StockAdjusted:
		s.OnHand += line.Quantity
	default:
		return fmt.Errorf("BUG: event kind %d has no effect on stock", event.Kind)
	}
	s.Version++
	return s.Check()
}

// DecideAdjust decides whether delta units may be added to (or, negative, taken
// from) stock. Units promised to orders cannot be taken away.
func DecideAdjust(product *Product, stock Stock, delta int64) Refusal {
	after, err := addQuantities(stock.OnHand, delta)
	switch {
	case delta == 0:
		return Refusal{Code: CodeValidationFailed, ProductID: product.ID, Detail: "The adjustment must not be zero."}
	case err != nil || after > StockQuantityMax:
		return Refusal{Code: CodeValidationFailed, ProductID: product.ID,
			Detail: fmt.Sprintf("A product holds at most %d units.", int64(StockQuantityMax))}
	case after < stock.Reserved+stock.Committed:
		return Refusal{Code: CodeVersionConflict, ProductID: product.ID, Requested: -delta,
			Available: stock.OnHand - stock.Reserved - stock.Committed,
			Detail:    "The stock would fall below what is promised to orders."}
	}
	return Refusal{}
}
