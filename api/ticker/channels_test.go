package ticker

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// fakeOrders are orders that a test writes to.
type fakeOrders struct {
	lock    sync.Mutex
	watched map[inventory.ID]int
	orders  map[inventory.ID]OrderNews
	away    bool
}

func newFakeOrders() *fakeOrders {
	return &fakeOrders{watched: map[inventory.ID]int{}, orders: map[inventory.ID]OrderNews{}}
}

func (o *fakeOrders) WatchCustomer(customer inventory.ID) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.watched[customer]++
}

func (o *fakeOrders) UnwatchCustomer(customer inventory.ID) {
	o.lock.Lock()
	defer o.lock.Unlock()
	if o.watched[customer]--; o.watched[customer] == 0 {
		delete(o.watched, customer)
	}
}

func (o *fakeOrders) NewestOrders(_ context.Context, customer inventory.ID, limit int) ([]OrderNews, bool) {
	o.lock.Lock()
	defer o.lock.Unlock()
	var found []OrderNews
	for _, news := range o.orders {
		if news.Customer == customer && len(found) < limit {
			found = append(found, news)
		}
	}
	return found, !o.away
}

func (o *fakeOrders) FindOrder(_ context.Context, order, customer inventory.ID) (OrderNews, bool, bool) {
	o.lock.Lock()
	defer o.lock.Unlock()
	news, found := o.orders[order]
	return news, found && (customer.IsZero() || news.Customer == customer), !o.away
}

// put makes a state of an order, and tells those who are watched.
func (o *fakeOrders) put(h *Hub, news OrderNews) {
	o.lock.Lock()
	news.Sequence = o.orders[news.Order].Sequence + 1
	o.orders[news.Order] = news
	watched := o.watched[news.Customer] > 0
	o.lock.Unlock()
	if watched {
		h.TellOrder(news)
	}
}

// Who watches an order or all of theirs is told of each state, and of nobody else's.
func TestACustomerIsToldOfOrders(t *testing.T) {
	orders := newFakeOrders()
	h := newHarness(t, func(o *Options) { o.Orders = orders })
	me, other, one, two := inventory.ID{1}, inventory.ID{2}, inventory.ID{3}, inventory.ID{4}
	orders.put(h.hub, OrderNews{Order: one, Customer: me, State: inventory.Reserved})
	p, theirs := h.dial(Visitor{User: me}), h.dial(Visitor{User: other})
	for _, each := range []*peer{p, theirs} {
		require.Equal(t, "hello", each.read()["t"])
	}
	ask := func(p *peer, channels ...string) map[string]any {
		p.send(`{"id":1,"op":"sub","ch":["` + strings.Join(channels, `","`) + `"]}`)
		return p.read()
	}
	require.Equal(t, "ok", ask(p, "o:"+me.String(), "o:"+one.String())["t"])
	h.await(func() bool { h.sweep(1); return h.hub.Figures().FramesByKind["order"] == 2 })
	require.ElementsMatch(t, []any{"o:" + me.String(), "o:" + one.String()}, []any{p.read()["ch"], p.read()["ch"]})
	require.EqualValues(t, errUnknownChannel, ask(theirs, "o:"+me.String())["code"])
	require.EqualValues(t, errUnknownChannel, ask(theirs, "o:"+one.String())["code"])
	require.Equal(t, "ok", ask(theirs, "o:"+other.String())["t"])

	orders.put(h.hub, OrderNews{Order: two, Customer: me, State: inventory.Reserved, ExpiresAt: start})
	orders.put(h.hub, OrderNews{Order: two, Customer: me, State: inventory.Confirmed})
	orders.put(h.hub, OrderNews{Order: one, Customer: me, State: inventory.Expired})
	h.sweep(1)
	require.Equal(t, []any{two.String(), "confirmed"}, pick(p.read(), "o", "status"), "of each order the last state is told")
	require.ElementsMatch(t, [][]any{{"o:" + me.String(), "expired"}, {"o:" + one.String(), "expired"}},
		[][]any{pick(p.read(), "ch", "status"), pick(p.read(), "ch", "status")})
	theirs.live(h)

	orders.put(h.hub, OrderNews{Order: inventory.ID{6}, Customer: other, State: inventory.Reserved, ExpiresAt: start})
	h.sweep(1)
	require.Equal(t, []any{"reserved", float64(milliseconds(start))}, pick(theirs.read(), "status", "expires_at"))

	orders.lock.Lock()
	orders.away = true
	orders.lock.Unlock()
	require.EqualValues(t, errNotReady, ask(theirs, "o:"+one.String())["code"])
	p.send(`{"id":2,"op":"snap","ch":["o:` + me.String() + `"]}`)
	require.Equal(t, "ok", p.read()["t"])
	h.await(func() bool { h.sweep(1); return h.hub.Figures().FramesByKind["order"] == 7 })
	require.Equal(t, []any{"st", "resync"}, pick(p.read(), "t", "st"), "orders that cannot be read were left out silently")
	p.raw.Close()
	theirs.raw.Close()
	h.await(func() bool {
		orders.lock.Lock()
		defer orders.lock.Unlock()
		return len(orders.watched) == 0
	})
}

