package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"holdfast/api/client"
)

// Flash measures a flash sale over HTTP as an open loop: orders are due at fixed times,
// whether or not those before are answered, as customers come. Latency is measured from
// when an order was due until its answer was read, so that a server that stalls cannot
// hide it by holding the generator up (coordinated omission). At the end the API is
// asked what became of every order: see [Flash.Run].
type Flash struct {
	// Holdfast is the path of the server's binary.
	Holdfast string
	// Rates are orders per second, such as 12000, or percent of the capacity, such as
	// 60%. When there is a percentage, the capacity is measured first.
	Rates []string
	// Duration is that of the sale at each rate, CapacityDuration that of the measurement
	// of the capacity, and WarmUp how long the server is loaded before everything.
	Duration, CapacityDuration, WarmUp time.Duration
	// Poisson lets orders come at random, else they come at a constant distance.
	Poisson bool
	// Connections is how many connections there are, and so how many orders are under way
	// at a time; Customers is how many accounts order in turn.
	Connections, Customers int
	// Products are on sale at each rate, each with Stock units. HotPercent of the orders
	// are for the first of them.
	Products, HotPercent int
	Stock                int64
	// RepeatPercent of the orders are an accepted one that is sent again.
	RepeatPercent int
	// Histogram is a file for the distributions of all latencies; empty is none.
	Histogram string
	// Out takes the table, Progress a bar when Watched.
	Out, Progress io.Writer
	Watched       bool
}

// ErrFlash is wrapped by the error of a flash sale that found something wrong.
var ErrFlash = errors.New("the flash sale found faults")

// The bounds of [Flash]'s options.
const (
	flashConnectionsMax = 10_000
	flashCustomersMax   = 1_000_000
	flashProductsMax    = 1_000
	flashDurationMax    = time.Hour
)

