package actors

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// shelf finds product actors by ID. It is split so that readers do not meet.
type shelf struct {
	count atomic.Int64
	parts [indexParts]shelfPart
}

type shelfPart struct {
	mutex sync.RWMutex
	table table[productActor]
}

func newShelf() *shelf { return &shelf{} }

// get returns the product's actor, or nil.
func (s *shelf) get(id inventory.ID) *productActor {
	name := [16]byte(id)
	part := &s.parts[partOf(&name)]
	part.mutex.RLock()
	defer part.mutex.RUnlock()
	return part.table.get(&name)
}

// put adds a product's actor.
func (s *shelf) put(id inventory.ID, product *productActor) {
	name := [16]byte(id)
	part := &s.parts[partOf(&name)]
	part.mutex.Lock()
	defer part.mutex.Unlock()
	part.table.put(&name, product)
	s.count.Add(1)
}

// eachUnlocked calls visit for every product that is there when it begins, until it
// returns false. Visits may take their time: no lock is held meanwhile, but for the moments
// in which the products of a part are noted.
func (s *shelf) eachUnlocked(visit func(*productActor) bool) {
	var products []*productActor
	for i := range s.parts {
		products = s.parts[i].appendAll(products[:0])
		for _, product := range products {
			if !visit(product) {
				return
			}
		}
	}
}

// appendAll appends all products of the part.
func (p *shelfPart) appendAll(products []*productActor) []*productActor {
	p.mutex.RLock()
	defer p.mutex.RUnlock()
	p.table.each(func(_ [16]byte, product *productActor) bool {
		products = append(products, product)
		return true
	})
	return products
}

// each calls visit for every product, until it returns false.
func (s *shelf) each(visit func(inventory.ID, *productActor) bool) {
	for i := range s.parts {
		part := &s.parts[i]
		part.mutex.RLock()
		more := part.table.each(func(name [16]byte, product *productActor) bool { return visit(name, product) })
		part.mutex.RUnlock()
		if !more {
			return
		}
	}
}
