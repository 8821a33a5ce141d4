package hints

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"holdfast/inventory"
	"holdfast/persistence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ready returns the next event, if there is one now.
func ready(s persistence.Subscription) (persistence.BusEvent, bool) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	event, err := s.Next(ctx)
	return event, err == nil
}

func state(number byte, epoch uint32, version uint64) persistence.StockState {
	id := inventory.ID{15: number}
	return persistence.StockState{Product: id, Rules: &inventory.Product{ID: id}, Epoch: epoch, Version: version}
}

// TestASubscriptionKnowsWhatTheHubKnows does anything with two publishers and a few
// products. Whoever asks to the end then knows what the hub knows, has never gone back,
// and has not been told that a publisher is fresh before what it had published.
func TestASubscriptionKnowsWhatTheHubKnows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hub := NewHub()
		subscription, err := hub.Subscribe()
		require.NoError(t, err)
		told, fresh := map[inventory.ID]persistence.StockState{}, map[persistence.Publisher]bool{}
		// due is what a publisher had put when it became fresh for the last time.
		due, put := map[persistence.Publisher]map[inventory.ID]uint64{}, map[persistence.Publisher]map[inventory.ID]uint64{1: {}, 2: {}}
		drain := func(events int) {
			for range events {
				event, is := ready(subscription)
				if !is {
					return
				}
				for _, state := range event.States {
					before := told[state.Product]
					// The same version again says that the product belongs to another publisher now.
					require.False(t, before.StockAfter(&state), "%v after %v", state, before)
					told[state.Product] = state
				}
				if event.Kind == persistence.BusFresh {
					for product, version := range due[event.Publisher] {
						require.GreaterOrEqual(t, told[product].Version, version, "fresh was told first")
					}
				}
				if event.Kind != persistence.BusBatch {
					fresh[event.Publisher] = event.Kind == persistence.BusFresh
				}
			}
		}
		publisher := rapid.SampledFrom([]persistence.Publisher{1, 2})
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				from := publisher.Draw(t, "publisher")
				one := state(rapid.Byte().Draw(t, "product")%6, 1, rapid.Uint64Range(1, 30).Draw(t, "version"))
				hub.Put(from, []persistence.StockState{one}, func(s *persistence.StockState) { put[from][s.Product] = s.Version })
			},
			"fresh": func(t *rapid.T) {
				from := publisher.Draw(t, "publisher")
				if !hub.publishers[from] {
					due[from] = map[inventory.ID]uint64{}
					for product, version := range put[from] {
						due[from][product] = version
					}
				}
				hub.SetFresh(from, true)
			},
			"stale":  func(t *rapid.T) { hub.SetFresh(publisher.Draw(t, "publisher"), false) },
			"forget": func(t *rapid.T) { hub.Forget(publisher.Draw(t, "publisher")) },
			"drain":  func(t *rapid.T) { drain(rapid.IntRange(1, 3).Draw(t, "events")) },
		})
		drain(1000)
		require.Len(t, told, len(hub.products))
		for product, known := range hub.products {
			require.Equal(t, known.state, told[product])
		}
		for publisher, is := range hub.publishers {
			require.Equal(t, is, fresh[publisher])
		}
		for publisher, is := range fresh {
			require.Equal(t, hub.publishers[publisher], is, "a publisher that was forgotten is fresh")
		}
	})
}

// However often publishers come and go, a subscriber that does not ask costs the same.
func TestTheQueueIsBounded(t *testing.T) {
	hub := NewHub()
	one, err := hub.Subscribe()
	require.NoError(t, err)
	for number := range 100_000 {
		hub.SetFresh(1, number%2 == 0)
		another := persistence.Publisher(number + 2) // #nosec G115 -- small
		hub.SetFresh(another, true)
		hub.Forget(another)
		hub.Put(1, []persistence.StockState{state(byte(number%10), 1, uint64(number+1))}, nil) // #nosec G115 -- small
	}
	require.Less(t, len(one.(*subscription).queue), 2*compactMin)
	events := 0
	for _, is := ready(one); is; _, is = ready(one) {
		events++
	}
	require.Less(t, events, 20)
}

// A publisher that was forgotten is stale, and nothing is left of it.
func TestAForgottenPublisherIsStale(t *testing.T) {
	hub := NewHub()
	one, err := hub.Subscribe()
	require.NoError(t, err)
	hub.SetFresh(7, true)
	event, _ := ready(one)
	require.Equal(t, persistence.BusFresh, event.Kind)
	hub.Forget(7)
	event, _ = ready(one)
	require.Equal(t, persistence.BusEvent{Kind: persistence.BusStale, Publisher: 7}, event)
	require.Empty(t, one.(*subscription).status)
	hub.SetFresh(8, false)
	_, is := ready(one)
	require.True(t, is)
	hub.Forget(8)
	require.Empty(t, one.(*subscription).status)
}

