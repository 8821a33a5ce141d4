package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Flat measures whether the durable orders/s over HTTP stay the same with many products
// on sale, over which the orders are spread evenly. There is a server for each number of
// products. They are loaded in turn, round after round, and the ratio to the first is
// taken inside each round.
type Flat struct {
	// Holdfast is the path of the server's binary.
	Holdfast string
	// Products are the numbers of products on sale; the first is what the others are
	// compared with.
	Products []int
	// Rounds, Duration, WarmUp, Connections and Customers are those of [Share].
	Rounds                 int
	Duration, WarmUp       time.Duration
	Connections, Customers int
	// Out takes progress and table.
	Out io.Writer
}

// flatProductsMax bounds the products of a server, flatServersMax the servers that wait
// for their turn at the same time.
const (
	flatProductsMax = 1_000_000
	flatServersMax  = 8
)

// flatRow is one measurement.
type flatRow struct {
	products          int
	perSecond         float64
	taken             latencies
	server, generator float64 // microseconds of processor time for each order
	behind            int64
	ratio             float64
}

// Run measures in interleaved rounds and prints a table. It returns the median ratios,
// in the order of the products. An order that is not accepted is an error.
func (f Flat) Run(ctx context.Context) (ratios []float64, err error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	sessions := make([]*flashSession, len(f.Products))
	defer func() {
		for _, s := range sessions {
			if s != nil {
				err = errors.Join(err, s.shop.close())
			}
		}
	}()
	for i, count := range f.Products {
		fmt.Fprintf(f.Out, "putting %d products on sale …\n", count)
		if sessions[i], err = f.open(ctx, count); err != nil {
			return nil, err
		}
	}
	table := tabwriter.NewWriter(f.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "round\tproducts\torders/s\t%s\tserver µs/order\tgenerator µs/order\tnot in SQL\tratio\t\n", quantilesHead)
	perProducts := make([][]float64, len(f.Products))
	for round := range f.Rounds {
		rows, err := f.round(ctx, round, sessions)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", round+1, err)
		}
		for i, row := range rows {
			row.print(table, round)
			perProducts[i] = append(perProducts[i], row.ratio)
		}
	}
	if err := table.Flush(); err != nil {
		return nil, err
	}
	for i, count := range f.Products {
		ratios = append(ratios, median(perProducts[i]))
		fmt.Fprintf(f.Out, "durable orders over HTTP with %d products: %.3f of those with %d (median of %d rounds, %.3f to %.3f)\n", count, ratios[i], f.Products[0],
			f.Rounds, slices.Min(perProducts[i]), slices.Max(perProducts[i]))
	}
	return ratios, nil
}

// validate finds what cannot be run.
func (f *Flat) validate() error {
	if len(f.Products) == 0 || len(f.Products) > flatServersMax {
		return fmt.Errorf("there are %d numbers of products, not 1 to %d", len(f.Products), flatServersMax)
	}
	for _, count := range f.Products {
		if count < 1 || count > flatProductsMax {
			return fmt.Errorf("%d products are not from 1 to %d", count, flatProductsMax)
		}
	}
	if f.Rounds < 1 || f.Duration <= 0 || f.WarmUp < 0 {
		return errors.New("there is nothing to measure: rounds and duration are positive, and the warm-up is not negative")
	}
	if f.Connections < 1 || f.Connections > flashConnectionsMax || f.Customers < 1 || f.Customers > flashCustomersMax {
		return fmt.Errorf("there are from 1 to %d connections and from 1 to %d customers", flashConnectionsMax, flashCustomersMax)
	}
	return nil
}

func (r *flatRow) print(table io.Writer, round int) {
	fmt.Fprintf(table, "%d\t%d\t%.0f\t%s\t%.1f\t%.1f\t%d\t%.3f\t\n", round+1, r.products, r.perSecond, r.taken.row(), r.server, r.generator, r.behind, r.ratio)
}

// open starts a server with so many products.
func (f *Flat) open(ctx context.Context, count int) (_ *flashSession, err error) {
	shop, err := shopPlan{binary: f.Holdfast, customers: f.Customers,
		prepare: func(environment []string) error { return importProducts(ctx, f.Holdfast, environment, count) }}.open(ctx)
	if err != nil {
		return nil, err
	}
	s := newFlashSession(shop)
	defer s.client.Close()
	if err := s.loadProducts(ctx); err != nil {
		return nil, errors.Join(err, shop.close())
	}
	if len(s.products) != count {
		return nil, errors.Join(fmt.Errorf("%d products were imported, and %d are listed", count, len(s.products)), shop.close())
	}
	return s, nil
}

