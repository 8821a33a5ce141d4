package main

import (
	"context"
	"fmt"

	"holdfast/internal/identifier"
	"holdfast/inventory"
	"holdfast/persistence"
)

// demoProducts are what --demo puts on sale.
var demoProducts = []struct {
	sku, name, description string
	price, stock           int64
}{
	{"LANTERN-RED", "Red storm lantern", "Burns in any wind.", 2499, 100},
	{"KETTLE-STEEL", "Steel camp kettle", "Boils a litre over a small fire.", 3950, 40},
	{"MUG-ENAMEL", "Enamel mug", "The last five of the old batch.", 799, 5},
}

// openDemo puts the demonstration catalogue on sale when there is no product yet.
func (s *server) openDemo(ctx context.Context, p *program, options *serverOptions) error {
	if !options.Demo {
		return nil
	}
	present, err := s.store.Products(ctx, persistence.ProductFilter{Limit: 1})
	if err != nil || len(present) > 0 {
		return err
	}
	for i, demo := range demoProducts {
		now := p.clock.Now()
		product := persistence.CatalogueProduct{
			Product: inventory.Product{ID: identifier.Unsharded(now.Add(inventory.Instant(i) * inventory.Millisecond)), SKU: demo.sku, HoldSeconds: inventory.HoldSecondsDefault,
				Price: inventory.Money{Minor: demo.price, Currency: inventory.Currency{'E', 'U', 'R'}}},
			Name: demo.name, Description: demo.description, Category: "demo", OpeningStock: demo.stock,
			Version: 1, CreatedAt: now, UpdatedAt: now,
		}
		if err := s.store.CreateProducts(ctx, product); err != nil {
			return fmt.Errorf("create the demonstration product %s: %w", demo.sku, err)
		}
		if refusal := s.engine.AddProduct(product); refusal.Refused() {
			return fmt.Errorf("stock the demonstration product %s: %w", demo.sku, refusal)
		}
	}
	s.log.Info("the demonstration catalogue is on sale", "products", len(demoProducts))
	return nil
}