// Run sells at each rate and checks that
//
//   - every answer is one that the server may give, and a repeat gets its original's;
//   - every order that was accepted is listed once, by its customer, as it was answered,
//     and no other is, but for those whose outcome was unknown and whose key is known;
//   - each product's stock is what opened less what was sold, with a version of its own
//     for each order, and never more was sold than there was;
//   - the first refusal of a product came when all of its stock could have been sold.
//
// It prints a table, and returns [ErrFlash] when something does not hold.
func (f Flash) Run(ctx context.Context) (err error) {
	rates, err := f.validate()
	if err != nil {
		return err
	}
	report := flashReport{Flash: f}
	if f.Histogram != "" {
		// Before the work is done, not after.
		file, failed := os.Create(f.Histogram)
		if failed != nil {
			return fmt.Errorf("write the distributions: %w", failed)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		report.distributions = file
	}
	shop, err := shopPlan{binary: f.Holdfast, customers: f.Customers}.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	s := newFlashSession(shop)
	defer s.client.Close()
	report.session = s
	if err := f.sell(ctx, s, rates, &report); err != nil {
		return fmt.Errorf("flash sale: %w\n%s", err, &shop.log)
	}
	if err := s.check(ctx, f.newBar("checking what is listed", int64(len(shop.tokens)))); err != nil {
		return fmt.Errorf("check the flash sale: %w\n%s", err, &shop.log)
	}
	return report.conclude()
}

// validate reads the rates and finds what cannot be run.
func (f *Flash) validate() (rates []flashRate, err error) {
	for _, text := range f.Rates {
		rate, err := parseFlashRate(text)
		if err != nil {
			return nil, err
		}
		rates = append(rates, rate)
	}
	if len(rates) == 0 {
		return nil, errors.New("there is no rate to sell at: name one, such as 60% or 12000")
	}
	for _, bound := range []struct {
		name              string
		value, least, max int64
	}{
		{"connections", int64(f.Connections), 1, flashConnectionsMax},
		{"customers", int64(f.Customers), 1, flashCustomersMax},
		{"products", int64(f.Products), 1, flashProductsMax},
		{"percent of the hot product", int64(f.HotPercent), 0, 100},
		{"percent that is repeated", int64(f.RepeatPercent), 0, 99},
		{"units in stock", f.Stock, 0, 1_000_000_000_000},
		{"milliseconds of a sale", f.Duration.Milliseconds(), 1, flashDurationMax.Milliseconds()},
		{"milliseconds of the measurement of the capacity", f.CapacityDuration.Milliseconds(), 1, flashDurationMax.Milliseconds()},
		{"milliseconds of the warm-up", f.WarmUp.Milliseconds(), 0, flashDurationMax.Milliseconds()},
	} {
		if bound.value < bound.least || bound.value > bound.max {
			return nil, fmt.Errorf("%d %s are not from %d to %d", bound.value, bound.name, bound.least, bound.max)
		}
	}
	return rates, nil
}

// flashSession is a flash sale under way.
type flashSession struct {
	shop   *shop
	client *client.Client
	// began is the zero of all times, nonce keeps the keys of two sessions apart.
	began time.Time
	nonce string
	// heads and tails are what goes before and after the key, by customer and product.
	heads, tails [][]byte
	products     []flashProduct
	// serial is that of the last order, underWay how many connections
	// have an order.
	serial   atomic.Uint32
	underWay atomic.Int64
	entries  []flashEntry
	codes    flashCodes
	faults   flashFaults
}

// flashProduct is a product on sale.
type flashProduct struct {
	id      string
	opening productStock
}

func newFlashSession(shop *shop) *flashSession {
	s := &flashSession{shop: shop, began: time.Now(), nonce: nonce(),
		client: client.New(client.Options{Address: shop.address, Connections: flashCheckers})}
	s.codes.number(flashNoCode)
	for _, token := range shop.tokens {
		s.heads = append(s.heads, []byte("POST /api/orders HTTP/1.1\r\nHost: "+shop.address+"\r\nContent-Type: application/json\r\nAuthorization: Bearer "+
			token+"\r\nIdempotency-Key: "))
	}
	return s
}

// now is the time since the session began.
func (s *flashSession) now() time.Duration { return time.Since(s.began) }

// customer is the number of who places the order of a serial.
func (s *flashSession) customer(serial uint32) int { return int(serial) % len(s.heads) }

// key is the idempotency key of a serial.
func (s *flashSession) key(serial uint32) string {
	return string(s.appendKey(nil, serial))
}

func (s *flashSession) appendKey(dst []byte, serial uint32) []byte {
	return strconv.AppendUint(append(append(dst, s.nonce...), "-order-"...), uint64(serial), 10)
}

// appendRequest appends the request of an order of one unit.
func (s *flashSession) appendRequest(dst []byte, serial uint32, product uint32) []byte {
	return append(s.appendKey(append(dst, s.heads[s.customer(serial)]...), serial), s.tails[product]...)
}

// putOnSale creates products and returns their indexes.
func (s *flashSession) putOnSale(count int, stock int64) (indexes []uint32, err error) {
	for range count {
		number := len(s.products)
		id, err := s.shop.createProduct(fmt.Sprintf("BENCH-%d", number+1), stock)
		if err != nil {
			return nil, err
		}
		opening, err := s.shop.stock(id)
		if err != nil {
			return nil, err
		}
		if opening.OnHand != stock || opening.Available != stock {
			return nil, fmt.Errorf("product %s was created with %d units and has %+v", id, stock, opening)
		}
		s.addProduct(id, opening)
		indexes = append(indexes, uint32(number))
	}
	return indexes, nil
}

// addProduct makes a product known that is on sale.
func (s *flashSession) addProduct(id string, opening productStock) {
	body := orderBody(id)
	s.tails = append(s.tails, fmt.Appendf(nil, "\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	s.products = append(s.products, flashProduct{id: id, opening: opening})
}