// Who is not told of an order since a step panicked is told to ask again.
func TestAPanicLosesNoOrderSilently(t *testing.T) {
	orders := newFakeOrders()
	h := newHarness(t, func(o *Options) { o.Orders = orders })
	me := inventory.ID{1}
	orders.put(h.hub, OrderNews{Order: inventory.ID{2}, Customer: me, State: inventory.Reserved})
	p := h.dial(Visitor{User: me})
	require.Equal(t, "hello", p.read()["t"])
	p.send(`{"id":1,"op":"sub","ch":["o:` + me.String() + `"]}`)
	require.Equal(t, "ok", p.read()["t"])
	h.await(func() bool { h.sweep(1); return h.hub.Figures().FramesByKind["order"] == 1 })
	require.Equal(t, "reserved", p.read()["status"])
	h.hub.news.put(orderNote{}) // of no order: it panics
	orders.put(h.hub, OrderNews{Order: inventory.ID{2}, Customer: me, State: inventory.Confirmed})
	h.sweep(2)
	require.Equal(t, []any{"st", "resync"}, pick(p.read(), "t", "st"))
	require.Contains(t, h.log.String(), "panicked")
}

func pick(frame map[string]any, names ...string) []any {
	values := make([]any, len(names))
	for i, name := range names {
		values[i] = frame[name]
	}
	return values
}

// loading is how many subscriptions wait for the orders that there are.
func (h *harness) loading() (count int) {
	for _, s := range h.hub.shards {
		counted := make(chan int, 1)
		s.ask(nil, func(s *shard, _ *client) {
			loading := 0
			for _, c := range s.clients {
				for _, one := range c.subscriptions {
					if one.loading {
						loading++
					}
				}
			}
			counted <- loading
		})
		count += <-counted
	}
	return count
}

// One peer that is gone takes nothing from the others who watch the same orders.
func TestAPeerThatIsGoneTakesNoOrdersFromOthers(t *testing.T) {
	orders := newFakeOrders()
	h := newHarness(t, func(o *Options) { o.Orders, o.UserConnectionsMax = orders, 10 })
	me := inventory.ID{1}
	var peers []*peer
	for range 6 {
		p := h.dial(Visitor{User: me})
		require.Equal(t, "hello", p.read()["t"])
		p.send(`{"id":1,"op":"sub","ch":["o:` + me.String() + `"]}`)
		require.Equal(t, "ok", p.read()["t"])
		peers = append(peers, p)
	}
	h.await(func() bool { h.sweep(1); return h.loading() == 0 })
	h.hub.everyShard(func(s *shard) {
		if len(s.clients) > 0 {
			s.clients[0].socket.Close() // its shard learns of it when it writes
		}
	})
	orders.put(h.hub, OrderNews{Order: inventory.ID{3}, Customer: me, State: inventory.Reserved})
	h.sweep(2)
	told := 0
	for _, p := range peers {
		require.NoError(t, p.SetReadDeadline(time.Now().Add(patience)))
		if _, data, err := p.ReadMessage(); err == nil {
			require.Contains(t, string(data), `"reserved"`)
			told++
		}
	}
	require.Equal(t, len(peers)-len(h.hub.shards), told)
	require.Empty(t, h.log.String())
}

