package ticker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stage is a server that does what a script says, once for each connection; the last one is
// played again and again.
type stage struct {
	t       *testing.T
	address string
	lock    sync.Mutex
	scripts []func(*actor)
	header  []http.Header
	asked   []string
}

// actor plays the server on one connection.
type actor struct {
	*websocket.Conn
	t     *testing.T
	codec codec
}

func newStage(t *testing.T, protocol Protocol, scripts ...func(*actor)) *stage {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	s := &stage{t: t, address: listener.Addr().String(), scripts: scripts}
	upgrader := websocket.Upgrader{Subprotocols: []string{protocol.codec().subprotocol()}}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.lock.Lock()
		play := s.scripts[0]
		s.asked = append(s.asked, r.RequestURI)
		if s.header = append(s.header, r.Header.Clone()); len(s.scripts) > 1 {
			s.scripts = s.scripts[1:]
		}
		s.lock.Unlock()
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		play(&actor{conn, t, protocol.codec()})
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-served })
	return s
}

func (s *stage) options(protocol Protocol) Options {
	return Options{Address: s.address, Protocol: protocol, PauseMin: time.Millisecond, PauseMax: 5 * time.Millisecond}
}

// say sends a message.
func (a *actor) say(value any) {
	data, err := a.codec.encode(value)
	assert.NoError(a.t, err)
	a.WriteMessage(a.codec.message(), data) // who has left hears nothing
}

// hear reads a command; nil is the end of the connection.
func (a *actor) hear() map[string]any {
	_, data, err := a.ReadMessage()
	if err != nil {
		return nil
	}
	var command map[string]any
	assert.NoError(a.t, a.codec.decode(data, &command))
	return command
}

// greet says hello.
func (a *actor) greet() { a.say(map[string]any{"t": "hello", "v": 1, "node": "n1", "sess": "s1"}) }

// grant answers the next command with ok and further members, and returns it.
func (a *actor) grant(members map[string]any) map[string]any {
	command := a.hear()
	if command == nil {
		return nil
	}
	answer := map[string]any{"t": "ok", "id": command["id"]}
	for name, value := range members {
		answer[name] = value
	}
	a.say(answer)
	return command
}

// stay reads until the client leaves.
func (a *actor) stay() {
	for a.hear() != nil {
	}
}

type object = map[string]any

// bothProtocols runs a test in both forms.
func bothProtocols(t *testing.T, test func(*testing.T, Protocol)) {
	t.Run("json", func(t *testing.T) { test(t, JSON) })
	t.Run("msgpack", func(t *testing.T) { test(t, Msgpack) })
}

// Every kind of message reaches the caller with its types, in both forms.
func TestEveryKindOfMessageIsTold(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol Protocol) {
		c := run(t, newStage(t, protocol, everyKind).options(protocol))
		require.Equal(t, Link{Connected: true, Session: "s1", Node: "n1"}, *until(t, c, func(u Update) bool { return u.Link != nil }).Link)
		require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 5, Slow: true}, "p:A", "c:shoes", "o:me", "sys"))
		told := map[string]Update{}
		// The figures of the system come last: then all of the others are there.
		until(t, c, func(u Update) bool { told[u.Channel] = merge(told[u.Channel], u); return u.System != nil })
		for ctx := soon(t); len(told) < 4; {
			u, err := c.Next(ctx)
			require.NoError(t, err)
			told[u.Channel] = merge(told[u.Channel], u)
		}
		assert.Equal(t, Product{ID: "A", Version: Version{1, 10}, Available: 5, Reserved: 2, Sold: 3, Phase: Live, At: moment(1000), Catalogue: Catalogue{SKU: "S", Name: "N",
			Category: "shoes", Price: 9900, Currency: "EUR", Capacity: 10, Start: moment(2000), End: moment(3000)}}, *told["p:A"].Product, "and not the older one")
		assert.Equal(t, Facts{Product: "A", Viewers: 12, PerSecond: 1.25, Known: true, SoldOutFrom: time.Second, SoldOutTo: 2 * time.Second}, *told["p:A"].Facts)
		board := told["c:shoes"]
		assert.Equal(t, []Product{{ID: "B", Version: Version{1, 5}, Available: 1, Sold: 8, Phase: Live, At: moment(2), Catalogue: Catalogue{SKU: "T"}}}, board.Board.Products[len(board.Board.Products)-1:])
		assert.Equal(t, []Facts{{Product: "B", Viewers: 3, PerSecond: 0.5}}, board.Board.Facts)
		assert.Equal(t, Status{"stale", "silence"}, *board.Status)
		assert.Equal(t, []Order{{ID: "O1", Status: "reserved", Total: 9900, Currency: "EUR", ExpiresAt: moment(5000), At: moment(4000)}}, told["o:me"].Orders)
		assert.Equal(t, System{Now: 1, OrdersPerSecond: 2.5, Refused: map[string]float64{"sold_out": 4}, Connections: 3, CPU: 0.42}, *told["sys"].System)
	})
}

