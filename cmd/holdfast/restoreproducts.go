package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
)

// A product that was made after a backup is lost with its database: only the journal
// knows it, by what happened to it. Without a row, none of its orders could be projected.
const (
	lostName        = "A product whose name was lost"
	lostDescription = "The database lost this product. The journal had its orders and its stock. Complete it, and resume it."
	lostCategory    = "lost"
	lostSKUPrefix   = "LOST-"
)

// lostCurrency is that of a product of which nothing was ordered: no currency.
var lostCurrency = inventory.Currency{'X', 'X', 'X'}

// restoreProducts makes a row for every product that the journal names and the catalogue
// does not have, paused, with the number and the price that it was last ordered with.
func (r *restoring) restoreProducts(ctx context.Context) (err error) {
	store, err := r.program.openDatabase(ctx, r.directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	known, numbers := map[inventory.ID]bool{}, map[string]bool{}
	if err := store.EachProduct(ctx, func(product persistence.CatalogueProduct, _ inventory.Stock) error {
		known[product.ID], numbers[product.SKU] = true, true
		return nil
	}); err != nil {
		return err
	}
	lost := map[inventory.ID]*persistence.CatalogueProduct{}
	err = journal.Dump(presentDisk{}, r.directory.journal(), r.projected.Sequence+1, 0, func(_ uint64, record []byte) error {
		event, err := persistence.DecodeEvent(record)
		if err != nil {
			return err
		}
		noteLost(&event, known, lost)
		return ctx.Err()
	})
	if err != nil || len(lost) == 0 {
		return err
	}
	products := completeLost(lost, numbers)
	for chunk := range slices.Chunk(products, importChunk) {
		if err := store.CreateProducts(ctx, chunk...); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.program.stdout, "%d products were made after the backup. They are there again, with their orders and their stock, but paused and "+
		"without name and settings: complete those of category %q, and resume them.\n", len(products), lostCategory)
	return nil
}

// noteLost takes from an event what it says about products that are lost.
func noteLost(event *inventory.Event, known map[inventory.ID]bool, lost map[inventory.ID]*persistence.CatalogueProduct) {
	for i := range event.Lines {
		line := &event.Lines[i]
		if known[line.ProductID] {
			continue
		}
		product := lost[line.ProductID]
		if product == nil {
			product = &persistence.CatalogueProduct{Description: lostDescription, Version: 1,
				CreatedAt: event.At, Product: inventory.Product{ID: line.ProductID, Name: lostName, Category: lostCategory, Price: inventory.Money{Currency: lostCurrency},
					HoldSeconds: inventory.HoldSecondsDefault, Paused: true}}
			lost[line.ProductID] = product
		}
		product.UpdatedAt = event.At
		if event.Kind == inventory.OrderPlaced {
			product.SKU, product.Price = line.SKU, inventory.Money{Minor: line.Price, Currency: event.Currency}
		}
	}
}

// completeLost returns the products, ascending by ID, with numbers that nobody else has.
func completeLost(lost map[inventory.ID]*persistence.CatalogueProduct, numbers map[string]bool) []persistence.CatalogueProduct {
	products := make([]persistence.CatalogueProduct, 0, len(lost))
	for _, product := range lost {
		products = append(products, *product)
	}
	slices.SortFunc(products, func(a, b persistence.CatalogueProduct) int { return slices.Compare(a.ID[:], b.ID[:]) })
	for i := range products {
		if sku := products[i].SKU; sku == "" || numbers[sku] {
			products[i].SKU = lostSKUPrefix + products[i].ID.String()
		}
		numbers[products[i].SKU] = true
	}
	return products
}
