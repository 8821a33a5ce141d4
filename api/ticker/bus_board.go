package ticker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	// busShelves is how many parts the products of a bus are in, each with a lock of its
	// own, so that who reads seldom meets who writes, and never for longer than one product
	// takes.
	busShelves = 256
	// rulesChangesMax is how many changes of rules a board remembers, in 64 KiB. A hub asks
	// many times a second; with more changes than that since then it reads all again.
	rulesChangesMax = 4096
)

// BusBoard shows what a bus tells: the products of other processes. A product takes about
// 110 bytes here, besides its rules, which it shares with the bus, where it takes some 380
// with them; and there are as many as the bus knows, [persistence.BusProductsMax] at most.
//
// It is stale in what nobody vouches for: the products of a publisher that is silent or of
// which something was lost, and everything when the bus has ended. Both are known within
// three seconds, and a publisher is fresh again only after all was told that was missed.
type BusBoard struct {
	subscription persistence.Subscription
	shelves      [busShelves]busShelf
	changes      rulesChanges
	// begun says that all was shown once that somebody had published, over that nobody
	// follows the bus any more.
	begun, over atomic.Bool

	// lock guards sellers, which only Follow changes.
	lock    sync.Mutex
	sellers map[persistence.Publisher]*busSeller
}

// busSeller is a publisher as the board knows it.
type busSeller struct {
	fresh    atomic.Bool
	products atomic.Int64
}

// busShelf is a part of the products.
type busShelf struct {
	lock     sync.RWMutex
	products map[inventory.ID]shownProduct
}

// shownProduct is what is shown of a product.
type shownProduct struct {
	rules                     *inventory.Product
	seller                    *busSeller
	version                   uint64
	available, reserved, sold int64
	epoch                     uint32
}

// NewBusBoard returns a board that shows nothing until somebody calls Follow.
func NewBusBoard(subscription persistence.Subscription) *BusBoard {
	b := &BusBoard{subscription: subscription, sellers: map[persistence.Publisher]*busSeller{}}
	for i := range b.shelves {
		b.shelves[i].products = map[inventory.ID]shownProduct{}
	}
	return b
}

// Follow shows what the subscription tells, until ctx ends or the bus is closed, and
// returns that error. Everything is stale from then on. It is called once.
func (b *BusBoard) Follow(ctx context.Context) error {
	defer b.over.Store(true)
	for {
		event, err := b.subscription.Next(ctx)
		if err != nil {
			return fmt.Errorf("follow the bus: %w", err)
		}
		switch event.Kind {
		case persistence.BusBatch:
			from := b.sellerOf(event.Publisher)
			for i := range event.States {
				b.show(from, &event.States[i])
			}
			b.begin(from)
			b.forgetIdle()
		case persistence.BusFresh:
			from := b.sellerOf(event.Publisher)
			from.fresh.Store(true)
			b.begin(from)
		case persistence.BusStale:
			b.sellerOf(event.Publisher).fresh.Store(false)
			b.forgetIdle()
		}
	}
}

// begin notes that all products of a publisher are shown.
func (b *BusBoard) begin(shown *busSeller) {
	if shown.fresh.Load() && shown.products.Load() > 0 {
		b.begun.Store(true)
	}
}

// sellerOf returns a publisher, which is stale when it was not known.
func (b *BusBoard) sellerOf(publisher persistence.Publisher) *busSeller {
	b.lock.Lock()
	defer b.lock.Unlock()
	known := b.sellers[publisher]
	if known == nil {
		known = &busSeller{}
		b.sellers[publisher] = known
	}
	return known
}

// forgetIdle forgets publishers that are stale and have no products: nothing depends on
// them. So there are no more than the bus follows.
func (b *BusBoard) forgetIdle() {
	b.lock.Lock()
	defer b.lock.Unlock()
	for publisher, one := range b.sellers {
		if !one.fresh.Load() && one.products.Load() == 0 {
			delete(b.sellers, publisher)
		}
	}
}

