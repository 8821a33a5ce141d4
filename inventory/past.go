package inventory

// PastHoldSeconds is how long an order of the past was held, as far as its record says:
// it was paid for at once.
const PastHoldSeconds = HoldSecondsDefault

// PastReason is the reason of the receipts of what was sold before.
const PastReason = "sold_before"

// PastSale returns the events of an order that was placed, paid for and shipped before
// the shop came here, all at one moment: its units are received, held, paid for and
// shipped, so that the stock is after them what it was. order gives ID, Customer,
// PlacedAt, Currency, Body and Lines, which ascend by product and have quantity, price
// and SKU; note says in the receipt what it is for. Events of the past have no keys.
func PastSale(order *Order, note string) ([]Event, Refusal) {
	lines, refusal := pricedBefore(order)
	if refusal.Refused() {
		return nil, refusal
	}
	at := order.PlacedAt
	receipt := Event{Kind: StockAdjusted, At: at, Reason: PastReason, Note: note, Lines: unitsOnly(lines)}
	placed := Event{Kind: OrderPlaced, At: at, By: order.Customer, Order: order.ID, Customer: order.Customer,
		ExpiresAt: at.Add(PastHoldSeconds * Second), Currency: order.Currency, Body: order.Body, Lines: lines}
	var past Order
	if err := past.Evolve(&placed, 0); err != nil {
		return nil, Refusal{Code: CodeValidationFailed, Detail: err.Error()}
	}
	confirmed := past.FollowUp(OrderConfirmed, at, ID{})
	if err := past.Evolve(&confirmed, 0); err != nil {
		return nil, Refusal{Code: CodeValidationFailed, Detail: err.Error()}
	}
	fulfilled, _, refusal := past.Decide(&Change{Kind: OrderFulfilled}, at)
	return []Event{receipt, placed, confirmed, fulfilled}, refusal
}

// PastReturn returns the event of units that came back before the shop came here. lines
// ascend by product; whole says that after them nothing of the order is left. Whatever
// of the units could be sold again is in today's stock already, so they do not enter it.
func PastReturn(order *Order, at Instant, lines []Line, whole bool) Event {
	event := Event{Kind: OrderReturned, At: at, Order: order.ID, Customer: order.Customer, To: PartiallyReturned, Lines: lines}
	if whole {
		event.To = Returned
	}
	return event
}

// pricedBefore checks lines with prices of their own as those of an order are.
func pricedBefore(order *Order) ([]Line, Refusal) {
	products := make([]Product, len(order.Lines))
	prices := make([]*Product, len(order.Lines))
	for i := range order.Lines {
		line := &order.Lines[i]
		products[i] = Product{ID: line.ProductID, SKU: line.SKU, Price: Money{Minor: line.Price, Currency: order.Currency}}
		prices[i] = &products[i]
	}
	lines, refusal := MergeLines(append([]Line(nil), order.Lines...))
	if !refusal.Refused() && len(lines) != len(prices) {
		refusal = Refusal{Code: CodeValidationFailed, Detail: "A product of the order is there twice."}
	}
	if !refusal.Refused() {
		_, refusal = DecidePlace(lines, prices)
	}
	return lines, refusal
}

// unitsOnly returns lines without what only an order's have.
func unitsOnly(lines []Line) []Line {
	units := make([]Line, len(lines))
	for i := range lines {
		units[i] = Line{ProductID: lines[i].ProductID, Quantity: lines[i].Quantity}
	}
	return units
}
