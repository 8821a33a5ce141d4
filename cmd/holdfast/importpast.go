package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/actors"
	"holdfast/internal/identifier"
	"holdfast/internal/progress"
	"holdfast/internal/retail"
	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	// salesChunk is how many invoices are looked at together: their customers get
	// accounts in one transaction.
	salesChunk = 500
	// backlogRecords bounds the records of an import that the database does not have.
	backlogRecords = 16_384
	// journalPause is the pause before what the journal had no room for, because the
	// disk was behind, is tried again.
	journalPause = 5 * time.Millisecond
)

// orderImport is one run. Its progress is not noted anywhere: an order has the ID that
// follows from its invoice, so the database tells which are there, and of the units of
// an order how many have come back.
type orderImport struct {
	options *importOrdersCommand
	report  *importReport
	now     inventory.Instant
	store   persistence.Store
	engine  *actors.Engine
	// products are those of the catalogue by SKU.
	products map[string]inventory.Product
	// accounts are the names that have one.
	accounts map[string]bool
	// purchases is what customers may give back, orders are those of the file.
	purchases *retail.Purchases[pastLine]
	orders    map[inventory.ID]bool
	// purgedBefore is until when orders were deleted: whether an older one was recorded
	// cannot be known.
	purgedBefore inventory.Instant
	// last is the last record of this run.
	last uint64

	recorded, present               pastCounts
	customersCreated, guestsCreated int
}

// pastCounts count orders and returns.
type pastCounts struct{ orders, lines, units, returns, unitsBack int64 }

func newOrderImport(options *importOrdersCommand, report *importReport) *orderImport {
	return &orderImport{options: options, report: report, products: map[string]inventory.Product{}, accounts: map[string]bool{},
		purchases: retail.NewPurchases[pastLine](report.add), orders: map[inventory.ID]bool{}}
}

// run records what is not there.
func (w *orderImport) run(ctx context.Context, p *program, s *server) error {
	w.store, w.engine, w.now = s.store.Store, s.engine, p.clock.Now()
	var err error
	if w.purgedBefore, err = w.store.PurgedBefore(ctx); err != nil {
		return err
	}
	if err := w.loadProducts(ctx); err != nil {
		return err
	}
	if err := w.survey(ctx, p); err != nil {
		return err
	}
	chunk := make([]retail.Sale, 0, salesChunk)
	err = w.options.eachSale(p, "recording", w.report.add, func(sale *retail.Sale) (err error) {
		if chunk = append(chunk, *sale); len(chunk) == salesChunk {
			err = w.record(ctx, chunk)
			chunk = chunk[:0]
		}
		return err
	})
	if err == nil {
		err = w.record(ctx, chunk)
	}
	if err == nil {
		err = w.drain(ctx, p)
	}
	return err
}

// loadProducts reads the catalogue, with products that were deleted: they were sold.
// Of SKUs that differ only in case the one counts that is written as the file's.
func (w *orderImport) loadProducts(ctx context.Context) error {
	return w.store.EachProduct(ctx, func(product persistence.CatalogueProduct, _ inventory.Stock) error {
		sku := retail.SKU(product.SKU)
		if _, known := w.products[sku]; !known || product.SKU == sku {
			w.products[sku] = product.Product
		}
		return nil
	})
}

// survey reads the file once and changes nothing: it refuses one of another shop, whose
// products are mostly not in the catalogue.
func (w *orderImport) survey(ctx context.Context, p *program) error {
	known, missing := map[string]bool{}, map[string]bool{}
	err := w.options.eachSale(p, "reading", func(retail.Oddity) {}, func(sale *retail.Sale) error {
		for i := range sale.Items {
			sku := sale.Items[i].SKU
			if _, is := w.products[sku]; is {
				known[sku] = true
			} else {
				missing[sku] = true
			}
		}
		return ctx.Err()
	})
	if err == nil && len(missing) > len(known) {
		err = fmt.Errorf("%d of its %d products are not in the catalogue: run \"holdfast import catalogue %s\" first",
			len(missing), len(known)+len(missing), w.options.File)
	}
	return err
}

