package actors

import "sync"

// patrol looks whether the stock that the board shows keeps its invariants. Every change
// of it is checked already, and a wrong one ends the process; this looks at what is there,
// whatever has brought it there. A large shelf is looked at in parts, one after the other.
type patrol struct {
	mutex sync.Mutex
	// next is the part to be looked at, broken what was wrong in each, and products has
	// room for those of a part.
	next     int
	broken   [indexParts]int64
	products []*productActor
}

// Oversold implements [Facade].
func (e *Engine) Oversold() (products int64) {
	p := &e.patrol
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for parts, looked := 0, 0; parts < indexParts && looked < patrolProductsMax; parts++ {
		p.look(e.shelf)
		looked += len(p.products)
	}
	clear(p.products)
	for _, broken := range p.broken {
		products += broken
	}
	return products
}

// look looks at the products of the next part.
func (p *patrol) look(s *shelf) {
	p.products = s.parts[p.next].appendAll(p.products[:0])
	p.broken[p.next] = 0
	for _, product := range p.products {
		if product.board.read().Check() != nil {
			p.broken[p.next]++
		}
	}
	p.next = (p.next + 1) % indexParts
}
