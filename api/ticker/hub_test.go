package ticker

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// addr reads an address.
func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// number is a member that is a number.
func number(t *testing.T, frame map[string]any, name string) int64 {
	t.Helper()
	value, is := frame[name].(float64)
	require.True(t, is, "%v has no %s", frame, name)
	return int64(value)
}

// A subscription begins with the present state and goes on with what changes.
func TestAWatcherSeesEveryState(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 10)
	p := h.connect()
	p.send(`{"id":7,"op":"sub","ch":` + channels(product) + `,"hz":20}`)
	require.Equal(t, map[string]any{"t": "ok", "id": 7., "hz": 20.}, p.read())
	require.Equal(t, map[string]any{"t": "s", "p": product.String(), "e": 7., "s": 1., "a": 10., "r": 0., "d": 0., "ph": "live",
		"ts": float64(milliseconds(start)), "sku": "SKU-1", "price": 1999., "currency": "EUR",
		"n": 1., "name": "Shoe", "category": "shoes", "cap": 10.}, p.read())
	for version := int64(2); version < 6; version++ {
		h.board.hold(product)
		h.sweep(1)
		frame := p.read()
		require.Equal(t, "u", frame["t"])
		require.Equal(t, []int64{version, 11 - version, version - 1},
			[]int64{number(t, frame, "s"), number(t, frame, "a"), number(t, frame, "r")})
	}
	p.send(`{"id":8,"op":"unsub","ch":` + channels(product) + `}`)
	require.Equal(t, map[string]any{"t": "ok", "id": 8.}, p.read())
	h.board.hold(product)
	h.sweep(2)
	p.send(`{"op":"ping","t":5}`)
	require.Equal(t, map[string]any{"t": "ok", "sent": 5., "now": float64(milliseconds(h.clock.Now()))}, p.read())
	require.Zero(t, h.hub.Figures().Topics, "a product that nobody watches is looked at")
}

// What lies between two looks is not told; everybody gets the same bytes, made once.
func TestVersionsAreConflated(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000)
	watchers := []*peer{h.watch(product), h.watch(product), h.watch(product)}
	h.sweep(2)
	for range 100 {
		h.board.hold(product)
	}
	h.sweep(2)
	for _, p := range watchers {
		require.EqualValues(t, 101, number(t, p.read(), "s"))
	}
	figures := h.hub.Figures()
	require.EqualValues(t, 3*99, figures.Conflated)
	require.EqualValues(t, 2, figures.Encoded)
	h.sweep(4)
	require.Equal(t, figures.Frames, h.hub.Figures().Frames, "nothing has changed, and something was sent")
}

// Without connections the board is left alone.
func TestTheHubRestsWithoutConnections(t *testing.T) {
	h := newHarness(t)
	h.board.put(1, 1)
	h.clock.Advance(60e9)
	require.Zero(t, h.board.reads)
}

func TestLanesBoundHowOftenAClientIsTold(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000_000)
	of := channel{kind: productChannel, id: product}
	watched, refused := h.hub.topics.watch(of, start)
	require.Nil(t, refused)
	a := &audience{topic: watched}
	told := map[float64]int{}
	for _, hz := range []float64{20, 10, 8, 7.5, 4, 1, 0.5, 0.01, 0} {
		a.join(&subscription{client: &client{joined: inventory.Instant(hz * 1000)}, audience: a, asked: uint8(laneOf(hz))}) // #nosec G115 -- few lanes
	}
	const first = 1_000_000
	a.sweep(0, first, nil)
	for sweep := range uint64(100) {
		h.board.hold(product)
		h.hub.topics.sweep(start)
		for _, c := range a.sweep(sweep, first+1+sweep, nil) {
			told[float64(c.joined)/1000]++
			c.dirty[0].unmark()
		}
	}
	require.Equal(t, map[float64]int{20: 100, 10: 50, 8: 40, 7.5: 25, 4: 20, 1: 5, 0.5: 2, 0.01: 1}, told)
}

// Sold out, paused, started: nobody hears of it later because of a slow lane.
func TestAChangeOfPhaseIsToldAtOnce(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 5)
	p := h.connect()
	p.subscribe(`,"hz":0.2`, product)
	require.Equal(t, "live", p.read()["ph"])
	for _, step := range []struct {
		change func(*inventory.Product)
		phase  string
	}{
		{func(r *inventory.Product) { r.Paused = true }, "paused"},
		{func(r *inventory.Product) { r.Paused, r.SaleStartsAt = false, start+3600*inventory.Second }, "scheduled"},
		{func(r *inventory.Product) { r.SaleStartsAt = 0 }, "live"},
		{func(r *inventory.Product) { r.Deleted = true }, "ended"},
	} {
		h.board.lock.Lock()
		rules := *h.board.rules[product]
		step.change(&rules)
		h.board.rules[product] = &rules
		h.board.lock.Unlock()
		h.sweep(1)
		require.Equal(t, step.phase, p.read()["ph"])
	}
	other := h.connect()
	other.send(`{"id":1,"op":"sub","ch":` + channels(product) + `}`)
	require.EqualValues(t, errUnknownChannel, other.read()["code"], "a deleted product has new watchers")
}

