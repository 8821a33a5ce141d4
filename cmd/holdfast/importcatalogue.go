package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"holdfast/internal/identifier"
	"holdfast/internal/progress"
	"holdfast/internal/retail"
	"holdfast/inventory"
	"holdfast/persistence"
)

// importChunk is how many products one transaction makes.
const importChunk = 1_000

type importCatalogueCommand struct {
	importOptions `embed:""`

	File         string `arg:"" type:"existingfile" help:"CSV file, or one compressed with gzip: a catalogue (sku, name, price and, if wanted, description, category, currency, stock, safety, purchase_limit, hold_seconds, sale_starts_at, sale_ends_at, paused), or an order history (InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country)."`
	Category     string `default:"imported" help:"Category of products that have none."`
	StockPercent int64  `default:"100" help:"Opening stock of a product of an order history, in percent of the units that were sold."`
}

// Validate refuses what no product can have.
func (c *importCatalogueCommand) Validate() error {
	switch {
	case c.StockPercent < 0 || c.StockPercent > 1_000_000:
		return usagef("--stock-percent is %d and must be from 0 to 1000000", c.StockPercent)
	case !isCategory(c.Category):
		return usagef("--category is %q and must have at most 64 of a-z, 0-9 and -", c.Category)
	}
	return c.complete(c.File + ".report.csv")
}

// Run puts the products of the file into the catalogue. A product that is there is
// left as it is, so that an import that was interrupted goes on when it is started
// again. The next start of the server issues the opening receipts.
func (c *importCatalogueCommand) Run(ctx context.Context, p *program) (err error) {
	file, err := openImport(c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	report, err := createReport(c.Report)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, report.close()) }()
	bar := progress.New(p.stderr, isTerminal(p.stderr), "reading "+c.File, file.size, p.clock)
	file.watch(bar.Set)
	products, err := c.read(file, report, p.clock.Now())
	bar.End()
	if err != nil {
		return fmt.Errorf("import %s: %w", c.File, err)
	}
	work := &catalogueImport{report: report, products: products}
	if err := p.withStore(ctx, func(_ *dataDirectory, store persistence.Store) error { return work.run(ctx, p, store) }); err != nil {
		return fmt.Errorf("import %s: %w; %d products were made: start it again to go on", c.File, err, work.created)
	}
	return work.summarise(p.stdout)
}

// catalogueImport is one run.
type catalogueImport struct {
	report            *importReport
	products          []importedProduct
	created, existing int
}

// importedProduct is a product and the line that it comes from.
type importedProduct struct {
	persistence.CatalogueProduct
	line int
}

// run creates the products that are not there.
func (w *catalogueImport) run(ctx context.Context, p *program, store persistence.Store) error {
	known := map[string]persistence.CatalogueProduct{}
	if err := store.EachProduct(ctx, func(product persistence.CatalogueProduct, _ inventory.Stock) error {
		known[product.SKU] = product
		return nil
	}); err != nil {
		return err
	}
	var missing []persistence.CatalogueProduct
	for i := range w.products {
		product := &w.products[i]
		if present, is := known[product.SKU]; is {
			w.existing++
			w.compare(product, &present)
			continue
		}
		known[product.SKU] = product.CatalogueProduct
		missing = append(missing, product.CatalogueProduct)
	}
	ascend(missing)
	bar := progress.New(p.stderr, isTerminal(p.stderr), "creating products", int64(len(missing)), p.clock)
	defer bar.End()
	for chunk := range slices.Chunk(missing, importChunk) {
		if err := store.CreateProducts(ctx, chunk...); err != nil {
			return err
		}
		w.created += len(chunk)
		bar.Set(int64(w.created))
	}
	return nil
}

// ascend deals the products' identifiers out anew, so that they ascend. All are of one
// millisecond, so they ascend by chance only; but lists show products by identifier, and
// should show them as the file does, and an index is written and read much faster from one
// end to the other.
func ascend(products []persistence.CatalogueProduct) {
	ids := make([]inventory.ID, len(products))
	for i := range products {
		ids[i] = products[i].ID
	}
	slices.SortFunc(ids, func(a, b inventory.ID) int { return bytes.Compare(a[:], b[:]) })
	for i := range products {
		products[i].ID = ids[i]
	}
}

// compare reports a product that is there with other values: changing it is the
// catalogue's business, with its version.
func (w *catalogueImport) compare(product *importedProduct, present *persistence.CatalogueProduct) {
	switch {
	case present.Deleted:
		w.report.add(retail.Oddity{Line: product.line, Kind: kindDiffers, Detail: fmt.Sprintf("%s was deleted from the catalogue: left as it is", product.SKU)})
	case present.Price != product.Price || present.Name != product.Name:
		w.report.add(retail.Oddity{Line: product.line, Kind: kindDiffers, Detail: fmt.Sprintf("%s is in the catalogue as %q for %d %s, here it is %q for %d %s: left as it is",
			product.SKU, present.Name, present.Price.Minor, present.Price.Currency, product.Name, product.Price.Minor, product.Price.Currency)})
	}
}

// summarise prints what was done and what was odd.
func (w *catalogueImport) summarise(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "products created\t%d\nproducts that were there\t%d\n", w.created, w.existing)
	w.report.summarise(table)
	return table.Flush()
}

// read returns the products of either kind of file.
func (c *importCatalogueCommand) read(file *importFile, report *importReport, now inventory.Instant) ([]importedProduct, error) {
	header, err := file.header()
	if err != nil {
		return nil, err
	}
	if retail.IsHistory(header) {
		return c.readHistory(file, report.add, now)
	}
	return c.readCatalogue(file, report, now)
}

// readHistory returns the products that were sold.
func (c *importCatalogueCommand) readHistory(file io.Reader, report retail.Report, now inventory.Instant) ([]importedProduct, error) {
	lines, err := retail.NewReader(file, report)
	if err != nil {
		return nil, err
	}
	catalogue := retail.NewCatalogue(c.Charges, report)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		catalogue.Add(&line)
	}
	var products []importedProduct
	for _, sold := range catalogue.Products() {
		product := c.blank(now)
		product.SKU, product.Name, product.Price.Minor = sold.SKU, sold.Name, sold.PriceMinor
		product.OpeningStock = min(sold.Sold*c.StockPercent/100, inventory.StockQuantityMax)
		product.Paused = sold.PriceMinor == 0
		if reason := reasonAgainst(&product); reason != "" {
			report(retail.Oddity{Line: sold.Line, Kind: kindRefused, Detail: fmt.Sprintf("%q: %s: left out", sold.SKU, reason)})
			continue
		}
		products = append(products, importedProduct{product, sold.Line})
	}
	return products, nil
}

// blank returns a product with what all have that say nothing else.
func (c *importCatalogueCommand) blank(now inventory.Instant) persistence.CatalogueProduct {
	return persistence.CatalogueProduct{
		Product: inventory.Product{ID: identifier.Unsharded(now), Category: c.Category,
			HoldSeconds: inventory.HoldSecondsDefault, Price: inventory.Money{Currency: c.currency()}},
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}
}
