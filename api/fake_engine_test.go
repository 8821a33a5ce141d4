package api

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"

	"holdfast/actors"
	"holdfast/internal/identifier"
	"holdfast/inventory"
	"holdfast/persistence"
)

// fakeEngine keeps stock and orders in maps under one lock, and decides with the
// domain's own functions.
type fakeEngine struct {
	clock *handClock
	lock  sync.Mutex
	rules map[inventory.ID]*inventory.Product
	stock map[inventory.ID]*inventory.Stock
	order map[inventory.ID]*inventory.Order
	keys  map[inventory.Fingerprint]keyUse
	// sequence is that of the last event of an order.
	sequence uint64

	// refusal, when set, is the answer to everything.
	refusal inventory.Refusal
	// rulesRefusal is the answer to new rules.
	rulesRefusal inventory.Refusal
	// boom makes PlaceOrder panic.
	boom       bool
	notReady   error
	projection actors.ProjectionState
}

type keyUse struct {
	body    inventory.Fingerprint
	subject inventory.ID
}

func newFakeEngine(c *handClock) *fakeEngine {
	return &fakeEngine{clock: c, rules: map[inventory.ID]*inventory.Product{}, stock: map[inventory.ID]*inventory.Stock{},
		order: map[inventory.ID]*inventory.Order{}, keys: map[inventory.Fingerprint]keyUse{}}
}

// record applies an event to the stock that it moves.
func (e *fakeEngine) record(event *inventory.Event) {
	for _, line := range event.Moves() {
		stock := e.stock[line.ProductID]
		if err := stock.Evolve(event, line); err != nil {
			panic(err)
		}
		line.StockVersion = stock.Version
	}
}

// evolve applies an event to an order and to the stock.
func (e *fakeEngine) evolve(order *inventory.Order, event inventory.Event) {
	event.Lines = slices.Clone(event.Lines)
	e.record(&event)
	e.sequence++
	if err := order.Evolve(&event, e.sequence); err != nil {
		panic(err)
	}
}

func notFound() inventory.Refusal {
	return inventory.Refusal{Code: inventory.CodeNotFound, Detail: "There is no such thing."}
}

func (e *fakeEngine) used(key, body inventory.Fingerprint) (keyUse, bool, inventory.Refusal) {
	use, found := e.keys[key]
	if found && use.body != body {
		return use, true, inventory.Refusal{Code: inventory.CodeKeyReused, Detail: "Another body."}
	}
	return use, found, inventory.Refusal{}
}

func (e *fakeEngine) EachProduct(visit func(*inventory.Product) bool) {
	e.lock.Lock()
	defer e.lock.Unlock()
	for _, rules := range e.rules {
		if !visit(rules) {
			return
		}
	}
}

// Nobody is told of the orders of a fakeEngine.
func (e *fakeEngine) WatchCustomer(inventory.ID)   {}
func (e *fakeEngine) UnwatchCustomer(inventory.ID) {}

func (e *fakeEngine) Oversold() (products int64) {
	e.lock.Lock()
	defer e.lock.Unlock()
	for _, stock := range e.stock {
		if stock.Check() != nil {
			products++
		}
	}
	return products
}

// RulesSince never knows what has changed.
func (e *fakeEngine) RulesSince(revision uint64) (changed []inventory.ID, now uint64, complete bool) {
	return nil, revision + 1, false
}

func (e *fakeEngine) PlaceOrder(request *actors.PlaceOrder) (actors.OrderReply, inventory.Refusal) {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.boom {
		panic("boom with the secret canary-7f3a")
	}
	if e.refusal.Refused() {
		return actors.OrderReply{}, e.refusal
	}
	body := inventory.FingerprintOf(request.BodyText)
	if use, found, refusal := e.used(request.Key, body); found {
		if refusal.Refused() {
			return actors.OrderReply{}, refusal
		}
		return actors.OrderReply{Order: *e.order[use.subject], Replayed: true}, refusal
	}
	// As an engine may, this one sorts and merges in the caller's memory.
	lines, refusal := inventory.MergeLines(request.Lines)
	if refusal.Refused() {
		return actors.OrderReply{}, refusal
	}
	lines = slices.Clone(lines)
	products := make([]*inventory.Product, len(lines))
	for i := range lines {
		if products[i] = e.rules[lines[i].ProductID]; products[i] == nil {
			refusal := notFound()
			refusal.ProductID = lines[i].ProductID
			return actors.OrderReply{}, refusal
		}
	}
	now := e.clock.Now()
	currency, refusal := inventory.DecidePlace(lines, products)
	if !refusal.Refused() {
		refusal = e.take(request, lines, products, now)
	}
	if refusal.Refused() {
		return actors.OrderReply{}, refusal
	}
	event := inventory.Event{Kind: inventory.OrderPlaced, At: now, By: request.Customer, Customer: request.Customer,
		Order: identifier.New(now, 0), ExpiresAt: now.Add(holdOf(products)),
		Currency: currency, Key: request.Key, Body: body, Lines: lines}
	order := &inventory.Order{}
	e.evolve(order, event)
	e.order[order.ID] = order
	e.keys[request.Key] = keyUse{body, order.ID}
	return actors.OrderReply{Order: *order}, inventory.Refusal{}
}

