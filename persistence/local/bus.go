package local

import (
	"sync/atomic"

	"holdfast/persistence"
	"holdfast/persistence/hints"
)

// self is the one publisher of a [Bus].
const self persistence.Publisher = 1

// Bus carries states within the process. It implements [persistence.Bus].
type Bus struct {
	hub       *hints.Hub
	published atomic.Uint64
}

// NewBus returns a bus on which nothing was published.
func NewBus() *Bus {
	b := &Bus{hub: hints.NewHub()}
	b.hub.SetFresh(self, true)
	return b
}

// Publish is that of [persistence.Bus].
func (b *Bus) Publish(states ...persistence.StockState) {
	lacking := b.hub.Put(self, states, func(*persistence.StockState) { b.published.Add(1) })
	b.hub.Refused.Add(uint64(lacking)) // #nosec G115 -- a count
}

// Subscribe is that of [persistence.Bus].
func (b *Bus) Subscribe() (persistence.Subscription, error) { return b.hub.Subscribe() }

// Statistics is that of [persistence.Bus].
func (b *Bus) Statistics() persistence.BusStatistics {
	statistics := b.hub.Statistics()
	statistics.Published = b.published.Load()
	return statistics
}

// Close is that of [persistence.Bus].
func (b *Bus) Close() error {
	b.hub.Close()
	return nil
}
