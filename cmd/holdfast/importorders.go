package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"holdfast/internal/progress"
	"holdfast/internal/retail"
)

type importOrdersCommand struct {
	importOptions `embed:""`

	File string `arg:"" type:"existingfile" help:"CSV file, or one compressed with gzip, with InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country. Each invoice becomes an order of its time, paid and shipped; one that begins with C takes earlier purchases of its customer back."`
}

// Help is what the help page says beside the options.
func (c *importOrdersCommand) Help() string {
	return "What is for sale stays as it is: the units of a past order are received and shipped in one step, and what came back " +
		"is taken for counted in today's stock. Windows, pauses and limits of today do not refuse the past, but it counts " +
		"towards a limit per customer whose sale had begun. Customers become accounts without a password. " +
		"An import that was interrupted goes on when it is started again, and the same file imported again changes nothing."
}

// Validate refuses what no order can have.
func (c *importOrdersCommand) Validate() error { return c.complete(c.File + ".orders.report.csv") }

// Run puts the orders of the file on record. What is there is left as it is.
func (c *importOrdersCommand) Run(ctx context.Context, p *program) (err error) {
	if err := c.refuseOthers(); err != nil {
		return fmt.Errorf("import %s: %w", c.File, err)
	}
	report, err := createReport(c.Report)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, report.close()) }()
	work := newOrderImport(c, report)
	if err := p.withEngine(ctx, func(ctx context.Context, s *server) error { return work.run(ctx, p, s) }); err != nil {
		if work.recorded.orders+work.recorded.returns > 0 {
			err = fmt.Errorf("%w; %d orders and %d returns were recorded: start it again to go on", err, work.recorded.orders, work.recorded.returns)
		}
		return fmt.Errorf("import %s: %w", c.File, err)
	}
	return work.summarise(p.stdout)
}

// refuseOthers returns an error unless the file is an order history.
func (c *importOrdersCommand) refuseOthers() error {
	file, err := openImport(c.File)
	if err != nil {
		return err
	}
	_, err = retail.NewReader(file, nil) // the header is not reported
	return errors.Join(err, file.Close())
}

// eachSale calls visit for every invoice of the file that has a product, until it
// returns an error. A bar shows what is done.
func (c *importOrdersCommand) eachSale(p *program, what string, report retail.Report, visit func(*retail.Sale) error) (err error) {
	file, err := openImport(c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	bar := progress.New(p.stderr, isTerminal(p.stderr), what+" "+c.File, file.size, p.clock)
	defer bar.End()
	file.watch(bar.Set)
	lines, err := retail.NewReader(file, report)
	if err != nil {
		return err
	}
	sales := retail.NewSales(lines, retail.NewCatalogue(c.Charges, report), report)
	for {
		sale, err := sales.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = visit(&sale)
		}
		if err != nil {
			return err
		}
	}
}

// summarise prints what was done and what was odd.
func (w *orderImport) summarise(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		what  string
		count int64
	}{
		{"orders recorded", w.recorded.orders}, {"lines of them", w.recorded.lines}, {"units of them", w.recorded.units},
		{"returns recorded", w.recorded.returns}, {"units that came back", w.recorded.unitsBack},
		{"orders that were there", w.present.orders}, {"returns that were there", w.present.returns},
		{"customers created", int64(w.customersCreated)}, {"guests created", int64(w.guestsCreated)},
	} {
		fmt.Fprintf(table, "%s\t%d\n", row.what, row.count)
	}
	w.report.summarise(table)
	return table.Flush()
}
