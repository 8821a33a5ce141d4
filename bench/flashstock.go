package bench

import (
	"cmp"
	"slices"
)

// flashSold are the orders of a product.
type flashSold struct {
	orders []*flashEntry
	// refused is the one that was refused first, nil when none was.
	refused *flashEntry
}

// checkStocks compares the stock of each product with its orders. held are the units of
// each that the lists have.
func (s *flashSession) checkStocks(held map[string]int64) error {
	sold := make([]flashSold, len(s.products))
	for i := range s.entries {
		entry := &s.entries[i]
		product := &sold[entry.product]
		switch {
		case entry.placed():
			product.orders = append(product.orders, entry)
		case !entry.repeat && entry.outcome == flashRefused && (product.refused == nil || entry.answered() < product.refused.answered()):
			product.refused = entry
		}
	}
	for number := range s.products {
		product := &s.products[number]
		stock, err := s.shop.stock(product.id)
		if err != nil {
			return err
		}
		s.checkStock(product, &sold[number], stock, held[product.id])
		s.checkVersions(product, sold[number].orders)
		s.checkRefusal(product, &sold[number])
	}
	return nil
}

// checkStock finds units that were sold and not reserved, or the other way round.
func (s *flashSession) checkStock(product *flashProduct, sold *flashSold, stock productStock, held int64) {
	count, opening := int64(len(sold.orders)), product.opening
	want := productStock{OnHand: opening.OnHand, Reserved: count, Available: opening.OnHand - count, Version: opening.Version + count}
	if stock != want {
		s.faults.add("product %s has %+v after %d orders, and not %+v", product.id, stock, count, want)
	}
	if held != stock.Reserved {
		s.faults.add("the lists hold %d units of product %s, and %d are reserved", held, product.id, stock.Reserved)
	}
	if count > opening.OnHand {
		s.faults.add("%d orders of product %s were accepted, and it had %d units", count, product.id, opening.OnHand)
	}
}

// checkVersions finds two orders with one version of the stock, and versions without an
// order: nothing else has changed the stock.
func (s *flashSession) checkVersions(product *flashProduct, orders []*flashEntry) {
	slices.SortFunc(orders, func(a, b *flashEntry) int { return cmp.Compare(a.version, b.version) })
	for i, entry := range orders {
		if want := product.opening.Version + int64(i) + 1; entry.version != want {
			s.faults.add("the order of key %s has version %d of the stock of product %s, where %d comes next", s.key(entry.serial), entry.version, product.id, want)
			return
		}
	}
}

// checkRefusal finds a product that refused although it had units: nothing is ever given
// back here, so that the first refusal must come when orders for all units were sent.
func (s *flashSession) checkRefusal(product *flashProduct, sold *flashSold) {
	if sold.refused == nil {
		return
	}
	begun := int64(0)
	for _, entry := range sold.orders {
		if entry.begun() <= sold.refused.answered() {
			begun++
		}
	}
	if begun < product.opening.OnHand {
		s.faults.add("key %s was refused when at most %d of the %d units of product %s can have been sold",
			s.key(sold.refused.serial), begun, product.opening.OnHand, product.id)
	}
}