// What has happened to an order while those that there are were read is told once, and
// never before an earlier state.
func TestOrdersNeverGoBack(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.Orders = newFakeOrders() })
	s := h.hub.shards[0]
	me, order := inventory.ID{1}, inventory.ID{3}
	c := &client{shard: s, raw: newStuck(t), user: me, seat: &Seat{seats: &h.hub.seats}}
	sub := &command{op: opSubscribe, channels: []channel{ordersOf(me)}}
	require.Nil(t, s.subscribe(c, sub, newMessage(formatJSON, 0, "ok"), start))
	c.blockedSince = start
	state := func(sequence uint64) *orderFrame {
		return &orderFrame{news: OrderNews{Order: order, Customer: me, Sequence: sequence}}
	}
	one := c.subscriptions[0]
	s.tellOrders([]orderNote{{frame: state(2)}}, false)
	_, is := one.next()
	require.False(t, is, "told before the orders were read")
	s.tellOrders([]orderNote{{frame: state(1), only: c, of: ordersOf(me)}, {only: c, of: ordersOf(me), last: true}}, false)
	p, is := one.next()
	require.True(t, is)
	require.Contains(t, string(p.bytes), `"s":2`)
	require.False(t, p.more)
}

// What is private is for its owner and operators, whatever the reader has found out about it.
func TestPrivateChannelsAreForTheirOwners(t *testing.T) {
	s := newHarness(t).hub.shards[0]
	me, other := inventory.ID{1}, inventory.ID{2}
	for _, c := range []struct {
		of                     channel
		nobody, customer, mine errorCode
	}{
		{channel{kind: productChannel, id: me}, 0, 0, 0},
		{channel{kind: groupChannel, category: "shoes"}, 0, 0, 0},
		{channel{kind: everyChannel}, errUnauthorized, errForbidden, errForbidden},
		{channel{kind: systemChannel}, errUnauthorized, errForbidden, errForbidden},
		{ordersOf(me), errUnauthorized, errUnknownChannel, 0},
		{orderOf(inventory.ID{3}, me), errUnauthorized, errUnknownChannel, 0},
	} {
		for user, want := range map[inventory.ID]errorCode{{}: c.nobody, other: c.customer, me: c.mine} {
			refused := s.mayWatch(&client{user: user}, &c.of)
			require.Equal(t, want != 0, refused != nil, c.of.String())
			if refused != nil {
				require.Equal(t, want, refused.code, c.of.String())
			}
		}
		require.Nil(t, s.mayWatch(&client{admin: true}, &c.of))
	}
}

// Of more orders than a client that does not read may miss, it is told that it has to ask.
func TestMissedOrdersAreToldOf(t *testing.T) {
	ring := &orderRing{}
	for i := range byte(orderFramesMax) {
		require.True(t, ring.put(&orderFrame{news: OrderNews{Order: inventory.ID{i}, Sequence: 5}}))
	}
	require.True(t, ring.put(&orderFrame{news: OrderNews{Order: inventory.ID{0}, Sequence: 6}}), "a later state of the same order found no room")
	require.True(t, ring.put(&orderFrame{news: OrderNews{Order: inventory.ID{0}, Sequence: 4}}))
	require.EqualValues(t, 6, ring.frames[0].news.Sequence, "an earlier state has replaced a later one")
	require.False(t, ring.put(&orderFrame{news: OrderNews{Order: inventory.ID{255}}}))
	require.True(t, ring.lost)
	require.Empty(t, ring.frames)
	queue := &newsQueue{}
	for range orderNewsMax + 1 {
		queue.put(orderNote{})
	}
	waiting, lost := queue.take()
	require.Empty(t, waiting)
	require.True(t, lost)
}

