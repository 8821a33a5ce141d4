package actors

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/sqlite"
)

// lapsingStore is a database whose standby takes over: it has the first transactions only.
type lapsingStore struct {
	persistence.Store
	standby atomic.Pointer[sqlite.Store]
	// away lets the projection fail.
	away atomic.Bool
}

func (s *lapsingStore) now() persistence.Store {
	if standby := s.standby.Load(); standby != nil {
		return standby
	}
	return s.Store
}

func (s *lapsingStore) Position(ctx context.Context) (persistence.Position, error) {
	return s.now().Position(ctx)
}

func (s *lapsingStore) Project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	if s.away.Load() {
		return errAway
	}
	return s.now().Project(ctx, from, to, records)
}

func (s *lapsingStore) OrderByID(ctx context.Context, id inventory.ID) (inventory.Order, error) {
	return s.now().OrderByID(ctx, id)
}

func (s *lapsingStore) KeyByFingerprint(ctx context.Context, key inventory.Fingerprint) (persistence.IdempotencyKey, error) {
	return s.now().KeyByFingerprint(ctx, key)
}

// remember returns what lets the database fall back to where it is now, while it takes
// nothing.
func (s *lapsingStore) remember(h *house) (lapse func()) {
	h.awaitProjection()
	path := filepath.Join(h.t.TempDir(), "standby.db")
	_, _, err := sqlite.Backup(context.Background(), h.path, path)
	require.NoError(h.t, err)
	standby, err := sqlite.Open(context.Background(), path)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { require.NoError(h.t, standby.Close()) })
	return func() {
		h.awaitProjection()
		s.away.Store(true)
		s.standby.Store(standby)
	}
}

// A database that has lost its last transactions knows nothing of orders and keys that
// memory has left to it. Until it has them again, which it gets without anybody's order,
// it is not believed: no key makes a second order, no order ships twice, none is said not
// to exist.
func TestWhatADatabaseHasLostIsNotDecidedAgain(t *testing.T) {
	for name, nudge := range map[string]func(h *house, request *PlaceOrder, order inventory.ID) inventory.Refusal{
		"a repeat": func(h *house, request *PlaceOrder, _ inventory.ID) inventory.Refusal {
			reply, refusal := h.engine.PlaceOrder(request)
			require.True(h.t, refusal.Refused() || reply.Replayed, "a second order of one key")
			return refusal
		},
		"a change": func(h *house, _ *PlaceOrder, order inventory.ID) inventory.Refusal {
			_, refusal := h.move(inventory.OrderFulfilled, order, h.key(), false)
			require.True(h.t, refusal.Refused(), "shipped twice")
			if refusal.Code == inventory.CodeInvalidTransition {
				refusal = inventory.Refusal{}
			}
			return refusal
		},
		"a read": func(h *house, request *PlaceOrder, order inventory.ID) inventory.Refusal {
			_, refusal := h.engine.Order(h.t.Context(), order, request.Customer)
			return refusal
		},
		"a read by key": func(h *house, request *PlaceOrder, _ inventory.ID) inventory.Refusal {
			_, refusal := h.engine.OrderByKey(h.t.Context(), request.Customer, request.Key)
			return refusal
		},
	} {
		for _, lost := range []string{"the order", "its shipment"} {
			if lost == "its shipment" && name != "a change" {
				continue // the rest is there
			}
			t.Run(name+" without "+lost, func(t *testing.T) {
				store := &lapsingStore{}
				h := newHouse(t, quietly, func(o *Options) { store.Store, o.Store = o.Store, store })
				customer, product := h.customer(), h.product(10)
				lapse := store.remember(h)
				request := orderOf(customer, h.key(), product, 2)
				reply, refusal := h.engine.PlaceOrder(request)
				require.Equal(t, inventory.Refusal{}, refusal)
				order := reply.Order.ID
				_, refusal = h.change(inventory.OrderConfirmed, order, customer, customer)
				require.Equal(t, inventory.Refusal{}, refusal)
				if lost == "its shipment" {
					lapse = store.remember(h)
				}
				_, refusal = h.move(inventory.OrderFulfilled, order, h.key(), false)
				require.Equal(t, inventory.Refusal{}, refusal)
				lapse()
				for range 3 {
					require.Equal(t, refusedStoreUnavailable, nudge(h, request, order))
				}
				store.away.Store(false)
				require.Eventually(t, func() bool { return !nudge(h, request, order).Refused() }, waitMax, waitStep)
				h.awaitProjection()
				require.Nil(t, h.failed.Load())
				require.EqualValues(t, 4, h.journal.DurableSequence(), "something was decided again")
				require.Equal(t, h.engine.appendedBytes.Load(), h.engine.projector.bytes.Load())
			})
		}
	}
}
