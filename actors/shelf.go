package actors

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// shelf finds product actors by ID. It is split so that readers do not meet.
type shelf struct {
	count atomic.Int64
	parts [64]struct {
		mutex    sync.RWMutex
		products map[inventory.ID]*productActor
	}
}

func newShelf() *shelf {
	s := &shelf{}
	for i := range s.parts {
		s.parts[i].products = make(map[inventory.ID]*productActor)
	}
	return s
}

// get returns the product's actor, or nil.
func (s *shelf) get(id inventory.ID) *productActor {
	part := &s.parts[id[15]&63]
	part.mutex.RLock()
	defer part.mutex.RUnlock()
	return part.products[id]
}

// put adds a product's actor.
func (s *shelf) put(id inventory.ID, product *productActor) {
	part := &s.parts[id[15]&63]
	part.mutex.Lock()
	defer part.mutex.Unlock()
	part.products[id] = product
	s.count.Add(1)
}

// each calls visit for every product, until it returns false.
func (s *shelf) each(visit func(inventory.ID, *productActor) bool) {
	for i := range s.parts {
		part := &s.parts[i]
		part.mutex.RLock()
		for id, product := range part.products {
			if !visit(id, product) {
				part.mutex.RUnlock()
				return
			}
		}
		part.mutex.RUnlock()
	}
}