// A connection becomes somebody's by auth, stays theirs with the next token, and loses what
// is theirs at its end; it does not become another's.
func TestAConnectionSaysWhoItIs(t *testing.T) {
	orders := newFakeOrders()
	me, other := inventory.ID{1}, inventory.ID{2}
	tokens := map[string]Visitor{"mine": {User: me, Until: start + 5*inventory.Second}, "next": {User: me, Until: start + 10*inventory.Second},
		"other": {User: other}, "admin": {User: other, Admin: true}, "full": {User: inventory.ID{5}}}
	h := newHarness(t, func(o *Options) {
		o.Orders, o.UserConnectionsMax = orders, 1
		o.System = func() SystemFigures { return SystemFigures{OrdersPerSecond: 7} }
		o.Identify = func(token string) (Visitor, error) {
			switch visitor, known := tokens[token]; {
			case known:
				return visitor, nil
			case token == "old":
				return Visitor{}, ErrTokenExpired
			case token == "busy":
				return Visitor{}, ErrNotReady
			}
			return Visitor{}, ErrTokenUnknown
		}
	})
	p := h.connect()
	say := func(p *peer, text string) map[string]any {
		p.send(text)
		answer := p.read()
		for answer["st"] == statusExpiring {
			answer = p.read()
		}
		h.sweep(2)
		return answer
	}
	auth := func(p *peer, token string) map[string]any { return say(p, `{"id":1,"op":"auth","token":"`+token+`"}`) }
	mine := `{"id":2,"op":"sub","ch":["o:` + me.String() + `"]}`
	for token, code := range map[string]errorCode{"wrong": errUnauthorized, "old": errTokenExpired, "busy": errNotReady} {
		require.EqualValues(t, code, auth(p, token)["code"], token)
	}
	require.EqualValues(t, errUnauthorized, say(p, mine)["code"])
	answer := auth(p, "mine")
	require.Equal(t, []any{me.String(), float64(milliseconds(start + 5*inventory.Second))}, pick(answer, "user", "until"))
	require.EqualValues(t, errForbidden, auth(p, "other")["code"])
	require.EqualValues(t, errForbidden, say(p, `{"id":2,"op":"sub","ch":["sys"]}`)["code"])
	require.Equal(t, "ok", say(p, mine)["t"])
	second := h.connect()
	require.EqualValues(t, errLimit, auth(second, "mine")["code"], "a user has more connections than allowed")
	require.Equal(t, "ok", auth(p, "next")["t"])
	h.pass(6 * inventory.Second)
	require.Equal(t, "ok", say(p, `{"op":"ping"}`)["t"])
	require.Contains(t, h.hub.seats.users, me)
	h.pass(6 * inventory.Second)
	for p.read()["st"] != statusGone {
	}
	require.Empty(t, orders.watched, "orders are told of after the access token has ended")
	require.Empty(t, h.hub.seats.users)

	require.Equal(t, "ok", auth(second, "admin")["t"])
	require.Equal(t, "ok", say(second, `{"id":2,"op":"sub","ch":["sys","o:`+me.String()+`"],"hz":20}`)["t"])
	require.EqualValues(t, 7, second.read()["orders_s"])
}

// Rates are changed for some channels or all; zero is silence, and what was missed in it is
// told after it.
func TestRatesAreChanged(t *testing.T) {
	h := newHarness(t)
	first, other := h.board.put(1, 50), h.board.put(2, 50)
	p := h.watch(first, other)
	ask := func(text string) map[string]any {
		p.send(text)
		answer := p.read()
		h.sweep(2)
		return answer
	}
	require.EqualValues(t, 0, ask(`{"id":1,"op":"rate","hz":0,"ch":` + channels(first) + `}`)["hz"])
	h.board.hold(first)
	h.board.hold(other)
	h.pass(inventory.Second)
	require.Equal(t, other.String(), p.read()["p"])
	require.Equal(t, []any{[]any{productPrefix + first.String(), 0.}, []any{productPrefix + other.String(), 10.}}, ask(`{"id":2,"op":"list"}`)["ch"])
	require.EqualValues(t, 0.2, ask(`{"id":3,"op":"rate","hz":0.3}`)["hz"])
	require.Equal(t, []any{first.String(), 2.}, pick(p.read(), "p", "s"), "what was missed is not told")
	h.board.hold(first)
	h.pass(5 * inventory.Second)
	require.Equal(t, []any{first.String(), 3.}, pick(p.read(), "p", "s"))
	require.EqualValues(t, errUnknownChannel, ask(`{"id":4,"op":"rate","hz":1,"ch":["c:shoes"]}`)["code"])
}

// A product whose seller is not heard is stale until it is heard again, and all is told then.
func TestStaleProductsAreToldOf(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 5)
	p := h.watch(product)
	group := h.connect()
	group.send(`{"id":1,"op":"sub","ch":["c:shoes"]}`)
	require.Equal(t, "ok", group.read()["t"])
	require.Len(t, group.read()["i"], 1)
	h.board.setStale(product, true)
	h.sweep(2)
	require.Equal(t, []any{"st", "stale"}, pick(p.read(), "t", "st"))
	require.Equal(t, "s", p.read()["t"])
	require.Equal(t, true, group.read()["i"].([]any)[0].(map[string]any)["stale"])
	late := h.watch(product)
	require.Equal(t, []any{"st", "stale"}, pick(late.read(), "t", "st"), "one that comes later is not told")
	h.board.hold(product)
	h.board.setStale(product, false)
	h.sweep(2)
	require.Equal(t, []any{"st", "live"}, pick(p.read(), "t", "st"))
	require.Equal(t, []any{"s", 2.}, pick(p.read(), "t", "s"))
}

