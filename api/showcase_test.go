package api

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/api/ticker"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/local"
	"holdfast/persistence/persistencetest"
)

// showStand is a server that shows what a bus tells, and whose database must not be asked.
type showStand struct {
	*socketStand
	bus     *local.Bus
	board   *ticker.BusBoard
	unready atomic.Pointer[error]
}

func newShowStand(t *testing.T, changes ...func(*Options)) *showStand {
	t.Helper()
	s := &showStand{bus: local.NewBus()}
	subscription, err := s.bus.Subscribe()
	require.NoError(t, err)
	s.board = ticker.NewBusBoard(subscription)
	followed := make(chan error, 1)
	go func() { followed <- s.board.Follow(context.Background()) }()
	t.Cleanup(func() {
		require.NoError(t, s.bus.Close())
		require.ErrorIs(t, <-followed, persistence.ErrBusClosed)
	})
	unready := func() error {
		if err := s.unready.Load(); err != nil {
			return *err
		}
		return nil
	}
	s.socketStand = newSocketStand(t, append(changes, onSystemClock, func(o *Options) {
		o.Engine, o.Showcase = nil, &Showcase{Board: s.board, Unready: unready}
	})...)
	s.server.store = nil // whoever asks it panics, and is answered 500
	return s
}

// tell publishes a state and waits until it is shown.
func (s *showStand) tell(state persistence.StockState) {
	s.t.Helper()
	s.bus.Publish(state)
	require.Eventually(s.t, func() bool {
		shown, known := s.board.Read(state.Product)
		return known && shown.Stock.Version == state.Version && *shown.Rules == *state.Rules
	}, socketPatience, tickOfStand)
}

const tickOfStand = time.Millisecond

// A showcase shows what the bus tells, before and after it is watched, and with changes of
// rules alone.
func TestAShowcaseShowsWhatTheBusTells(t *testing.T) {
	s := newShowStand(t)
	s.refused(503, "starting", "")
	state := persistencetest.BusRevised(7, 3, 5, 1)
	s.tell(state)
	watcher := s.open("")
	frame := watcher.watch(state.Product.String())
	require.Equal(t, []any{"s", 3., 5., float64(state.Available), float64(state.Reserved), float64(state.Sold), "SKU-7", 101.},
		[]any{frame["t"], frame["e"], frame["s"], frame["a"], frame["r"], frame["d"], frame["sku"], frame["price"]})
	s.tell(persistencetest.BusRevised(7, 3, 6, 1))
	require.Equal(t, 6., watcher.read()["s"])
	s.tell(persistencetest.BusRevised(7, 3, 6, 5))
	frame = watcher.read()
	require.Equal(t, []any{6., 105.}, []any{frame["s"], frame["price"]})
	// While the owner of a later epoch has not told of a product yet, it stays as it was.
	s.tell(persistencetest.BusRevised(8, 4, 1, 1))
	s.tell(persistencetest.BusRevised(7, 4, 2, 5))
	frame = watcher.read()
	require.Equal(t, []any{4., 2.}, []any{frame["e"], frame["s"]})
}

// All that a showcase does not do is not found, and the answer says who does it. What it
// does needs no database.
func TestAShowcaseDoesNothingElse(t *testing.T) {
	s := newShowStand(t)
	for _, row := range routeTable() {
		if row.path == "/api/ws" || row.path == "/livez" || row.path == "/readyz" {
			continue
		}
		got := s.do(call{method: row.method, path: row.path, token: s.admin})
		require.Equal(t, 404, got.status, row.path)
		require.Contains(t, got.text("detail"), "HOLDFAST_ROLE=all", row.path)
	}
	require.Equal(t, 200, s.do(call{method: "GET", path: "/livez"}).status)
	require.Equal(t, 405, s.do(call{method: "POST", path: "/readyz"}).status)
	require.Equal(t, 503, s.do(call{method: "GET", path: "/api/ws"}).status, "nothing is known yet")
}

// A showcase is ready when what it shows is so, and says why it is not.
func TestAShowcaseIsReadyWhenItKnows(t *testing.T) {
	s := newShowStand(t)
	require.Equal(t, map[string]any{"name": "keyframe", "status": "ok"}, s.checkOf(t, 200, "keyframe"))
	reason := errors.New("nobody was heard for 4.0 s")
	s.unready.Store(&reason)
	require.Equal(t, map[string]any{"name": "keyframe", "status": "failed", "detail": reason.Error()}, s.checkOf(t, 503, "keyframe"))
	require.Equal(t, map[string]any{"status": "not_ready"}, s.do(call{method: "GET", path: "/readyz"}).json)
	s.unready.Store(nil)
	require.Equal(t, 200, s.do(call{method: "GET", path: "/readyz"}).status)
	s.server.SetStopping()
	require.Equal(t, "failed", s.checkOf(t, 503, "server")["status"])
}

// A showcase knows whose an access token is when it has the key, and nobody else: who
// says who it is where that cannot be known is refused, and told what to do.
func TestAShowcaseKnowsTokensOnly(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*Options)
		token   int
		refusal string
	}{
		"with the key":    {func(*Options) {}, 101, "does not know API keys"},
		"without the key": {func(o *Options) { o.SigningKey = nil }, 403, "has no signing key"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShowStand(t, c.change)
			s.tell(persistencetest.BusState(1, 1, 1))
			s.open("").alive()
			got := s.refused(403, "forbidden", "?ticket=abc")
			require.Contains(t, got.text("detail"), "the process that has made it")
			got = s.refused(403, "forbidden", "", "Authorization", "Bearer "+s.service)
			require.Contains(t, got.text("detail"), c.refusal)
			if c.token == 101 {
				s.open("", "Authorization", "Bearer "+s.customer).alive()
				s.refused(401, "unauthorized", "", "Authorization", "Bearer "+s.customer+"x")
				s.refused(401, "unauthorized", "", "Authorization", "Bearer ")
			} else {
				s.refused(403, "forbidden", "", "Authorization", "Bearer "+s.customer)
			}
		})
	}
}

// A product that is not told of is none, and a frame has the phase of the moment of those
// that are.
func TestAShowcaseKnowsPhases(t *testing.T) {
	s := newShowStand(t)
	state := persistencetest.BusRevised(1, 1, 1, 1)
	state.Rules.SaleStartsAt, state.Rules.SaleEndsAt = s.server.clock.Now()+inventory.Second/2, 0
	s.tell(state)
	watcher := s.open("")
	watcher.send(`{"id":1,"op":"sub","ch":["p:` + persistencetest.BusProduct(9).String() + `"]}`)
	require.Equal(t, 102., watcher.read()["code"])
	require.Equal(t, "scheduled", watcher.watch(state.Product.String())["ph"])
	require.Equal(t, "live", watcher.read()["ph"], "a sale that begins by itself is not shown")
}