// holdOf is the shortest hold of the products.
func holdOf(products []*inventory.Product) inventory.Instant {
	shortest := slices.MinFunc(products, func(a, b *inventory.Product) int { return int(a.HoldSeconds - b.HoldSeconds) })
	return inventory.Instant(shortest.HoldSeconds) * inventory.Second
}

// take decides what every line gets, or that the order is refused, and with which
// lines short.
func (e *fakeEngine) take(request *actors.PlaceOrder, lines []inventory.Line, products []*inventory.Product, now inventory.Instant) inventory.Refusal {
	var first inventory.Refusal
	var short []inventory.Shortage
	granted := int64(0)
	for i := range lines {
		line := &lines[i]
		units, refusal := inventory.DecideTake(products[i], *e.stock[line.ProductID], inventory.Take{Quantity: line.Quantity,
			Had: e.had(request.Customer, products[i]), At: now, Partial: request.Partial})
		if refusal.Refused() && !first.Refused() {
			first = refusal
		}
		if isStock(refusal.Code) {
			short = append(short, inventory.Shortage{ProductID: line.ProductID, Requested: refusal.Requested, Available: refusal.Available})
		}
		line.Dropped, line.DroppedFor = int32(line.Quantity-units), inventory.DropReasonOf(refusal.Code)
		line.Quantity = units
		granted += units
	}
	if !first.Refused() || request.Partial && granted > 0 {
		return inventory.Refusal{}
	}
	if isStock(first.Code) {
		first.Short = short
	}
	if first.Code == inventory.CodeAllHeld {
		first.At = e.nextExpiry(first.ProductID)
	}
	return first
}

// isStock reports the codes that say that units are missing.
func isStock(code inventory.Code) bool {
	return code == inventory.CodeInsufficientStock || code == inventory.CodeSoldOut || code == inventory.CodeAllHeld
}

// had is what counts towards the customer's limit.
func (e *fakeEngine) had(customer inventory.ID, product *inventory.Product) (units int64) {
	for _, order := range e.order {
		if order.Customer != customer || order.State == inventory.Cancelled || order.State == inventory.Expired ||
			!product.CountsForLimit(order.PlacedAt) {
			continue
		}
		for i := range order.Lines {
			if order.Lines[i].ProductID == product.ID {
				units += order.Lines[i].Quantity
			}
		}
	}
	return units
}

// nextExpiry is when the next hold of the product ends.
func (e *fakeEngine) nextExpiry(product inventory.ID) (next inventory.Instant) {
	for _, order := range e.order {
		if order.State == inventory.Reserved && hasProduct(order, product) && (next == 0 || order.ExpiresAt < next) {
			next = order.ExpiresAt
		}
	}
	return next
}

func hasProduct(order *inventory.Order, product inventory.ID) bool {
	return slices.ContainsFunc(order.Lines, func(line inventory.Line) bool { return line.ProductID == product })
}

func (e *fakeEngine) ChangeOrder(request *actors.ChangeOrder) (actors.OrderReply, inventory.Refusal) {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.refusal.Refused() {
		return actors.OrderReply{}, e.refusal
	}
	order, found := e.order[request.Order]
	if !found || !request.Owner.IsZero() && order.Customer != request.Owner {
		return actors.OrderReply{}, notFound()
	}
	change := request.Change
	ascending := slices.IsSortedFunc(change.Lines, func(a, b inventory.Line) int {
		return cmp.Or(bytes.Compare(a.ProductID[:], b.ProductID[:]), -1) // equal is not ascending
	})
	if !ascending || change.Kind.HasKey() != (change.Key != inventory.Fingerprint{}) {
		panic("BUG: the lines of a change are not ascending and merged, or its key is missing")
	}
	if use, found, refusal := e.used(change.Key, change.Body); found {
		return actors.OrderReply{Order: *e.order[use.subject], Replayed: true}, refusal
	}
	if refusal := e.decide(order, &change); refusal.Refused() {
		return actors.OrderReply{}, refusal
	}
	if change.Kind.HasKey() {
		e.keys[change.Key] = keyUse{change.Body, order.ID}
	}
	return actors.OrderReply{Order: *order}, inventory.Refusal{}
}

