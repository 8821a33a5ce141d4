package api

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
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

	// refusal, when set, is the answer to everything.
	refusal inventory.Refusal
	// boom makes PlaceOrder panic.
	boom     bool
	notReady error
}

type keyUse struct {
	body    inventory.Fingerprint
	subject inventory.ID
}

func newFakeEngine(c *handClock) *fakeEngine {
	return &fakeEngine{clock: c, rules: map[inventory.ID]*inventory.Product{}, stock: map[inventory.ID]*inventory.Stock{},
		order: map[inventory.ID]*inventory.Order{}, keys: map[inventory.Fingerprint]keyUse{}}
}

func (e *fakeEngine) record(event *inventory.Event) {
	for i := range event.Lines {
		line := &event.Lines[i]
		stock := e.stock[line.ProductID]
		if err := stock.Evolve(event, line); err != nil {
			panic(err)
		}
		line.StockVersion = stock.Version
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

func (e *fakeEngine) PlaceOrder(request *actors.PlaceOrder) (actors.OrderReply, inventory.Refusal) {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.boom {
		panic("boom with the secret canary-7f3a")
	}
	if e.refusal.Refused() {
		return actors.OrderReply{}, e.refusal
	}
	if use, found, refusal := e.used(request.Key, request.Body); found {
		if refusal.Refused() {
			return actors.OrderReply{}, refusal
		}
		return actors.OrderReply{Order: *e.order[use.subject], Replayed: true}, refusal
	}
	lines := slices.Clone(request.Lines)
	product, found := e.rules[lines[0].ProductID]
	if !found {
		return actors.OrderReply{}, notFound()
	}
	now := e.clock.Now()
	currency, refusal := inventory.DecidePlace(lines, []*inventory.Product{product})
	if !refusal.Refused() {
		refusal = inventory.DecideTake(product, *e.stock[product.ID], lines[0].Quantity, now)
	}
	if refusal.Refused() {
		return actors.OrderReply{}, refusal
	}
	event := inventory.Event{Kind: inventory.OrderPlaced, At: now, By: request.Customer, Customer: request.Customer,
		Order: identifier.New(now, 0), ExpiresAt: now.Add(inventory.Instant(product.HoldSeconds) * inventory.Second),
		Currency: currency, Key: request.Key, Body: request.Body, Lines: lines}
	e.record(&event)
	order := &inventory.Order{}
	if err := order.Evolve(&event, 1); err != nil {
		panic(err)
	}
	e.order[order.ID] = order
	e.keys[request.Key] = keyUse{request.Body, order.ID}
	return actors.OrderReply{Order: *order}, inventory.Refusal{}
}

func (e *fakeEngine) ConfirmOrder(request actors.ChangeOrder) (inventory.Order, inventory.Refusal) {
	return e.change(request, inventory.OrderConfirmed, func(o *inventory.Order) (bool, inventory.Refusal) {
		return o.DecideConfirm(e.clock.Now())
	})
}

func (e *fakeEngine) CancelOrder(request actors.ChangeOrder) (inventory.Order, inventory.Refusal) {
	return e.change(request, inventory.OrderCancelled, (*inventory.Order).DecideCancel)
}

func (e *fakeEngine) change(request actors.ChangeOrder, kind inventory.Kind,
	decide func(*inventory.Order) (bool, inventory.Refusal)) (inventory.Order, inventory.Refusal) {
	e.lock.Lock()
	defer e.lock.Unlock()
	order, found := e.order[request.Order]
	if !found || !request.Owner.IsZero() && order.Customer != request.Owner {
		return inventory.Order{}, notFound()
	}
	repeated, refusal := decide(order)
	if !repeated && !refusal.Refused() {
		event := order.FollowUp(kind, e.clock.Now(), request.Caller)
		event.Lines = slices.Clone(event.Lines)
		e.record(&event)
		if err := order.Evolve(&event, 2); err != nil {
			panic(err)
		}
	}
	return *order, refusal
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
			(filter.Product.IsZero() || order.Lines[0].ProductID == filter.Product) &&
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

func (e *fakeEngine) Ready() error { return e.notReady }

// fakeStore keeps accounts and catalogue in maps. What the front end does not
// ask a store for is not there.
type fakeStore struct {
	persistence.Store
	lock     sync.Mutex
	users    map[string]persistence.User
	keys     map[[32]byte]persistence.APIKey
	products map[inventory.ID]persistence.CatalogueProduct
	// down, when set, is the answer to everything; asked counts the questions.
	down  error
	asked int
}

var errDown = errors.New("connection refused at /secret/path.db")

func newFakeStore() *fakeStore {
	return &fakeStore{users: map[string]persistence.User{}, keys: map[[32]byte]persistence.APIKey{},
		products: map[inventory.ID]persistence.CatalogueProduct{}}
}

func (s *fakeStore) enter() (func(), error) {
	s.lock.Lock()
	s.asked++
	return s.lock.Unlock, s.down
}

func (s *fakeStore) CreateUsers(_ context.Context, users []persistence.User) error {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return err
	}
	for _, user := range users {
		if _, taken := s.users[user.Email]; taken {
			return persistence.ErrExists
		}
		s.users[user.Email] = user
	}
	return nil
}

func (s *fakeStore) UserByEmail(_ context.Context, email string) (persistence.User, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return persistence.User{}, err
	}
	user, found := s.users[strings.ToLower(email)]
	if !found {
		return user, persistence.ErrNotFound
	}
	return user, nil
}

func (s *fakeStore) UserByID(_ context.Context, id inventory.ID) (persistence.User, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return persistence.User{}, err
	}
	for _, user := range s.users {
		if user.ID == id {
			return user, nil
		}
	}
	return persistence.User{}, persistence.ErrNotFound
}

func (s *fakeStore) APIKeyByHash(_ context.Context, hash [32]byte) (persistence.APIKey, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return persistence.APIKey{}, err
	}
	key, found := s.keys[hash]
	if !found {
		return key, persistence.ErrNotFound
	}
	return key, nil
}

func (s *fakeStore) CreateProduct(_ context.Context, product persistence.CatalogueProduct) error {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return err
	}
	for _, other := range s.products {
		if other.SKU == product.SKU || other.ID == product.ID {
			return persistence.ErrExists
		}
	}
	s.products[product.ID] = product
	return nil
}

func (s *fakeStore) ProductByID(_ context.Context, id inventory.ID) (persistence.CatalogueProduct, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return persistence.CatalogueProduct{}, err
	}
	product, found := s.products[id]
	if !found {
		return product, persistence.ErrNotFound
	}
	return product, nil
}

func (s *fakeStore) Products(_ context.Context, filter persistence.ProductFilter) ([]persistence.CatalogueProduct, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var found []persistence.CatalogueProduct
	for _, product := range s.products {
		if (filter.Category == "" || product.Category == filter.Category) && bytes.Compare(product.ID[:], filter.After[:]) > 0 {
			found = append(found, product)
		}
	}
	slices.SortFunc(found, func(a, b persistence.CatalogueProduct) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return found[:min(len(found), filter.Limit)], nil
}

func (s *fakeStore) Ping(context.Context) error {
	leave, err := s.enter()
	defer leave()
	return err
}
