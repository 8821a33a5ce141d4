package ticker

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// SystemFigures is what operators see of a node, once a second.
type SystemFigures struct {
	// OrdersPerSecond were placed, RefusedPerSecond not, by code; ChangesPerSecond are
	// changes of stock.
	OrdersPerSecond, ChangesPerSecond float64
	RefusedPerSecond                  map[string]float64
	// MedianMilliseconds and P99Milliseconds are how long placing an order took.
	MedianMilliseconds, P99Milliseconds float64
	// Backlog are the records that the database does not have yet, Oversold the products
	// with less than nothing, which has to be zero.
	Backlog, Oversold int64
	// ResidentBytes and Processors are what the process takes.
	ResidentBytes int64
	Processors    float64
}

// systemTopic tells of this node.
type systemTopic struct {
	hub    *Hub
	topic  *topic
	newest atomic.Pointer[systemFrame]
	nextAt inventory.Instant
	before Figures
	// beforeAt is when they were read.
	beforeAt inventory.Instant
	slowTeller
}

// systemFrame is the figures of one second.
type systemFrame struct {
	SystemFigures
	now                   inventory.Instant
	connections, viewers  int64
	blocked               int64
	framesRate, skipsRate float64
	lag                   float64
	messages              [formats]struct {
		once sync.Once
		data []byte
	}
}

func openSystem(h *Hub, of *topic, now inventory.Instant) (teller, *refusal) {
	if h.system == nil {
		return nil, unknownChannel(of.channel)
	}
	t := &systemTopic{hub: h, topic: of, before: h.Figures(), beforeAt: now}
	t.look(now)
	return t, nil
}

func (*systemTopic) leave()     {}
func (*systemTopic) over() bool { return false }

func (t *systemTopic) refresh(now inventory.Instant) {
	if now >= t.nextAt {
		t.look(now)
		t.topic.publish(false)
	}
}

// look makes the frame of this second.
func (t *systemTopic) look(now inventory.Instant) {
	t.nextAt = now + systemInterval
	figures := t.hub.Figures()
	lags := figures.Lags.Since(&t.before.Lags)
	t.newest.Store(&systemFrame{SystemFigures: t.hub.system(), now: now, connections: figures.Connections, viewers: figures.Subscriptions,
		blocked: figures.Blocked, lag: lags.Quantile(0.99).Seconds() * 1_000,
		framesRate: perSecond(figures.Frames-t.before.Frames, now-t.beforeAt), skipsRate: perSecond(figures.Conflated-t.before.Conflated, now-t.beforeAt)})
	t.before, t.beforeAt = figures, now
}

// perSecond is how many a second a count in some time is; none when no time has passed.
func perSecond(count uint64, in inventory.Instant) float64 {
	if in <= 0 {
		return 0
	}
	return float64(count) * float64(inventory.Second) / float64(in)
}

func (t *systemTopic) next(s *subscription) (piece, bool) {
	f := t.newest.Load()
	if !s.snapshot && s.sent == uint64(f.now) { // #nosec G115 -- a moment is not negative
		return piece{}, false
	}
	return piece{subscription: s, bytes: f.bytes(s.client.format), until: uint64(f.now)}, true // #nosec G115 -- as above
}

func (t *systemTopic) told(s *subscription, told *piece) uint64 {
	s.sent, s.snapshot = told.until, false
	return 0
}

func (f *systemFrame) bytes(form format) []byte {
	made := &f.messages[form]
	made.once.Do(func() { made.data = f.write(form) })
	return made.data
}

func (f *systemFrame) write(form format) []byte {
	m := newMessage(form, 600, "sys")
	m.number("now", milliseconds(f.now))
	m.real("orders_s", rounded(f.OrdersPerSecond))
	m.object("refused_s")
	for _, code := range sortedKeys(f.RefusedPerSecond) {
		m.real(code, rounded(f.RefusedPerSecond[code]))
	}
	m.end()
	m.real("p50_ms", rounded(f.MedianMilliseconds))
	m.real("p99_ms", rounded(f.P99Milliseconds))
	m.real("changes_s", rounded(f.ChangesPerSecond))
	m.number("viewers", f.viewers)
	m.number("connections", f.connections)
	m.number("blocked", f.blocked)
	m.real("lag_p99_ms", rounded(f.lag))
	m.real("frames_s", rounded(f.framesRate))
	m.real("versions_s", rounded(f.skipsRate))
	m.number("oversold", f.Oversold)
	m.number("backlog", f.Backlog)
	m.number("rss_bytes", f.ResidentBytes)
	m.real("cpu", rounded(f.Processors))
	return m.seal()
}
