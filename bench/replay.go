package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"holdfast/api/client"
	"holdfast/internal/clock"
	"holdfast/internal/progress"
	"holdfast/internal/retail"
)

// Replay sends a retailer's real orders to a server: the same baskets, many customers
// at once, each customer's in their order. Each order is paid for and shipped, so that
// the cancellations can be returns. The opening stock of each product is less than was
// sold of it, so that some orders have to be refused. At the end everything is checked
// from the API alone: see [Replay.Run].
type Replay struct {
	// Holdfast is the path of the server's binary, History that of the order history.
	Holdfast, History string
	// StockPercent is the opening stock in percent of what was sold.
	StockPercent int
	// Parallel is how many customers order at once.
	Parallel int
	// Out takes the table, Progress a bar when Watched.
	Out, Progress io.Writer
	Watched       bool
}

// ErrReplay is wrapped by the error of a replay that found something wrong.
var ErrReplay = errors.New("the replay found faults")

// Run replays all orders and checks that
//
//   - every order was decided: placed, or refused for want of stock;
//   - what was placed is what is listed, order by order;
//   - every refusal is honest: at some moment during the request the units were not
//     there, whatever the order of what happened at the same time;
//   - the stock of each product is what opened, less what was shipped, and what came
//     back.
//
// It prints a table, and returns [ErrReplay] when something does not hold.
func (r Replay) Run(ctx context.Context) (err error) {
	history, err := loadHistory(r.History)
	if err != nil {
		return err
	}
	s, err := r.open(ctx, history)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	began := time.Now()
	if err := s.replayAll(ctx, r); err != nil {
		return fmt.Errorf("replay: %w\n%s", err, &s.shop.process.log)
	}
	took := time.Since(began)
	faults, err := s.check(ctx)
	if err != nil {
		return fmt.Errorf("check the replay: %w", err)
	}
	if err := s.print(r.Out, took, faults); err != nil {
		return err
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: %d of them", ErrReplay, len(faults))
	}
	return nil
}

// history is what the file says.
type history struct {
	sales    []retail.Sale
	products []retail.Product
	oddities map[retail.Kind]int
	// customers are the names of all buyers, in the order of their first purchase.
	customers []string
}

func loadHistory(path string) (*history, error) {
	h := &history{oddities: map[retail.Kind]int{}}
	report := func(o retail.Oddity) { h.oddities[o.Kind]++ }
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := retail.Text(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	lines, err := retail.NewReader(text, report)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	catalogue := retail.NewCatalogue(retail.Charges, report)
	sales := retail.NewSales(lines, catalogue, report)
	known := map[string]bool{}
	for {
		sale, err := sales.Next()
		if errors.Is(err, io.EOF) {
			h.products = catalogue.Products()
			return h, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		h.sales = append(h.sales, sale)
		if !known[sale.Customer] {
			known[sale.Customer] = true
			h.customers = append(h.customers, sale.Customer)
		}
	}
}

// replaySession is a replay under way.
type replaySession struct {
	shop    *shop
	client  *client.Client
	history *history
	// tokens are those of the customers, by name; products and ids name each other.
	tokens   map[string]string
	products map[string]*replayProduct
	log      *replayLog
	// began is the zero of the log's times.
	began time.Time
}

// replayProduct is a product of the server.
type replayProduct struct {
	id, sku string
	opening int64
	// paused is a product without a price, which is not on sale.
	paused bool
}

func (s *replaySession) close() error {
	if s.client != nil {
		s.client.Close()
	}
	return s.shop.close()
}

// open imports the catalogue, makes the customers and starts the server.
func (r Replay) open(ctx context.Context, h *history) (_ *replaySession, err error) {
	shop, err := shopPlan{binary: r.Holdfast, customers: len(h.customers), prepare: func(environment []string) error {
		_, err := runTool(ctx, environment, r.Holdfast, "import", "catalogue", r.History, "--report", os.DevNull,
			"--stock-percent", strconv.Itoa(r.StockPercent))
		return err
	}}.open(ctx)
	if err != nil {
		return nil, err
	}
	s := &replaySession{shop: shop, history: h, tokens: map[string]string{}, log: newReplayLog(), began: time.Now()}
	for i, name := range h.customers {
		s.tokens[name] = shop.tokens[i]
	}
	s.client = client.New(client.Options{Address: shop.address, Connections: 2 * r.Parallel})
	if err := s.loadProducts(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// loadProducts reads the whole catalogue from the server, with its opening stock.
func (s *replaySession) loadProducts(ctx context.Context) error {
	s.products = map[string]*replayProduct{}
	path := "/api/products?limit=100"
	for cursor := ""; ; {
		var page struct {
			Items []struct {
				ID    string      `json:"id"`
				SKU   string      `json:"sku"`
				Stock replayStock `json:"stock"`
			} `json:"items"`
			NextCursor string `json:"next_cursor"`
		}
		if err := s.client.Get(ctx, "", path+cursor, &page); err != nil {
			return fmt.Errorf("list the products: %w", err)
		}
		for _, item := range page.Items {
			s.products[item.SKU] = &replayProduct{id: item.ID, sku: item.SKU, opening: item.Stock.OnHand}
		}
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
	}
	for _, product := range s.history.products {
		if s.products[product.SKU] == nil {
			return fmt.Errorf("%s was imported and is not listed", product.SKU)
		}
		s.products[product.SKU].paused = product.PriceMinor == 0
	}
	return nil
}

// replayAll sends every sale; those of one customer one after the other.
func (s *replaySession) replayAll(ctx context.Context, r Replay) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	bar := progress.New(r.Progress, r.Watched, "replaying orders", int64(len(s.history.sales)), clock.NewSystem())
	defer bar.End()
	// A queue for each worker keeps the sales of a customer in their order.
	queues := make([]chan *retail.Sale, r.Parallel)
	var workers sync.WaitGroup
	for i := range queues {
		queues[i] = make(chan *retail.Sale, replayQueueMax)
		workers.Go(func() {
			worker := newReplayWorker(s)
			for sale := range queues[i] {
				if ctx.Err() != nil {
					continue
				}
				if err := worker.sale(ctx, sale); err != nil {
					cancel(fmt.Errorf("invoice %s: %w", sale.Invoice, err))
				}
				bar.Set(s.log.decided.Add(1))
			}
		})
	}
	place := map[string]int{}
	for i, name := range s.history.customers {
		place[name] = i % r.Parallel
	}
	for i := range s.history.sales {
		sale := &s.history.sales[i]
		select {
		case queues[place[sale.Customer]] <- sale:
		case <-ctx.Done():
		}
	}
	for _, queue := range queues {
		close(queue)
	}
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// replayQueueMax bounds the sales that wait for one worker.
const replayQueueMax = 16