// importProducts puts products with plenty of stock into the catalogue.
func importProducts(ctx context.Context, binary string, environment []string, count int) (err error) {
	folder, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return fmt.Errorf("make a catalogue: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	var catalogue strings.Builder
	catalogue.WriteString("sku,name,price,stock,hold_seconds\n")
	for i := range count {
		fmt.Fprintf(&catalogue, "BENCH-%d,Bench,19.99,%d,604800\n", i+1, int64(plenty))
	}
	path := filepath.Join(folder, "catalogue.csv")
	if err := os.WriteFile(path, []byte(catalogue.String()), 0o600); err != nil {
		return fmt.Errorf("write a catalogue: %w", err)
	}
	_, err = runTool(ctx, environment, binary, "import", "catalogue", path, "--report", os.DevNull)
	return err
}

// loadProducts puts what the server lists on sale.
func (s *flashSession) loadProducts(ctx context.Context) error {
	const path = "/api/products?limit=100"
	for cursor := ""; ; {
		var page struct {
			Items []struct {
				ID    string       `json:"id"`
				Stock productStock `json:"stock"`
			} `json:"items"`
			NextCursor string `json:"next_cursor"`
		}
		if err := s.client.Get(ctx, "", path+cursor, &page); err != nil {
			return fmt.Errorf("list the products: %w", err)
		}
		for _, item := range page.Items {
			s.addProduct(item.ID, item.Stock)
		}
		if page.NextCursor == "" {
			return nil
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

// round measures each server once; the order alternates.
func (f *Flat) round(ctx context.Context, round int, sessions []*flashSession) ([]flatRow, error) {
	rows := make([]flatRow, len(sessions))
	for turn := range sessions {
		i := turn
		if round%2 == 1 {
			i = len(sessions) - 1 - turn
		}
		fmt.Fprintf(f.Out, "%d products: %s at %d connections …\n", f.Products[i], f.Duration, f.Connections)
		row, err := f.measure(ctx, sessions[i], sessions)
		if err != nil {
			return nil, fmt.Errorf("%d products: %w\n%s", f.Products[i], err, &sessions[i].shop.log)
		}
		rows[i] = row
	}
	for i := range rows {
		rows[i].ratio = rows[i].perSecond / rows[0].perSecond
	}
	return rows, nil
}

// measure loads one server, after a warm-up and a wait for the databases of all: what a
// server has left to project would take processors from the next one.
func (f *Flat) measure(ctx context.Context, s *flashSession, all []*flashSession) (row flatRow, err error) {
	if f.WarmUp > 0 {
		if _, err := s.load(ctx, f.Connections, f.WarmUp); err != nil {
			return row, fmt.Errorf("warm up: %w", err)
		}
	}
	for _, other := range all {
		if err := other.shop.awaitDrained(ctx); err != nil {
			return row, err
		}
	}
	used, err := s.processorTime()
	if err != nil {
		return row, err
	}
	entries, err := s.load(ctx, f.Connections, f.Duration)
	if err != nil {
		return row, err
	}
	after, err := s.processorTime()
	if err != nil {
		return row, err
	}
	row = flatRow{products: len(s.products), perSecond: float64(len(entries)) / spanOf(entries).Seconds(), taken: newLatencies(),
		server: (after.server - used.server) / float64(len(entries)) * 1e6, generator: (after.generator - used.generator) / float64(len(entries)) * 1e6}
	for i := range entries {
		row.taken.add(entries[i].took)
	}
	row.behind, err = s.shop.backlog()
	return row, err
}

// load sends orders in a closed loop, spread evenly over all products, and returns them.
// All of them must be accepted.
func (s *flashSession) load(ctx context.Context, connections int, duration time.Duration) ([]flashEntry, error) {
	s.serial.Store(0)
	s.nonce = nonce()
	entries, err := s.closedLoop(ctx, connections, s.spread, duration)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if entries[i].outcome != flashAccepted {
			return nil, fmt.Errorf("an order was not accepted: %s %s", flashOutcomeNames[entries[i].outcome], s.codes.name(entries[i].code))
		}
	}
	if s.faults.count > 0 {
		return nil, fmt.Errorf("%d faults: %s", s.faults.count, s.faults.texts[0])
	}
	if len(entries) == 0 {
		return nil, errors.New("no order was answered")
	}
	return entries, nil
}

// spread gives the products to orders in turn.
func (s *flashSession) spread(serial uint32) uint32 { return serial % uint32(len(s.products)) }
