package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"holdfast/actors"
	"holdfast/internal/clock"
	"holdfast/internal/identifier"
	"holdfast/inventory"
	"holdfast/persistence"
)

// The made-up customers of --demo-buyers: enough that limits per customer do not end the
// show, and orders at a pace that people can follow.
const (
	demoCustomers = 400
	// demoPause is the mean time between two of their orders.
	demoPause = 160 * time.Millisecond
	// demoHeldMax bounds the orders that wait for their customer's decision; while there
	// are so many, nobody orders.
	demoHeldMax = 400
	// demoThinkMax is how long a customer thinks at most, and demoThinkMin at least.
	demoThinkMin, demoThinkMax = time.Second, 25 * time.Second
	// Of a hundred orders so many are paid for, and so many given back; the others are left
	// until their hold ends.
	demoPaid, demoGivenBack = 68, 18
	// demoWatchedMax bounds the products that they look at.
	demoWatchedMax = 20
)

// demoBuyers buy what --demo puts on sale, through the engine as every order goes.
type demoBuyers struct {
	engine    *actors.Engine
	clock     clock.Clock
	random    *rand.Rand
	customers []inventory.ID
	products  []inventory.ID
	// held are orders whose customer has not decided.
	held []demoHeld
	// tried, placed, paid and givenBack are what has come of it.
	tried, placed, paid, givenBack int

	cancel context.CancelFunc
	ended  chan struct{}
}

// demoHeld is an order that its customer thinks about until a moment.
type demoHeld struct {
	order, customer inventory.ID
	until           inventory.Instant
	kind            inventory.Kind
}

// startDemoBuyers lets made-up customers buy the demonstration products for a time.
func (s *server) startDemoBuyers(ctx context.Context, p *program, options *serverOptions) error {
	if options.DemoBuyers <= 0 {
		return nil
	}
	rows, err := s.store.Products(ctx, persistence.ProductFilter{Category: demoCategory, Limit: demoWatchedMax})
	if err != nil || len(rows) == 0 {
		return err
	}
	// #nosec G404 -- who buys what in a demonstration is no secret
	b := &demoBuyers{engine: s.engine, clock: p.clock, random: rand.New(rand.NewPCG(1, uint64(p.clock.Now()))), ended: make(chan struct{})}
	for i := range rows {
		b.products = append(b.products, rows[i].ID)
	}
	users := make([]persistence.User, demoCustomers)
	for i := range users {
		users[i] = seedUser(p, i+1)
		b.customers = append(b.customers, users[i].ID)
	}
	if err := s.store.CreateUsers(ctx, users); err != nil {
		return fmt.Errorf("create the customers of the demonstration: %w", err)
	}
	ctx, b.cancel = context.WithTimeout(context.WithoutCancel(ctx), options.DemoBuyers)
	s.buyers = b
	s.log.Info("made-up customers buy", "customers", len(users), "products", len(rows), "for", options.DemoBuyers.String())
	go func() {
		defer close(b.ended)
		b.buy(ctx)
		s.log.Info("the made-up customers have gone", "orders_tried", b.tried, "placed", b.placed, "confirmed", b.paid, "cancelled", b.givenBack)
	}()
	return nil
}

// stop sends them away and returns when they have gone.
func (b *demoBuyers) stop() {
	b.cancel()
	<-b.ended
}

// buy goes on until ctx ends.
func (b *demoBuyers) buy(ctx context.Context) {
	timer := time.NewTimer(demoPause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		b.decide()
		b.place()
		timer.Reset(time.Duration(b.random.ExpFloat64() * float64(demoPause)))
	}
}

// place tries one order. Mostly of what is on sale, and more often of what is listed first:
// some things are always wanted more than others.
func (b *demoBuyers) place() {
	if len(b.held) >= demoHeldMax {
		return
	}
	now := b.clock.Now()
	product := b.products[min(b.random.IntN(len(b.products)), b.random.IntN(len(b.products)))]
	rules, stock, found := b.engine.Sale(product)
	if !found || rules.PhaseAt(&stock, now) != inventory.PhaseLive && b.random.IntN(8) > 0 {
		return
	}
	customer := b.customers[b.random.IntN(len(b.customers))]
	key := identifier.Unsharded(now)
	b.tried++
	placed, refusal := b.engine.PlaceOrder(&actors.PlaceOrder{Customer: customer, Key: inventory.FingerprintOf(key[:]), Body: inventory.FingerprintOf(product[:]),
		Lines: []inventory.Line{{ProductID: product, Quantity: 1 + int64(b.random.IntN(2))}}})
	if refusal.Refused() {
		return
	}
	b.placed++
	think := demoThinkMin + time.Duration(b.random.Int64N(int64(demoThinkMax-demoThinkMin)))
	held := demoHeld{order: placed.Order.ID, customer: customer, until: now.Add(inventory.Instant(think))}
	switch luck := b.random.IntN(100); {
	case luck < demoPaid:
		held.kind = inventory.OrderConfirmed
	case luck < demoPaid+demoGivenBack:
		held.kind = inventory.OrderCancelled
	default:
		return
	}
	b.held = append(b.held, held)
}

// decide pays for or gives back the orders that were thought about.
func (b *demoBuyers) decide() {
	now, left := b.clock.Now(), b.held[:0]
	for _, held := range b.held {
		if now < held.until {
			left = append(left, held)
			continue
		}
		_, refusal := b.engine.ChangeOrder(&actors.ChangeOrder{Order: held.order, Owner: held.customer,
			Change: inventory.Change{Kind: held.kind, By: held.customer}})
		switch {
		case refusal.Refused(): // its hold has ended
		case held.kind == inventory.OrderConfirmed:
			b.paid++
		default:
			b.givenBack++
		}
	}
	b.held = left
}
