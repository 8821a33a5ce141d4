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
