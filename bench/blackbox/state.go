package blackbox

import "slices"

// The states of an order.
const (
	statusReserved          = "reserved"
	statusConfirmed         = "confirmed"
	statusCancelled         = "cancelled"
	statusExpired           = "expired"
	statusPartiallyShipped  = "partially_fulfilled"
	statusShipped           = "fulfilled"
	statusPartiallyReturned = "partially_returned"
	statusReturned          = "returned"
)

// paid are the states of an order that was paid for and not cancelled, in their
// order.
var paid = []string{statusConfirmed, statusPartiallyShipped, statusShipped, statusPartiallyReturned, statusReturned}

func isPaid(status string) bool { return slices.Contains(paid, status) }

// isOver reports whether nothing of the order is held or sold.
func isOver(status string) bool { return status == statusCancelled || status == statusExpired }

// leadsTo reports whether an order in one state can be in the other one later.
func leadsTo(from, to string) bool {
	switch {
	case from == to || from == "" || from == statusReserved:
		return true
	case from == statusConfirmed && to == statusCancelled:
		return true
	}
	return isPaid(from) && slices.Index(paid, from) < slices.Index(paid, to)
}

// units are those of one line, as the API counts them.
type units struct{ quantity, dropped, released, shipped, returned int32 }

// state is what can change of an order. lines are replaced as a whole, never
// written to.
type state struct {
	status   string
	extended bool
	refund   int64
	lines    []units
}

// leadsTo reports whether an order that was shown so can be shown in the other
// state later: nothing that was counted is ever taken back.
func (s *state) leadsTo(later *state) bool {
	if s.status == "" {
		return true
	}
	if !leadsTo(s.status, later.status) || s.extended && !later.extended || s.refund != 0 && s.refund != later.refund {
		return false
	}
	for i, line := range s.lines {
		next := later.lines[i]
		if line.dropped != next.dropped || line.released > next.released || line.shipped > next.shipped || line.returned > next.returned {
			return false
		}
	}
	return true
}

// sum adds up one count over the lines.
func (s *state) sum(of func(units) int32) (total int64) {
	for _, line := range s.lines {
		total += int64(of(line))
	}
	return total
}

func quantityOf(u units) int32 { return u.quantity }
func droppedOf(u units) int32  { return u.dropped }
func releasedOf(u units) int32 { return u.released }
func shippedOf(u units) int32  { return u.shipped }
func returnedOf(u units) int32 { return u.returned }
