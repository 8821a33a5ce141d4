package main

import (
	"context"
	"fmt"

	"holdfast/internal/identifier"
	"holdfast/internal/retail"
	"holdfast/internal/retail/sample"
	"holdfast/inventory"
	"holdfast/persistence"
)

// demoProducts are what --demo puts on sale first.
var demoProducts = []struct {
	sku, name, description string
	price, stock           int64
}{
	{"LANTERN-RED", "Red storm lantern", "Burns in any wind.", 2499, 100},
	{"KETTLE-STEEL", "Steel camp kettle", "Boils a litre over a small fire.", 3950, 40},
	{"MUG-ENAMEL", "Enamel mug", "The last five of the old batch.", 799, 5},
}

// demoCategory is that of the products of our own.
const demoCategory = "demo"

// demoDrops come besides: sales that begin while somebody looks, and what is always there.
// A length of zero is always.
var demoDrops = []struct {
	sku, name, description string
	price, stock, limit    int64
	begins, length         inventory.Instant
}{
	{"DROP-TENT", "Canvas trail tent", "Begins two minutes after the start, one for each customer.", 18900, 240, 1,
		120 * inventory.Second, 1_800 * inventory.Second},
	{"ROPE-30M", "Climbing rope, 30 m", "Holds fast.", 5900, 900, 0, 0, 0},
	{"STOVE-GAS", "Gas stove", "Folds into a cup.", 3490, 700, 0, 0, 0},
	{"DROP-BOOTS", "Hill boots", "Begin five minutes after the start, and end ten minutes later.", 12900, 300, 2,
		300 * inventory.Second, 600 * inventory.Second},
}

// The flash sale of --demo: few units, two for each customer, held for two minutes,
// and over after an hour.
const (
	demoSaleStock       = 500
	demoSaleLimit       = 2
	demoSaleHoldSeconds = 120
	demoSaleLength      = 3_600 * inventory.Second
)

// openDemo puts the demonstration catalogue on sale when there is no product yet: some
// products of our own, a flash sale that begins now, and the gifts of a real retailer.
// It comes before the engine, whose start issues the opening receipts.
func (s *server) openDemo(ctx context.Context, p *program, options *serverOptions) error {
	if !options.Demo {
		return nil
	}
	present, err := s.store.Products(ctx, persistence.ProductFilter{Limit: 1})
	if err != nil || len(present) > 0 {
		return err
	}
	products, err := demoCatalogue(p.clock.Now())
	if err != nil {
		return fmt.Errorf("read the demonstration catalogue: %w", err)
	}
	if err := s.store.CreateProducts(ctx, products...); err != nil {
		return fmt.Errorf("create the demonstration catalogue: %w", err)
	}
	s.log.Info("the demonstration catalogue is on sale", "products", len(products), "flash_sale_ends_in_seconds", int64(demoSaleLength/inventory.Second))
	return nil
}

// demoCatalogue returns all products of the demonstration, in the order in which they
// are listed.
func demoCatalogue(now inventory.Instant) ([]persistence.CatalogueProduct, error) {
	blank := func() persistence.CatalogueProduct {
		return persistence.CatalogueProduct{Version: 1, CreatedAt: now, UpdatedAt: now, Product: inventory.Product{Category: demoCategory,
			HoldSeconds: inventory.HoldSecondsDefault, Price: inventory.Money{Currency: inventory.Currency{'E', 'U', 'R'}}}}
	}
	var products []persistence.CatalogueProduct
	for _, demo := range demoProducts {
		product := blank()
		product.SKU, product.Name, product.Description = demo.sku, demo.name, demo.description
		product.Price.Minor, product.OpeningStock = demo.price, demo.stock
		products = append(products, product)
	}
	flash := blank()
	flash.SKU, flash.Name, flash.Description = "FLASH-LAMP", "Brass ship's lamp", "One hour only, two for each customer."
	flash.Price.Minor, flash.OpeningStock, flash.PurchaseLimit = 4900, demoSaleStock, demoSaleLimit
	flash.HoldSeconds, flash.SaleStartsAt, flash.SaleEndsAt = demoSaleHoldSeconds, now, now.Add(demoSaleLength)
	products = append(products, flash)
	for _, drop := range demoDrops {
		product := blank()
		product.SKU, product.Name, product.Description = drop.sku, drop.name, drop.description
		product.Price.Minor, product.OpeningStock, product.PurchaseLimit = drop.price, drop.stock, drop.limit
		if drop.length > 0 {
			product.HoldSeconds, product.SaleStartsAt = demoSaleHoldSeconds, now.Add(drop.begins)
			product.SaleEndsAt = product.SaleStartsAt.Add(drop.length)
		}
		products = append(products, product)
	}

	history, err := sample.Open()
	if err != nil {
		return nil, err
	}
	retailer := importCatalogueCommand{importOptions: importOptions{Currency: "GBP", Charges: retail.Charges}, Category: "gifts", StockPercent: 100}
	gifts, err := retailer.readHistory(history, func(retail.Oddity) {}, now)
	if err != nil {
		return nil, err
	}
	for _, gift := range gifts {
		products = append(products, gift.CatalogueProduct)
	}
	// The list is in the order of the IDs, and those in the order of time.
	for i := range products {
		products[i].ID = identifier.Unsharded(now.Add(inventory.Instant(i) * inventory.Millisecond))
	}
	return products, nil
}