// record puts some invoices on record, in their order.
func (w *orderImport) record(ctx context.Context, sales []retail.Sale) error {
	orders := make([]*inventory.Order, len(sales)) // nil where nothing is to be recorded
	for i := range sales {
		if !sales[i].Cancellation {
			orders[i] = w.orderOf(&sales[i])
		}
	}
	if err := w.ensureAccounts(ctx, sales, orders); err != nil {
		return err
	}
	for i := range sales {
		var err error
		switch {
		case sales[i].Cancellation:
			err = w.giveBack(ctx, &sales[i])
		case orders[i] != nil:
			err = w.sell(ctx, &sales[i], orders[i])
		}
		if err != nil {
			return fmt.Errorf("invoice %s in line %d: %w", sales[i].Invoice, sales[i].Line, err)
		}
	}
	if w.last <= backlogRecords {
		return ctx.Err()
	}
	return w.engine.WaitProjected(ctx, w.last-backlogRecords)
}

// ensureAccounts makes accounts for the customers of orders.
func (w *orderImport) ensureAccounts(ctx context.Context, sales []retail.Sale, orders []*inventory.Order) error {
	var customers, guests []persistence.User
	for i, order := range orders {
		name := sales[i].Customer
		if order == nil || w.accounts[name] {
			continue
		}
		w.accounts[name] = true
		user := persistence.User{ID: order.Customer, Email: order.Customer.String() + "@" + importedDomain,
			Role: persistence.RoleCustomer, CreatedAt: order.PlacedAt}
		if sales[i].IsGuest() {
			user.Name = plainText("Guest of invoice " + sales[i].Invoice)
			guests = append(guests, user)
		} else {
			user.Name = plainText("Customer " + name)
			customers = append(customers, user)
		}
	}
	created, err := w.store.EnsureUsers(ctx, customers)
	w.customersCreated += created
	if err == nil {
		created, err = w.store.EnsureUsers(ctx, guests)
		w.guestsCreated += created
	}
	if errors.Is(err, persistence.ErrExists) {
		err = fmt.Errorf("somebody else has an address at %s, which only imports give: %w", importedDomain, err)
	}
	return err
}

// importedDomain is that of the addresses of customers whose own are not known. No mail
// can reach it (RFC 2606).
const importedDomain = "imported.invalid"

// customerOf returns the ID of a buyer, which follows from the customer's number.
func customerOf(sale *retail.Sale) inventory.ID {
	if sale.IsGuest() {
		return identifier.Derived("guest", sale.Customer)
	}
	return identifier.Derived("customer", sale.Customer)
}

// append puts events of the past on record. It returns false when a bound refuses them,
// which is reported.
func (w *orderImport) append(ctx context.Context, sale *retail.Sale, events []inventory.Event) (bool, error) {
	for {
		last, err := w.engine.Record(events)
		switch {
		case err == nil:
			w.last = last
			return true, nil
		case errors.Is(err, inventory.ErrBound):
			w.refuse(sale, err.Error())
			return false, nil
		case !errors.Is(err, persistence.ErrJournalBusy):
			return false, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(journalPause):
		}
	}
}

// refuse reports an invoice that is left out.
func (w *orderImport) refuse(sale *retail.Sale, reason string) {
	w.report.add(retail.Oddity{Line: sale.Line, Kind: kindRefused, Detail: fmt.Sprintf("invoice %s: %s: left out", sale.Invoice, reason)})
}

// drain returns when the database has everything.
func (w *orderImport) drain(ctx context.Context, p *program) error {
	began := w.engine.Statistics().Projected
	if w.last <= began {
		return nil
	}
	bar := progress.New(p.stderr, isTerminal(p.stderr), "writing to the database", int64(w.last-began), p.clock)
	defer bar.End()
	for at := began; at < w.last; bar.Set(int64(at - began)) {
		at = min(at+backlogRecords/16, w.last)
		if err := w.engine.WaitProjected(ctx, at); err != nil {
			return err
		}
	}
	return nil
}