// everyKind says one message of each kind to who has subscribed.
func everyKind(a *actor) {
	a.greet()
	a.grant(object{"hz": 5})
	a.say(object{"t": "s", "p": "A", "n": 7, "e": 1, "s": 10, "a": 5, "r": 2, "d": 3, "ph": "live", "ts": 1000, "sku": "S", "name": "N", "category": "shoes",
		"price": 9900, "currency": "EUR", "cap": 10, "start": 2000, "end": 3000, "unknown": []any{1, object{}}})
	a.say(object{"t": "u", "p": "A", "e": 1, "s": 9, "a": 99, "r": 0, "d": 0, "ph": "live", "ts": 900})
	a.say(object{"t": "m", "p": "A", "v": 12, "q": 1.25, "eta": []int{1000, 2000}})
	a.say(object{"t": "s", "c": "c:shoes", "k": 1, "more": true, "i": []object{{"p": "A", "n": 7, "e": 1, "s": 10, "a": 5, "r": 2, "d": 3, "ph": "live", "ts": 1, "sku": "S"}}})
	a.say(object{"t": "s", "c": "c:shoes", "k": 1, "i": []object{{"p": "B", "n": 8, "e": 1, "s": 4, "a": 0, "r": 0, "d": 9, "ph": "sold_out", "ts": 1, "sku": "T"}}})
	a.say(object{"t": "b", "c": "c:shoes", "k": 2, "i": []object{{"p": "A", "gone": true}, {"p": "B", "e": 1, "s": 5, "a": 1, "r": 0, "d": 8, "ph": "live", "ts": 2}}})
	a.say(object{"t": "m", "c": "c:shoes", "i": []object{{"p": "B", "v": 3, "q": 0.5, "eta": nil}}})
	a.say(object{"t": "st", "ch": "c:shoes", "st": "stale", "why": "silence"})
	a.say(object{"t": "o", "ch": "o:me", "o": "O1", "status": "reserved", "total": 9900, "currency": "EUR", "expires_at": 5000, "ts": 4000})
	a.say(object{"t": "zz", "q": 3})
	a.say(object{"t": "sys", "now": 1, "orders_s": 2.5, "refused_s": object{"sold_out": 4}, "connections": 3, "cpu": 0.42})
	a.stay()
}

// merge puts a later update on top of an earlier one, as a caller would.
func merge(earlier, later Update) Update {
	if later.Product == nil {
		later.Product = earlier.Product
	}
	if later.Facts == nil {
		later.Facts = earlier.Facts
	}
	if later.Status == nil {
		later.Status = earlier.Status
	}
	if later.Board == nil {
		later.Board = earlier.Board
	} else if earlier.Board != nil {
		later.Board.Products = append(earlier.Board.Products, later.Board.Products...)
		later.Board.Facts = append(earlier.Board.Facts, later.Board.Facts...)
	}
	return later
}

// In the binary form updates and rows are lists of numbers, and products have the number that
// was told with them.
func TestListsOfNumbersAreUnderstood(t *testing.T) {
	s := newStage(t, Msgpack, func(a *actor) {
		a.greet()
		a.grant(nil)
		a.say(object{"t": "s", "p": "A", "n": 7, "e": 1, "s": 10, "a": 5, "r": 2, "d": 3, "ph": "live", "ts": 1000, "sku": "S"})
		a.say([]any{2, 7, 1, 11, 4, 3, 3, 3, 2000, "more", nil})
		a.say([]any{99, 1})
		a.say([]any{})
		a.say(object{"t": "s", "c": "*", "i": []any{object{"p": "B", "n": 8, "e": 1, "s": 1, "a": 1, "r": 0, "d": 0, "ph": "live", "ts": 1, "sku": "T"}}})
		a.say(object{"t": "b", "c": "*", "i": []any{[]any{8, 1, 2, 0, 1, 0, 2, 5}}})
		a.stay()
	})
	c := run(t, s.options(Msgpack))
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 5}, "p:A", "*"))
	var product *Product
	var row Product
	until(t, c, func(u Update) bool {
		if u.Link != nil {
			require.NoError(t, u.Link.Err)
		}
		if u.Product != nil {
			product = u.Product
		}
		if u.Board != nil && len(u.Board.Products) == 1 {
			row = u.Board.Products[0]
		}
		return product != nil && product.Stock == 11 && row.Stock == 2
	})
	assert.Equal(t, Product{ID: "A", Version: Version{1, 11}, Available: 4, Reserved: 3, Sold: 3, Phase: SoldOut, At: moment(2000), Catalogue: Catalogue{SKU: "S"}}, *product)
	assert.Equal(t, Product{ID: "B", Version: Version{1, 2}, Reserved: 1, Phase: Paused, At: moment(5), Catalogue: Catalogue{SKU: "T"}}, row)
}

