package blackbox

// tally counts what has become of the orders of the whole run.
func (w *world) tally() {
	states := map[string]traffic{statusReserved: ordersReserved, statusConfirmed: ordersConfirmed, statusCancelled: ordersCancelled,
		statusExpired: ordersExpired, statusPartiallyShipped: ordersPartly, statusShipped: ordersFulfilled,
		statusPartiallyReturned: ordersPartlyBack, statusReturned: ordersReturned}
	counts := make(map[traffic]int)
	for _, a := range w.orders {
		counts[states[a.state.status]]++
		for _, row := range []struct {
			what traffic
			is   bool
		}{
			{basketOrders, len(a.lines) > 1}, {backwardsOrders, a.backwards && len(a.lines) > 1},
			{splitOrders, a.split && a.lines[0].asked+a.more > 1}, {droppedOrders, a.state.sum(droppedOf) > 0},
			{releasedOrders, a.state.sum(releasedOf) > 0}, {extendedOrders, a.state.extended}, {refundedOrders, a.state.refund > 0},
			{limitedOrders, a.hasLimit()},
		} {
			if row.is {
				counts[row.what]++
			}
		}
	}
	for what, count := range counts {
		w.triedMany(what, count)
	}
}

func (a *attempt) hasLimit() bool {
	for _, l := range a.lines {
		if l.product.limit != 0 {
			return true
		}
	}
	return false
}

// tallyMove counts a movement that was made.
func (w *world) tallyMove(m *movement) {
	whole := len(m.named) == 0
	for _, row := range []struct {
		what traffic
		is   bool
	}{
		{adjustedUp, m.change == adjust && m.delta > 0}, {adjustedDown, m.change == adjust && m.delta < 0},
		{restShipped, m.change == ship && whole}, {partShipped, m.change == ship && !whole},
		{restBack, m.change == giveBack && whole}, {partBack, m.change == giveBack && !whole},
		{restockedMoves, m.change == giveBack && m.restock}, {writtenOff, m.change == giveBack && !m.restock},
	} {
		if row.is {
			w.tried(row.what)
		}
	}
}