// decide makes a change. A payment that comes after the end of a hold finds the
// hold ended first.
func (e *fakeEngine) decide(order *inventory.Order, change *inventory.Change) inventory.Refusal {
	for i := range order.Lines {
		end := e.rules[order.Lines[i].ProductID].SaleEndsAt
		if end != 0 && (change.SaleEndsAt == 0 || end < change.SaleEndsAt) {
			change.SaleEndsAt = end
		}
	}
	for {
		event, repeated, refusal := order.Decide(change, e.clock.Now())
		if repeated || refusal.Refused() {
			return refusal
		}
		e.evolve(order, event)
		if event.Kind != inventory.OrderExpired {
			return inventory.Refusal{}
		}
	}
}

func (e *fakeEngine) AdjustStock(request *actors.AdjustStock) (actors.StockReply, inventory.Refusal) {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.refusal.Refused() {
		return actors.StockReply{}, e.refusal
	}
	stock, found := e.stock[request.Product]
	if !found {
		return actors.StockReply{}, notFound()
	}
	if _, found, refusal := e.used(request.Key, request.Body); found {
		return actors.StockReply{Stock: *stock, Replayed: true}, refusal
	}
	if refusal := inventory.DecideAdjust(e.rules[request.Product], *stock, request.Delta); refusal.Refused() {
		return actors.StockReply{}, refusal
	}
	event := inventory.Event{Kind: inventory.StockAdjusted, Lines: []inventory.Line{{ProductID: request.Product, Quantity: request.Delta}}}
	e.record(&event)
	e.keys[request.Key] = keyUse{request.Body, request.Product}
	return actors.StockReply{Stock: *stock}, inventory.Refusal{}
}

func (e *fakeEngine) Order(_ context.Context, id, owner inventory.ID) (inventory.Order, inventory.Refusal) {
	e.lock.Lock()
	defer e.lock.Unlock()
	order, found := e.order[id]
	if !found || !owner.IsZero() && order.Customer != owner {
		return inventory.Order{}, notFound()
	}
	return *order, inventory.Refusal{}
}

func (e *fakeEngine) OrderByKey(_ context.Context, customer inventory.ID, key inventory.Fingerprint) (inventory.Order, inventory.Refusal) {
	e.lock.Lock()
	defer e.lock.Unlock()
	use, found := e.keys[key]
	if !found || e.order[use.subject] == nil || e.order[use.subject].Customer != customer {
		return inventory.Order{}, notFound()
	}
	return *e.order[use.subject], inventory.Refusal{}
}

func (e *fakeEngine) Orders(_ context.Context, filter persistence.OrderFilter) ([]inventory.Order, inventory.Refusal) {
	e.lock.Lock()
	defer e.lock.Unlock()
	var found []inventory.Order
	for _, order := range e.order {
		if (filter.Customer.IsZero() || order.Customer == filter.Customer) &&
			(filter.State == 0 || order.State == filter.State) &&
			(filter.Product.IsZero() || hasProduct(order, filter.Product)) &&
			(filter.Before.IsZero() || bytes.Compare(order.ID[:], filter.Before[:]) < 0) {
			found = append(found, *order)
		}
	}
	slices.SortFunc(found, func(a, b inventory.Order) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return found[:min(len(found), filter.Limit)], inventory.Refusal{}
}

func (e *fakeEngine) Stock(product inventory.ID) (inventory.Stock, bool) {
	e.lock.Lock()
	defer e.lock.Unlock()
	stock, found := e.stock[product]
	if !found {
		return inventory.Stock{}, false
	}
	return *stock, true
}

func (e *fakeEngine) Sale(product inventory.ID) (*inventory.Product, inventory.Stock, bool) {
	e.lock.Lock()
	defer e.lock.Unlock()
	stock, found := e.stock[product]
	if !found {
		return nil, inventory.Stock{}, false
	}
	return e.rules[product], *stock, true
}

func (e *fakeEngine) Epoch() uint32 { return 7 }

func (e *fakeEngine) CatchUp(context.Context) inventory.Refusal {
	e.lock.Lock()
	defer e.lock.Unlock()
	return e.refusal
}

func (e *fakeEngine) AddProduct(product persistence.CatalogueProduct) inventory.Refusal {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.refusal.Refused() {
		return e.refusal
	}
	if e.stock[product.ID] == nil {
		e.rules[product.ID] = &product.Product
		e.stock[product.ID] = &inventory.Stock{OnHand: product.OpeningStock, Safety: product.Safety, Version: 1}
	}
	return inventory.Refusal{}
}

func (e *fakeEngine) SetProduct(product inventory.Product) inventory.Refusal {
	e.lock.Lock()
	defer e.lock.Unlock()
	switch {
	case e.rules[product.ID] == nil:
		return notFound()
	case e.rulesRefusal.Refused():
		return e.rulesRefusal
	}
	e.rules[product.ID] = &product
	return inventory.Refusal{}
}

func (e *fakeEngine) isPaused(product inventory.ID) bool {
	e.lock.Lock()
	defer e.lock.Unlock()
	return e.rules[product].Paused
}

func (e *fakeEngine) Ready() error { return e.notReady }

func (e *fakeEngine) Projection() actors.ProjectionState { return e.projection }
