package blackbox

import (
	"fmt"
	"time"
)

// observe notes what the server shows of the order and says what is wrong with it.
// before is what had been shown when the question was put: what is shown now must be
// that, or something that somebody has led to since.
func (a *attempt) observe(before state, kept *order) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err := a.judgeIdentity(kept); err != nil {
		return err
	}
	shown := kept.state()
	if err := kept.judgeShape(&shown); err != nil {
		return err
	}
	if err := a.judgeReasons(&before, &shown, kept); err != nil {
		return err
	}
	switch {
	case a.order == "":
		a.order, a.expires, a.state = kept.ID, kept.ExpiresAt, shown
		a.more = int64(shown.lines[0].quantity+shown.lines[0].dropped+shown.lines[0].released) - a.lines[0].asked
	case a.state.leadsTo(&shown):
		a.expires, a.state = kept.ExpiresAt, shown
	case !shown.leadsTo(&a.state):
		return fmt.Errorf("order %s was shown as %+v and as %+v", a.order, a.state, shown)
	}
	for i := range kept.Items {
		a.lines[i].product.show(kept.Items[i].StockVersion)
	}
	return nil
}

// judgeIdentity requires the order that the key stands for, with all the lines of the
// body that made it, each with the units that were asked for, and the hold of its
// products.
func (a *attempt) judgeIdentity(kept *order) error {
	if a.order != "" && kept.ID != a.order {
		return fmt.Errorf("SECOND: key %s stands for order %s and for order %s", a.key, a.order, kept.ID)
	}
	if len(kept.Items) != len(a.lines) {
		return fmt.Errorf("HALF: order %s of %s has other lines than were sent: %v", kept.ID, a, kept.Items)
	}
	hold := a.hold(kept)
	if kept.Extended {
		hold *= 2
	}
	if kept.ExpiresAt.Sub(kept.PlacedAt) != hold {
		return fmt.Errorf("order %s was placed at %s (extended: %t) with a hold of %s and ends at %s",
			kept.ID, kept.PlacedAt, kept.Extended, hold, kept.ExpiresAt)
	}
	for i := range kept.Items {
		if err := a.judgeItem(i, &kept.Items[i]); err != nil {
			return fmt.Errorf("order %s of %s: %w", kept.ID, a, err)
		}
	}
	return nil
}

func (a *attempt) judgeItem(i int, kept *item) error {
	l := a.lines[i]
	total := kept.Quantity + kept.Dropped + kept.Released
	switch {
	case kept.ProductID != l.product.id:
		return fmt.Errorf("HALF: item %d is of another product: %+v", i, kept)
	case i > 0 && total != l.asked, i == 0 && !a.asksFor(total):
		return fmt.Errorf("is for %d units of %s, dropped and released ones included: %+v", total, l.product.name, kept)
	case kept.Dropped > 0 && (!a.partial || l.product.lasting):
		return fmt.Errorf("HALF: %d units of %s were dropped: %+v", kept.Dropped, l.product.name, kept)
	case (kept.Dropped > 0) != (kept.DroppedFor != ""),
		kept.Dropped > 0 && !isStockCode(kept.DroppedFor) && (kept.DroppedFor != codeLimit || l.product.limit == 0):
		return fmt.Errorf("units of %s were dropped for %q: %+v", l.product.name, kept.DroppedFor, kept)
	case kept.Released > 0 && kept.Quantity > 0:
		return fmt.Errorf("a line of %s was released in part: %+v", l.product.name, kept)
	case kept.Price.Amount != l.product.price:
		return fmt.Errorf("a unit of %s has another price: %+v", l.product.name, kept)
	}
	return nil
}

// asksFor reports whether a body asks for so many units of the first product: the one
// that made the order, when that is known.
func (a *attempt) asksFor(quantity int64) bool {
	if a.order != "" {
		return quantity == a.lines[0].asked+a.more
	}
	return quantity == a.lines[0].asked || a.rival != 0 && quantity == a.lines[0].asked+a.rival
}

