package main

import (
	"fmt"
	"sync"
	"time"
)

// stock is that of the product. Each order takes one unit and raises the version.
type stock struct {
	product string
	// changed has room for one: that something has changed.
	changed chan struct{}

	lock                sync.Mutex
	available, reserved int64
	version             int64
}

func newStock(product string, units int64) *stock {
	return &stock{product: product, changed: make(chan struct{}, 1), available: units, version: 1}
}

// take takes one unit, and returns the version that this made, or false.
func (s *stock) take() (version int64, taken bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.available == 0 {
		return s.version, false
	}
	s.available, s.reserved, s.version = s.available-1, s.reserved+1, s.version+1
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.version, true
}

// figures are the numbers of now.
func (s *stock) figures() (available, reserved, version int64) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.available, s.reserved, s.version
}

// frame is the state as it is published: an update of stockticker.v1.json.
func (s *stock) frame(now time.Time) []byte {
	available, reserved, version := s.figures()
	return fmt.Appendf(nil, `{"t":"u","p":%q,"e":1,"s":%d,"a":%d,"r":%d,"d":0,"ph":"live","ts":%d}`, s.product, version, available, reserved, now.UnixMilli())
}