// What changes slowly is told once a second to those who want it: who watches, how fast it
// sells and how long that may last. A history has one sample a second.
func TestWhatChangesSlowly(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000)
	plain := h.watch(product)
	p := h.connect()
	p.send(`{"id":1,"op":"sub","ch":["p:` + product.String() + `","c:shoes"],"m":true,"hz":1}`)
	for range 3 {
		p.read()
	}
	var last map[string]any
	for range 20 {
		h.board.lock.Lock()
		stock := h.board.stock[product]
		stock.Sold, stock.OnHand, stock.Version = stock.Sold+10, stock.OnHand-10, stock.Version+1
		h.board.stock[product] = stock
		h.board.lock.Unlock()
		h.pass(inventory.Second)
		require.Equal(t, "u", plain.read()["t"], "one who did not ask is told what changes slowly")
		for seen := 0; seen < 2; {
			frame := p.read()
			if frame["t"] == "m" {
				seen++
				if frame["p"] != nil {
					last = frame
				} else {
					require.Len(t, frame["i"], 1)
				}
			}
		}
	}
	require.EqualValues(t, 2, last["v"])
	require.InDelta(t, 10, last["q"], 1.5)
	eta := last["eta"].([]any)
	require.InDelta(t, 80_000, eta[0], 20_000)
	require.LessOrEqual(t, eta[0], eta[1])
	plain.send(`{"id":5,"op":"hist","ch":"p:` + product.String() + `","n":3}`)
	frame := plain.read()
	require.Equal(t, []any{[]any{820., 180.}, []any{810., 190.}, []any{800., 200.}}, frame["i"])
	plain.send(`{"id":5,"op":"hist","ch":"p:` + h.board.put(9, 1).String() + `"}`)
	require.EqualValues(t, errUnknownChannel, plain.read()["code"])
}

// One who speaks MessagePack is told the same, and closed for text.
func TestMessagePack(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 5)
	p := h.dialAs(Visitor{}, Subprotocols[formatMsgpack])
	require.Equal(t, "hello", p.read()["t"])
	p.subscribe(`,"hz":20`, product)
	require.Equal(t, []any{"s", product.String(), 1.}, pick(p.read(), "t", "p", "n"))
	h.board.hold(product)
	h.sweep(1)
	require.Equal(t, []any{"u", 2., 4., 1., "live"}, pick(p.read(), "t", "s", "a", "r", "ph"))
	p.packed = false
	p.send(`{"id":1,"op":"list"}`)
	_, code := p.readClose()
	require.EqualValues(t, closeUnsupported, code)
}

// Whoever changes lanes misses nothing: what its new lane was told of before it came is told
// to it. (A demoted client was once left with an old version for good.)
func TestAChangeOfLanesMissesNothing(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000)
	p := h.connect()
	p.subscribe(`,"hz":0.2`, product)
	require.Equal(t, "s", p.read()["t"])
	for _, step := range []int{1, -1} {
		h.board.hold(product)
		h.sweep(1)
		h.hub.everyShard(func(s *shard) {
			for _, c := range s.clients {
				c.demote(step)
				s.flush(c, h.clock.Now())
			}
		})
		require.Equal(t, "u", p.read()["t"])
	}
}

// A client that does not keep up is served more slowly, by some lanes at most, and rises
// again when it has read all for some time.
func TestSlowClientsAreDemoted(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000_000)
	p := h.connect()
	p.subscribe(`,"hz":20`, product)
	require.Equal(t, "s", p.read()["t"])
	lane := func() int {
		lanes := make(chan int, 1)
		for _, s := range h.hub.shards {
			s.ask(nil, func(s *shard, _ *client) {
				for _, c := range s.clients {
					lanes <- c.subscriptions[0].lane()
				}
			})
		}
		h.settle()
		close(lanes)
		return <-lanes
	}
	require.Zero(t, lane())
	h.await(func() bool {
		for range 20 {
			h.board.hold(product)
			h.sweep(1)
		}
		return h.hub.Figures().Blocked > 0
	})
	h.sweep(20)
	require.Equal(t, demotionMax, lane())
	require.EqualValues(t, demotionMax, h.hub.Figures().Demotions)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		for {
			if _, _, err := p.ReadMessage(); err != nil {
				return
			}
		}
	}()
	h.await(func() bool { h.sweep(1); return h.hub.Figures().Blocked == 0 })
	h.hub.everyShard(func(s *shard) {
		for _, c := range s.clients {
			c.clearSince -= promotionTime
		}
	})
	h.pass(2 * inventory.Second)
	require.Equal(t, demotionMax-1, lane())
	p.raw.Close()
	<-reading
}
