package retail

import "fmt"

// Purchases knows what each customer has bought and not given back. Order is what
// names an order to whoever uses it.
type Purchases[Order any] struct {
	report Report
	// bought has the purchases of a customer and product, the newest last.
	bought map[purchaseKey][]purchase[Order]
}

type purchaseKey struct{ customer, sku string }

type purchase[Order any] struct {
	order    Order
	quantity int64
}

// Back is units of one order that are given back.
type Back[Order any] struct {
	Order    Order
	Quantity int64
}

// NewPurchases returns Purchases of nobody.
func NewPurchases[Order any](report Report) *Purchases[Order] {
	return &Purchases[Order]{report: report, bought: map[purchaseKey][]purchase[Order]{}}
}

// Buy notes that the customer has bought units with an order.
func (p *Purchases[Order]) Buy(customer, sku string, order Order, quantity int64) {
	key := purchaseKey{customer, sku}
	p.bought[key] = append(p.bought[key], purchase[Order]{order, quantity})
}

// GiveBack takes the units of an item out of the customer's newest purchases and
// returns of which orders they are. Units that the customer does not have are
// reported.
func (p *Purchases[Order]) GiveBack(customer string, item *Item) (backs []Back[Order]) {
	key := purchaseKey{customer, item.SKU}
	bought, left := p.bought[key], item.Quantity
	for left > 0 && len(bought) > 0 {
		newest := &bought[len(bought)-1]
		taken := min(left, newest.quantity)
		backs = append(backs, Back[Order]{newest.order, taken})
		left -= taken
		if newest.quantity -= taken; newest.quantity == 0 {
			bought = bought[:len(bought)-1]
		}
	}
	p.bought[key] = bought
	if left > 0 {
		p.report(Oddity{Line: item.Line, Kind: Unmatched, Detail: fmt.Sprintf("%s gives back %d units of %s more than were bought: left out", customer, left, item.SKU)})
	}
	return backs
}