func (b *BusBoard) shelfOf(product inventory.ID) *busShelf { return &b.shelves[product[15]] }

// show shows a state, which the bus has put in order. What has changed of the rules is
// noted after they can be read.
func (b *BusBoard) show(from *busSeller, state *persistence.StockState) {
	shelf := b.shelfOf(state.Product)
	shelf.lock.Lock()
	before, known := shelf.products[state.Product]
	shelf.products[state.Product] = shownProduct{rules: state.Rules, seller: from, version: state.Version,
		available: state.Available, reserved: state.Reserved, sold: state.Sold, epoch: state.Epoch}
	shelf.lock.Unlock()
	if before.seller != from {
		from.products.Add(1)
		if known {
			before.seller.products.Add(-1)
		}
	}
	if before.rules != state.Rules {
		b.changes.note(state.Product)
	}
}

// Read is that of [Board]. On hand is what is available or reserved: a ticker is
// told of no other units, so that what follows from the stock is right: what is available,
// and the phase.
func (b *BusBoard) Read(product inventory.ID) (Reading, bool) {
	shelf := b.shelfOf(product)
	shelf.lock.RLock()
	shown, known := shelf.products[product]
	shelf.lock.RUnlock()
	if !known {
		return Reading{}, false
	}
	return Reading{Rules: shown.rules, Epoch: shown.epoch, Stale: b.over.Load() || !shown.seller.fresh.Load(),
		Stock: inventory.Stock{OnHand: shown.available + shown.reserved, Reserved: shown.reserved, Sold: shown.sold, Version: shown.version}}, true
}

// Begun reports whether all products of a publisher were shown once: before that, a product
// that is not known may be there all the same.
func (b *BusBoard) Begun() bool { return b.begun.Load() }

// EachProduct is that of [Board].
func (b *BusBoard) EachProduct(visit func(*inventory.Product) bool) {
	var all []*inventory.Product
	for i := range b.shelves {
		// Who visits may take its time, and nobody waits for it.
		all = b.shelves[i].appendRules(all[:0])
		for _, rules := range all {
			if !visit(rules) {
				return
			}
		}
	}
}

func (s *busShelf) appendRules(to []*inventory.Product) []*inventory.Product {
	s.lock.RLock()
	defer s.lock.RUnlock()
	for _, shown := range s.products {
		to = append(to, shown.rules)
	}
	return to
}

// RulesSince is that of [Board].
func (b *BusBoard) RulesSince(revision uint64) (changed []inventory.ID, now uint64, complete bool) {
	return b.changes.since(revision)
}

// BusFigures is a reading of what a [BusBoard] shows.
type BusFigures struct {
	// Products are all, and Stale those of which nobody knows whether they are still so.
	Products, Stale int64
}

// Figures returns the figures of now.
func (b *BusBoard) Figures() (figures BusFigures) {
	b.lock.Lock()
	defer b.lock.Unlock()
	for _, one := range b.sellers {
		products := one.products.Load()
		figures.Products += products
		if b.over.Load() || !one.fresh.Load() {
			figures.Stale += products
		}
	}
	return figures
}

// rulesChanges are the last changes of rules. A change has the revision of its number, and
// the place of it in the ring.
type rulesChanges struct {
	lock     sync.Mutex
	revision uint64
	ring     [rulesChangesMax]inventory.ID
}

func (c *rulesChanges) note(product inventory.ID) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.revision++
	c.ring[c.revision%rulesChangesMax] = product
}

// since returns the products that were noted after a revision, each once.
func (c *rulesChanges) since(revision uint64) (changed []inventory.ID, now uint64, complete bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if revision > c.revision || c.revision-revision > rulesChangesMax {
		return nil, c.revision, false
	}
	seen := make(map[inventory.ID]struct{}, c.revision-revision)
	for n := revision + 1; n <= c.revision; n++ {
		product := c.ring[n%rulesChangesMax]
		if _, is := seen[product]; !is {
			seen[product] = struct{}{}
			changed = append(changed, product)
		}
	}
	return changed, c.revision, true
}