// Each command is sent as the protocol has it, and its answer is read.
func TestCommands(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol Protocol) {
		heard := make(chan object, 10)
		s := newStage(t, protocol, func(a *actor) {
			a.greet()
			for _, members := range []object{{"hz": 5}, {"hz": 1}, {"user": "U", "until": 9000},
				{"ch": "p:A", "every": 1000, "at": 60000, "i": [][]int{{9, 1}, {8, 2}}}, {"ch": []any{[]any{"p:A", 0.5}}}, {"sent": 1, "now": 2}, nil} {
				heard <- a.grant(members)
			}
			a.stay()
		})
		c, ctx := run(t, s.options(protocol)), soon(t)
		sent := func() object {
			command := <-heard
			delete(command, "id")
			return command
		}
		require.NoError(t, c.Subscribe(ctx, Subscription{Hertz: 5, Slow: true}, "p:A"))
		assert.EqualValues(t, object{"op": "sub", "ch": []any{"p:A"}, "hz": 5., "m": true}, sent())
		require.NoError(t, c.Rate(ctx, 1))
		assert.EqualValues(t, object{"op": "rate", "ch": []any{"p:A"}, "hz": 1.}, sent())
		user, end, err := c.Authenticate(ctx, "token")
		require.NoError(t, err)
		assert.Equal(t, "U", user)
		assert.Equal(t, moment(9000), end)
		assert.Equal(t, object{"op": "auth", "token": "token"}, sent())
		samples, err := c.History(ctx, "A", 1_000)
		require.NoError(t, err)
		assert.Equal(t, []Sample{{moment(59000), 9, 1}, {moment(60000), 8, 2}}, samples)
		assert.EqualValues(t, 300, toFloat(sent()["n"]))
		list, err := c.List(ctx)
		require.NoError(t, err)
		assert.Equal(t, []Subscribed{{"p:A", 0.5}}, list)
		sent()
		_, _, err = c.Ping(ctx)
		require.NoError(t, err)
		assert.Positive(t, toFloat(sent()["t"]))
		require.NoError(t, c.Unsubscribe(ctx, "p:A"))
		assert.Equal(t, object{"op": "unsub", "ch": []any{"p:A"}}, sent())
	})
}

// toFloat is a number of either form.
func toFloat(value any) float64 {
	switch number := value.(type) {
	case float64:
		return number
	case int64:
		return float64(number)
	case uint64:
		return float64(number)
	case int8:
		return float64(number)
	case uint16:
		return float64(number)
	case int16:
		return float64(number)
	case uint32:
		return float64(number)
	}
	return -1
}

