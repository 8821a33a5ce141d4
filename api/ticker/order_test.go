package ticker

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// Versions never go back on a connection, however many change the stock and come and go,
// and everybody ends with the last one.
func TestVersionsNeverGoBack(t *testing.T) {
	const watchers, changes = 24, 20_000
	h := newHarness(t, onSystemClock)
	products := []inventory.ID{h.board.put(1, 10*changes), h.board.put(2, 10*changes), h.board.put(3, 10*changes)}
	var watching, changing sync.WaitGroup
	for range watchers {
		p := h.connect()
		p.subscribe(`,"hz":20`, products...)
		watching.Go(func() { p.watchUntil(len(products), 2*changes+1) })
	}
	for range 2 {
		for _, product := range products {
			changing.Go(func() {
				for range changes {
					h.board.hold(product)
				}
			})
		}
	}
	changing.Wait()
	watching.Wait()
	require.Less(t, h.hub.Figures().Encoded, uint64(1_000), "a frame was made for nearly every version")
}

// watchUntil reads until all products have their last version. It snaps now and then.
func (p *peer) watchUntil(products int, last int64) {
	seen, done := map[string]int64{}, 0
	for done < products {
		frame := p.read()
		if frame["t"] == "ok" {
			continue
		}
		product, version := frame["p"].(string), int64(frame["s"].(float64))
		if before := seen[product]; version < before || version == before && frame["t"] == "u" {
			p.t.Errorf("version %d of %s after %d", version, product, before)
		}
		if reserved, available := int64(frame["r"].(float64)), int64(frame["a"].(float64)); reserved != version-1 || available+reserved != 5*(last-1) {
			p.t.Errorf("a state that never was: %v", frame)
		}
		if version == last && seen[product] != last {
			done++
		}
		seen[product] = version
	}
}