// A client that comes back says what it has, and is not told it again.
func TestAReturningClientSaysWhatItHas(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 5)
	since := func(epoch, stock string) map[string]any {
		p := h.connect()
		p.subscribe(`,"since":{"`+productPrefix+product.String()+`":[`+epoch+`,`+stock+`]}`, product)
		return p.read()
	}
	require.Equal(t, map[string]any{"t": "s", "p": product.String(), "e": 7., "s": 1., "a": 5., "ph": "live", "same": true, "n": 1.,
		"sku": "SKU-1", "name": "Shoe", "category": "shoes", "price": 1999.0, "currency": "EUR"}, since("7", "1"))
	for _, other := range [][2]string{{"7", "0"}, {"7", "2"}, {"6", "1"}, {"8", "1"}} {
		frame := since(other[0], other[1])
		require.Equal(t, "SKU-1", frame["sku"], "%v", other)
		require.Nil(t, frame["same"])
	}
}

func TestCommandsAreAnsweredOnceAndWhole(t *testing.T) {
	h := newHarness(t)
	known, other := h.board.put(1, 5), h.board.put(2, 5)
	unknown := inventory.ID{9}
	p := h.connect()
	ask := func(op string, products ...inventory.ID) map[string]any {
		p.send(`{"id":3,"op":"` + op + `","ch":` + channels(products...) + `}`)
		answer := p.read()
		require.EqualValues(t, 3, answer["id"])
		h.clock.Advance(sweepInterval * 2) // so that no command comes too fast
		return answer
	}
	code := func(answer map[string]any) errorCode { return errorCode(number(t, answer, "code")) }

	refused := ask("sub", known, unknown)
	require.Equal(t, errUnknownChannel, code(refused))
	require.Equal(t, productPrefix+unknown.String(), refused["ch"])
	require.Zero(t, h.hub.Figures().Subscriptions, "a command that is refused was done in part")
	require.Zero(t, h.hub.Figures().Topics)

	require.Equal(t, "ok", ask("sub", known)["t"])
	require.Equal(t, "s", p.read()["t"])
	require.Equal(t, errAlready, code(ask("sub", other, known)))
	require.EqualValues(t, 1, h.hub.Figures().Subscriptions)
	require.Equal(t, errUnknownChannel, code(ask("snap", other)))
	require.Equal(t, errUnknownChannel, code(ask("unsub", known, other)))
	require.Equal(t, "ok", ask("snap", known)["t"])
	require.Equal(t, "s", p.read()["t"])
	require.Equal(t, "ok", ask("unsub", known)["t"])
	require.Zero(t, h.hub.subscriptions.Load())
}

// A snapshot is of the moment at which it is asked for: who has read a version over HTTP
// is never shown an earlier one.
func TestASnapshotIsOfItsMoment(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 100)
	first := h.watch(product)
	h.board.hold(product)
	second := h.connect()
	second.subscribe("", product)
	require.EqualValues(t, 2, number(t, second.read(), "s"))
	h.board.hold(product)
	first.send(`{"id":2,"op":"snap","ch":` + channels(product) + `}`)
	require.Equal(t, "ok", first.read()["t"])
	require.EqualValues(t, 3, number(t, first.read(), "s"))
}

func TestConnectionsAreCounted(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.ConnectionsMax, o.AddressConnectionsMax, o.UserConnectionsMax = 4, 2, 1 })
	address := Visitor{Address: addr("192.0.2.1")}
	user := Visitor{User: inventory.ID{5}}
	var seats []*Seat
	for _, step := range []struct {
		visitor Visitor
		room    Room
	}{{address, RoomLeft}, {address, RoomLeft}, {address, RoomNoneForAddress}, {user, RoomLeft}, {user, RoomNoneForUser},
		{Visitor{Address: addr("192.0.2.2")}, RoomLeft}, {Visitor{}, RoomNone}} {
		seat, found := h.hub.Admit(step.visitor)
		require.Equal(t, step.room, found)
		if seat != nil {
			seats = append(seats, seat)
		}
	}
	for _, seat := range seats {
		seat.Leave()
		seat.Leave()
	}
	require.Zero(t, h.hub.Figures().Connections)
	require.Empty(t, h.hub.seats.addresses)
	require.Empty(t, h.hub.seats.users)
}

func TestNewConnectionsOfASecondAreBounded(t *testing.T) {
	h := newHarness(t)
	for range UpgradesPerSecond {
		seat, found := h.hub.Admit(Visitor{})
		require.Equal(t, RoomLeft, found)
		seat.Leave()
	}
	_, found := h.hub.Admit(Visitor{})
	require.Equal(t, RoomNone, found)
	h.clock.Advance(1e9 / UpgradesPerSecond)
	_, found = h.hub.Admit(Visitor{})
	require.Equal(t, RoomLeft, found)
}
