package ticker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// A client that was stalled, and was caught up by the answer to a command before its
// turn to be tried again came, is told of what changes meanwhile.
func TestACommandDoesNotSilenceAStalledClient(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000)
	p := h.connect()
	p.subscribe(`,"hz":20`, product)
	require.Equal(t, "s", p.read()["t"])
	h.sweep(2)
	for _, s := range h.hub.shards { // as a write leaves it of which the kernel did not take all
		s.ask(nil, func(s *shard, _ *client) {
			for _, c := range s.clients {
				c.stalled, c.blockedSince = true, s.hub.clock.Now()
				s.stalled = append(s.stalled, c)
			}
		})
	}
	p.send(`{"id":2,"op":"ping"}`)
	require.Equal(t, "ok", p.read()["t"])
	h.board.hold(product)
	h.sweep(1)
	require.NoError(t, p.SetReadDeadline(time.Now().Add(patience)))
	require.EqualValues(t, 2, p.read()["s"])
}

// What a product costs and when it is sold is told again when it changes, to who
// watches and to who comes back with a version that did not change.
func TestThePriceIsToldAgain(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000)
	p := h.watch(product)
	h.board.change(product, func(rules *inventory.Product) { rules.Price.Minor = 1 })
	h.sweep(4)
	frame := p.read()
	require.Equal(t, "s", frame["t"])
	require.EqualValues(t, 1, frame["price"])
	back := h.connect()
	back.subscribe(`,"since":{"`+productPrefix+product.String()+`":[7,1]}`, product)
	frame = back.read()
	require.Equal(t, true, frame["same"])
	require.EqualValues(t, 1, frame["price"])
	h.board.hold(product)
	h.sweep(4)
	require.Equal(t, "u", p.read()["t"])
}

// A product that was deleted takes no further watchers, whichever shard they are in.
func TestADeletedProductTakesNoWatchers(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000)
	h.watch(product)
	h.board.change(product, func(rules *inventory.Product) { rules.Deleted = true })
	h.sweep(1)
	for range 2 * len(h.hub.shards) {
		p := h.connect()
		p.send(`{"id":1,"op":"sub","ch":` + channels(product) + `}`)
		require.EqualValues(t, errUnknownChannel, p.read()["code"])
	}
}

// While nobody is connected the hub looks at nothing, and it begins again when somebody
// is.
func TestTheHubRestsWhenTheLastOneHasLeft(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000)
	p := h.watch(product)
	require.NoError(t, p.raw.Close())
	require.Eventually(t, func() bool { return h.hub.Figures().Connections == 0 }, patience, time.Millisecond)
	h.sweep(1)
	h.hub.beating.Lock()
	rests := h.hub.rests
	h.hub.beating.Unlock()
	require.True(t, rests)
	again := h.watch(product)
	h.board.hold(product)
	h.sweep(4)
	require.EqualValues(t, 2, again.read()["s"])
}