// What the server says at the end decides whether and how the client comes back.
func TestTheEndOfAConnection(t *testing.T) {
	closing := func(code int, bye object) func(*actor) {
		return func(a *actor) {
			a.greet()
			if bye != nil {
				bye["t"], bye["code"] = "bye", code
				a.say(bye)
			}
			a.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "why"), time.Now().Add(patience))
			a.stay()
		}
	}
	staying := func(a *actor) { a.greet(); a.stay() }
	for name, test := range map[string]struct {
		play  func(*actor)
		final bool
	}{
		"abuse":                  {closing(4003, object{"why": "w", "retry": nil}), true},
		"abuse without a bye":    {closing(4003, nil), true},
		"too big":                {closing(1009, nil), true},
		"not to come back":       {closing(4103, object{"retry": nil}), true},
		"an unexpected error":    {closing(4103, object{"retry": []int{1, 2}}), false},
		"a restart":              {closing(4200, object{"retry": []int{0, 2}}), false},
		"an abrupt end":          {closing(1001, object{"retry": []int{0, 1}}), false},
		"no close at all":        {func(a *actor) { a.greet(); a.UnderlyingConn().Close() }, false},
		"a message that is none": {func(a *actor) { a.greet(); a.WriteMessage(websocket.TextMessage, []byte(`{"t":1}`)); a.stay() }, false},
		"the other form":         {func(a *actor) { a.greet(); a.WriteMessage(websocket.BinaryMessage, []byte{0x80}); a.stay() }, false},
		"a board without an end": {func(a *actor) {
			a.greet()
			a.WriteMessage(websocket.TextMessage, make([]byte, messageBytesMax+1))
			a.stay()
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := New(newStage(t, JSON, test.play, staying).options(JSON))
			ended := make(chan error, 1)
			ctx := soon(t)
			go func() { ended <- c.Run(ctx) }()
			if test.final {
				var closed *CloseError
				require.ErrorAs(t, <-ended, &closed)
				_, err := c.Next(ctx)
				for ; err == nil; _, err = c.Next(ctx) {
				}
				require.ErrorIs(t, err, ErrEnded)
				return
			}
			lost := until(t, c, func(u Update) bool { return u.Link != nil && !u.Link.Connected })
			require.Error(t, lost.Link.Err)
			until(t, c, func(u Update) bool { return u.Link != nil && u.Link.Connected })
		})
	}
}

// A server that is silent is left, and so is one that does not say hello.
func TestASilentServerIsLeft(t *testing.T) {
	s := newStage(t, JSON, func(a *actor) { a.stay() }, func(a *actor) { a.greet(); a.stay() })
	options := s.options(JSON)
	options.SilenceMax = 50 * time.Millisecond
	c := run(t, options)
	for range 2 {
		require.ErrorIs(t, until(t, c, func(u Update) bool { return u.Link != nil && !u.Link.Connected }).Link.Err, errSilent)
	}
}

// A command that comes too fast is sent again after the pause that the server asks for.
func TestARefusalThatPassesIsTriedAgain(t *testing.T) {
	s := newStage(t, JSON, func(a *actor) {
		a.greet()
		command := a.hear()
		a.say(object{"t": "err", "id": command["id"], "code": 111, "msg": "Too many commands.", "temp": true, "after_ms": 1})
		a.grant(nil)
		a.stay()
	})
	c := run(t, s.options(JSON))
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 1}, "p:A"))
}

// An access token goes with the upgrade, and another one in time before it ends.
func TestATokenIsRenewed(t *testing.T) {
	renewed := make(chan any, 1)
	s := newStage(t, JSON, func(a *actor) {
		a.greet()
		a.say(object{"t": "st", "st": "expiring", "until": 1})
		renewed <- a.grant(nil)["token"]
		a.stay()
	})
	options, asked := s.options(JSON), 0
	options.Token = func(context.Context) (string, error) { asked++; return fmt.Sprintf("token-%d", asked), nil }
	run(t, options)
	require.Equal(t, "token-2", <-renewed)
	s.lock.Lock()
	defer s.lock.Unlock()
	require.Equal(t, "Bearer token-1", s.header[0].Get("Authorization"))
}

// A ticket goes with the address, another one with each connection, and whoever gets none is
// not let in but tries again.
func TestATicketOpensAConnectionOnce(t *testing.T) {
	s := newStage(t, JSON, func(a *actor) { a.greet(); a.UnderlyingConn().Close() }, func(a *actor) { a.greet(); a.stay() })
	options, asked := s.options(JSON), 0
	options.Ticket = func(context.Context) (string, error) {
		if asked++; asked == 2 {
			return "", errors.New("no ticket")
		}
		return fmt.Sprintf("a/%d", asked), nil
	}
	run(t, options)
	require.Eventually(t, func() bool { s.lock.Lock(); defer s.lock.Unlock(); return len(s.asked) == 2 }, patience, time.Millisecond)
	s.lock.Lock()
	defer s.lock.Unlock()
	require.Equal(t, []string{"/api/ws?ticket=a%2F1", "/api/ws?ticket=a%2F3"}, s.asked)
}

// A channel that is gone is told, and can be asked for again.
func TestAChannelEnds(t *testing.T) {
	s := newStage(t, JSON, func(a *actor) {
		a.greet()
		a.grant(nil)
		a.say(object{"t": "st", "ch": "p:A", "st": "gone", "why": "deleted"})
		a.grant(nil)
		a.stay()
	})
	c := run(t, s.options(JSON))
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 1}, "p:A"))
	require.Equal(t, Status{StateGone, "deleted"}, *until(t, c, func(u Update) bool { return u.Status != nil }).Status)
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 1}, "p:A"))
}