// state returns what can change of the order.
func (o *order) state() state {
	s := state{status: o.Status, extended: o.Extended, lines: make([]units, len(o.Items))}
	if o.RefundDue != nil {
		s.refund = o.RefundDue.Amount
	}
	for i, it := range o.Items {
		s.lines[i] = units{int32(it.Quantity), int32(it.Dropped), int32(it.Released), int32(it.Shipped), int32(it.Returned)}
	}
	return s
}

// judgeShape requires that the order agrees with itself: the state with what was
// shipped and came back, the sums with the lines.
func (o *order) judgeShape(s *state) error {
	var total int64
	for i, u := range s.lines {
		if u.dropped < 0 || u.released < 0 || u.returned < 0 || u.returned > u.shipped || u.shipped > u.quantity {
			return fmt.Errorf("order %s has an impossible line: %+v", o.ID, u)
		}
		total += int64(u.quantity) * o.Items[i].Price.Amount
	}
	quantity, shipped, returned := s.sum(quantityOf), s.sum(shippedOf), s.sum(returnedOf)
	var fits bool
	switch s.status {
	case statusReserved, statusConfirmed, statusCancelled, statusExpired:
		fits = shipped == 0
	case statusPartiallyShipped:
		fits = 0 < shipped && shipped < quantity && returned == 0
	case statusShipped:
		fits = shipped == quantity && returned == 0
	case statusPartiallyReturned:
		fits = shipped == quantity && 0 < returned && returned < shipped
	case statusReturned:
		fits = shipped == quantity && returned == shipped
	}
	switch {
	case !fits || quantity == 0:
		return fmt.Errorf("order %s is %s with %d units, %d shipped and %d returned", o.ID, s.status, quantity, shipped, returned)
	case o.Total.Amount != total:
		return fmt.Errorf("order %s has a total of %d instead of %d", o.ID, o.Total.Amount, total)
	case s.refund != 0 && (!isOver(s.status) || s.refund != total):
		return fmt.Errorf("order %s is %s with a total of %d, and %d are to be paid back", o.ID, s.status, total, s.refund)
	}
	return nil
}

// judgeReasons requires a reason for all that has changed: somebody asked for it, or
// the hold was over.
func (a *attempt) judgeReasons(before, now *state, kept *order) error {
	if !before.leadsTo(now) {
		return fmt.Errorf("LOST: order %s was %+v and is %+v", kept.ID, *before, *now)
	}
	grown := func(of func(units) int32) bool { return now.sum(of) > before.sum(of) }
	became := now.status != before.status
	for _, reason := range []struct {
		happened bool
		asked    int
	}{
		{isPaid(now.status) && !isPaid(before.status), a.asks[confirm] + a.asks[pay]},
		{now.status == statusCancelled && became, a.asks[cancel] + a.asks[release]},
		{grown(releasedOf), a.asks[release]},
		{grown(shippedOf), a.asks[ship]},
		{grown(returnedOf), a.asks[giveBack]},
		{now.extended && !before.extended, a.asks[extend]},
		{now.refund != before.refund, a.asks[pay]},
	} {
		if reason.happened && reason.asked == 0 {
			return fmt.Errorf("order %s was %+v and is %+v, which nobody asked for", kept.ID, *before, *now)
		}
	}
	switch {
	case now.status == statusConfirmed && became && !grown(releasedOf) && kept.UpdatedAt.After(kept.ExpiresAt):
		return fmt.Errorf("order %s was confirmed at %s, after its hold had ended at %s", kept.ID, kept.UpdatedAt, kept.ExpiresAt)
	case now.status == statusExpired && became && kept.ServerTime.Before(kept.ExpiresAt):
		return fmt.Errorf("order %s has expired at %s, before its hold ends at %s", kept.ID,
			kept.ServerTime.Format(time.RFC3339Nano), kept.ExpiresAt)
	}
	return nil
}
