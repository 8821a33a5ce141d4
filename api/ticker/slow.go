package ticker

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// slowFacts are what is told of a product once a second: how many look at it, how fast it
// sells and how long what is left may last.
type slowFacts struct {
	product inventory.ID
	viewers int64
	// pace is units a second, rounded; lasts is how long, in milliseconds, nil for who knows.
	pace  float64
	lasts *[2]int64
}

func (f *slowFacts) equal(other *slowFacts) bool {
	return f.viewers == other.viewers && f.pace == other.pace && (f.lasts == nil) == (other.lasts == nil) &&
		(f.lasts == nil || *f.lasts == *other.lasts)
}

func (f *slowFacts) write(m *message) {
	m.text("p", f.product.String())
	m.number("v", f.viewers)
	m.real("q", f.pace)
	if f.lasts == nil {
		m.null("eta")
		return
	}
	m.list("eta", len(f.lasts))
	m.number("", f.lasts[0])
	m.number("", f.lasts[1])
	m.end()
}

// slowFrame is the slow facts of a topic, the same bytes to everybody.
type slowFrame struct {
	// group is the channel of a group, whose rows follow; of a product there is one row.
	group    string
	rows     []slowFacts
	messages [formats]struct {
		once sync.Once
		data []byte
	}
}

func (f *slowFrame) bytes(form format) []byte {
	made := &f.messages[form]
	made.once.Do(func() {
		m := newMessage(form, 100*(1+len(f.rows)), "m")
		if f.group == "" {
			f.rows[0].write(m)
		} else {
			m.text("c", f.group)
			m.list("i", uncounted)
			for i := range f.rows {
				m.object("")
				f.rows[i].write(m)
				m.end()
			}
			m.end()
		}
		made.data = m.seal()
	})
	return made.data
}

// slowTeller keeps the slow facts of a topic. Whoever watches them makes it look.
type slowTeller struct {
	// wanted is how many subscriptions want them.
	wanted  atomic.Int64
	edition atomic.Uint64
	newest  atomic.Pointer[slowFrame]
}

func (t *slowTeller) slowEdition() uint64   { return t.edition.Load() }
func (t *slowTeller) slowFrame() *slowFrame { return t.newest.Load() }
func (t *slowTeller) wantSlow(change int64) { t.wanted.Add(change) }

func (t *slowTeller) publishSlow(f *slowFrame) {
	t.newest.Store(f)
	t.edition.Add(1)
}

// seller measures how fast a product sells.
type seller struct {
	pace inventory.Pace
	// lookAt is when it is next looked at.
	lookAt inventory.Instant
}

// observe notes a state.
func (s *seller) observe(of *state, now inventory.Instant) {
	s.pace.Observe(of.stock.Sold+of.stock.Reserved, of.phase, now)
}

// facts are the slow facts of a state.
func (s *seller) facts(of *state, viewers int64) slowFacts {
	f := slowFacts{product: of.product, viewers: viewers, pace: rounded(s.pace.PerSecond())}
	if least, most, known := s.pace.SoldOutIn(of.stock.Available()); known {
		f.lasts = &[2]int64{milliseconds(least), milliseconds(most)}
	}
	return f
}

// rounded keeps two digits behind the point.
func rounded(value float64) float64 { return math.Round(value*100) / 100 }

// sortedKeys are the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