// A publisher that was forgotten and is heard again is told as it is now: what was taken
// back before stays so. It used to be told in place of the new one, which has its number.
func TestAForgottenPublisherComesBack(t *testing.T) {
	hub := NewHub()
	one, err := hub.Subscribe()
	require.NoError(t, err)
	hub.SetFresh(7, false)
	_, is := ready(one)
	require.True(t, is)
	hub.SetFresh(7, true) // and nobody asks
	hub.Forget(7)
	hub.SetFresh(7, false)
	missed := []persistence.StockState{state(1, 1, 1)}
	hub.Put(7, missed, nil)
	hub.SetFresh(7, true)
	var told []persistence.BusEventKind
	for event, is := ready(one); is; event, is = ready(one) {
		told = append(told, event.Kind)
	}
	require.Equal(t, []persistence.BusEventKind{persistence.BusStale, persistence.BusBatch, persistence.BusFresh}, told)
}

// A product belongs to who told of it last: also to one who knows no more than the one
// before, at another moment, and before anybody noticed that the one before has ended. It
// used to be stale with that one until its stock changed.
func TestAProductMoves(t *testing.T) {
	hub := NewHub()
	one, err := hub.Subscribe()
	require.NoError(t, err)
	told := func() persistence.BusEvent {
		for {
			event, is := ready(one)
			require.True(t, is)
			if event.Kind == persistence.BusBatch {
				return event
			}
		}
	}
	before, after := state(1, 1, 1), state(1, 1, 1)
	after.At = inventory.Second
	hub.SetFresh(1, true)
	hub.Put(1, []persistence.StockState{before}, nil)
	require.EqualValues(t, 1, told().Publisher)
	moved := 0
	hub.Put(2, []persistence.StockState{after}, func(*persistence.StockState) { moved++ })
	event := told()
	require.EqualValues(t, 2, event.Publisher)
	require.Equal(t, []persistence.StockState{after}, event.States)
	require.Equal(t, 1, moved, "who took it over has nothing to tell others")
	hub.Put(2, []persistence.StockState{before}, nil)
	_, is := ready(one)
	require.False(t, is, "the same publisher has told nothing new")
}

// Next wakes up for what comes while it waits.
func TestNextWaits(t *testing.T) {
	hub := NewHub()
	one, err := hub.Subscribe()
	require.NoError(t, err)
	time.AfterFunc(10*time.Millisecond, func() { hub.Put(1, []persistence.StockState{state(1, 1, 1)}, nil) })
	event, err := one.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []persistence.StockState{state(1, 1, 1)}, event.States)
	time.AfterFunc(10*time.Millisecond, hub.Close)
	_, err = one.Next(t.Context())
	require.ErrorIs(t, err, persistence.ErrBusClosed)
}

// A state that names the rules by their revision has those that its publisher has told with
// it, and no others; one that nobody can complete is left out, and later ones are not.
func TestRulesAreNamedByTheirRevision(t *testing.T) {
	hub := NewHub()
	put := func(from persistence.Publisher, version, revision uint64, rules *inventory.Product) (lacking int) {
		one := state(1, 1, version)
		one.Revision, one.Rules = revision, rules
		return hub.Put(from, []persistence.StockState{one}, nil)
	}
	known := func() (uint64, *inventory.Product) {
		product := hub.products[inventory.ID{15: 1}]
		return product.state.Version, product.state.Rules
	}
	first, second := &inventory.Product{SKU: "first"}, &inventory.Product{SKU: "second"}
	require.Equal(t, 1, put(7, 1, 1, nil), "nothing is known")
	require.Empty(t, hub.products)
	require.Zero(t, put(7, 1, 1, first))
	require.Zero(t, put(7, 2, 1, nil))
	version, rules := known()
	require.EqualValues(t, 2, version)
	require.Same(t, first, rules)
	require.Equal(t, 1, put(7, 3, 2, nil), "these rules were not told")
	require.Equal(t, 1, put(8, 3, 1, nil), "another publisher's revisions are others")
	require.Zero(t, put(7, 1, 2, nil), "what is old needs no rules")
	version, _ = known()
	require.EqualValues(t, 2, version)
	require.Zero(t, put(7, 3, 2, second))
	copied := *second
	require.Zero(t, put(8, 3, 1, &copied), "the product moves, and its rules stay the same value")
	version, rules = known()
	require.EqualValues(t, 3, version)
	require.Same(t, second, rules)
}
