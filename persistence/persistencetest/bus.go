package persistencetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// BusPlace is two ends of a bus on which nothing was published: what is published at one
// is told at the other. They may be the same.
type BusPlace struct{ Publisher, Subscriber persistence.Bus }

// RunBus runs the suite of [persistence.Bus]. newPlace makes a bus, which it closes when
// the test ends.
func RunBus(t *testing.T, newPlace func(t *testing.T) BusPlace) {
	tests := []struct {
		name string
		test func(*testing.T, BusPlace)
	}{
		{"BusTellsTheLastStates", testBusTellsTheLastStates},
		{"BusNeverGoesBack", testBusNeverGoesBack},
		{"BusTellsRules", testBusTellsRules},
		{"BusTellsOnlyWhatFits", testBusTellsOnlyWhatFits},
		{"BusLateSubscriber", testBusLateSubscriber},
		{"BusSlowSubscriber", testBusSlowSubscriber},
		{"BusTellsOwnStates", testBusTellsOwnStates},
		{"BusEnds", testBusEnds},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.test(t, newPlace(t)) })
	}
}

// BusProduct is the ID of a numbered product.
func BusProduct(number int) (id inventory.ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(number)) // #nosec G115 -- test numbers are small
	return id
}

// BusState is a state whose quantities follow from its version, with first rules.
func BusState(number int, epoch uint32, version uint64) persistence.StockState {
	return BusRevised(number, epoch, version, 1)
}

// BusRevised is a state whose quantities follow from its version, and its rules from their
// revision.
func BusRevised(number int, epoch uint32, version, revision uint64) persistence.StockState {
	v, r := int64(version), int64(revision) // #nosec G115 -- test numbers are small
	rules := &inventory.Product{ID: BusProduct(number), SKU: fmt.Sprintf("SKU-%d", number), Name: fmt.Sprintf("Product %d–%d", number, revision),
		Category: fmt.Sprintf("category-%d", number%7), Price: inventory.Money{Minor: 100 + r, Currency: inventory.Currency{'E', 'U', 'R'}},
		SaleStartsAt: inventory.Instant(r), SaleEndsAt: inventory.Instant(r%2) * inventory.Second, Paused: r%2 == 0, Deleted: r%3 == 0}
	return persistence.StockState{Product: rules.ID, Rules: rules, Epoch: epoch, Version: version, Revision: revision,
		Available: 1000 - v, Reserved: v, Sold: 2 * v, At: inventory.Instant(v) * inventory.Second}
}

// SameState reports whether two states say the same, also when their rules are two values.
func SameState(one, other persistence.StockState) bool {
	if one.Rules == nil || other.Rules == nil || *one.Rules != *other.Rules {
		return false
	}
	one.Rules, other.Rules = nil, nil
	return one == other
}

// BusView is what a subscriber knows: it follows a subscription and judges it.
type BusView struct {
	t      testing.TB
	mutex  sync.Mutex
	states map[inventory.ID]persistence.StockState
	owners map[inventory.ID]persistence.Publisher
	fresh  map[persistence.Publisher]bool
	events map[persistence.BusEventKind]int
}

// WatchBus follows a bus until the test ends.
func WatchBus(t testing.TB, bus persistence.Bus) *BusView {
	subscription, err := bus.Subscribe()
	require.NoError(t, err)
	view := &BusView{t: t, states: make(map[inventory.ID]persistence.StockState), owners: make(map[inventory.ID]persistence.Publisher),
		fresh: make(map[persistence.Publisher]bool), events: make(map[persistence.BusEventKind]int)}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		for {
			event, err := subscription.Next(ctx)
			if err != nil {
				return
			}
			view.take(event)
		}
	})
	t.Cleanup(func() {
		cancel()
		group.Wait()
		subscription.Close()
	})
	return view
}

func (v *BusView) take(event persistence.BusEvent) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.events[event.Kind]++
	switch event.Kind {
	case persistence.BusBatch:
		if len(event.States) == 0 || len(event.States) > persistence.BusStatesMax {
			v.t.Errorf("a batch of %d states", len(event.States))
		}
		for _, state := range event.States {
			before, known := v.states[state.Product]
			if known && (before.StockAfter(&state) || v.owners[state.Product] == event.Publisher && before.After(&state)) {
				v.t.Errorf("%+v after %+v", state, before)
			}
			if state.Rules == nil || known && *state.Rules == *before.Rules && state.Rules != before.Rules {
				v.t.Errorf("the rules are told again as others: %+v after %+v", state, before)
			}
			v.states[state.Product], v.owners[state.Product] = state, event.Publisher
		}
	case persistence.BusStale, persistence.BusFresh:
		v.fresh[event.Publisher] = event.Kind == persistence.BusFresh
	default:
		v.t.Errorf("an event of kind %d", event.Kind)
	}
}

// Has reports whether the view has these states and no others.
func (v *BusView) Has(states map[inventory.ID]persistence.StockState) bool {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return maps.EqualFunc(v.states, states, SameState)
}

// State returns the last state of a product that was told, and whether one was.
func (v *BusView) State(product inventory.ID) (state persistence.StockState, told bool) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	state, told = v.states[product]
	return state, told
}

// IsFresh reports whether the publisher to which a product belongs is fresh.
func (v *BusView) IsFresh(product inventory.ID) bool {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return v.fresh[v.owners[product]]
}

// Fresh returns how many publishers are fresh, and how many stale.
func (v *BusView) Fresh() (fresh, stale int) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	for _, is := range v.fresh {
		if is {
			fresh++
		} else {
			stale++
		}
	}
	return fresh, stale
}

// Events returns how many events of a kind there were.
func (v *BusView) Events(kind persistence.BusEventKind) int {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return v.events[kind]
}

const (
	busWait  = 20 * time.Second
	busPause = 5 * time.Millisecond
)

func (v *BusView) awaitStates(t *testing.T, states map[inventory.ID]persistence.StockState) {
	t.Helper()
	require.Eventually(t, func() bool { return v.Has(states) }, busWait, busPause)
}

func testBusTellsTheLastStates(t *testing.T, place BusPlace) {
	const products, versions = 1500, 4
	view := WatchBus(t, place.Subscriber)
	last := make(map[inventory.ID]persistence.StockState)
	for version := range versions {
		for number := range products {
			state := BusState(number, 1, uint64(version*number+1)) // #nosec G115 -- small
			place.Publisher.Publish(state)
			last[state.Product] = state
		}
	}
	view.awaitStates(t, last)
	require.Eventually(t, func() bool {
		_, stale := view.Fresh()
		return view.Events(persistence.BusFresh) > 0 && stale == 0
	}, busWait, busPause)
	require.Equal(t, products, place.Subscriber.Statistics().Products)
}

func testBusNeverGoesBack(t *testing.T, place BusPlace) {
	view := WatchBus(t, place.Subscriber)
	steps := []struct {
		published persistence.StockState
		news      bool
	}{
		{BusState(1, 2, 10), true},
		{BusState(1, 2, 9), false},
		{BusState(1, 2, 10), false},
		{BusState(1, 1, 99), false},
		{BusState(1, 2, 11), true},
		{BusState(1, 3, 1), true},
		{BusState(1, 2, 12), false},
	}
	known := persistence.StockState{}
	for number, step := range steps {
		place.Publisher.Publish(step.published)
		if step.news {
			known = step.published
		}
		// Another product shows that what was published before has been told.
		mark := BusState(100+number, 1, 1)
		place.Publisher.Publish(mark)
		require.Eventually(t, func() bool {
			view.mutex.Lock()
			defer view.mutex.Unlock()
			_, told := view.states[mark.Product]
			return told && SameState(view.states[known.Product], known)
		}, busWait, busPause, "step %d", number)
	}
}

func testBusLateSubscriber(t *testing.T, place BusPlace) {
	last := make(map[inventory.ID]persistence.StockState)
	first := WatchBus(t, place.Subscriber)
	for number := range 700 {
		state := BusState(number, 1, 5)
		place.Publisher.Publish(state)
		last[state.Product] = state
	}
	first.awaitStates(t, last)
	WatchBus(t, place.Subscriber).awaitStates(t, last)
}

// A subscriber that does not ask costs nobody anything, and then is told each product
// once.
func testBusSlowSubscriber(t *testing.T, place BusPlace) {
	const products, versions = 200, 500
	slow, err := place.Subscriber.Subscribe()
	require.NoError(t, err)
	defer slow.Close()
	quick := WatchBus(t, place.Subscriber)
	last := make(map[inventory.ID]persistence.StockState)
	for version := range versions {
		for number := range products {
			state := BusState(number, 1, uint64(version+1)) // #nosec G115 -- small
			place.Publisher.Publish(state)
			last[state.Product] = state
		}
		if version == versions/2 {
			quick.awaitStates(t, last) // what comes from now on is too much for the slow one
		}
	}
	quick.awaitStates(t, last)
	told := make(map[inventory.ID]persistence.StockState)
	for len(told) < products {
		event, err := slow.Next(t.Context())
		require.NoError(t, err)
		for _, state := range event.States {
			require.NotContains(t, told, state.Product, "a product was told twice")
			told[state.Product] = state
		}
	}
	require.Equal(t, last, told)
	require.NotZero(t, place.Subscriber.Statistics().Conflated)
}

// What a process publishes it hears itself, whatever becomes of a server.
func testBusTellsOwnStates(t *testing.T, place BusPlace) {
	view := WatchBus(t, place.Publisher)
	state := BusState(1, 1, 1)
	place.Publisher.Publish(state)
	view.awaitStates(t, map[inventory.ID]persistence.StockState{state.Product: state})
	fresh, _ := view.Fresh()
	require.Positive(t, fresh) // the other process may be heard already
	require.EqualValues(t, 1, place.Publisher.Statistics().Published)
}

func testBusEnds(t *testing.T, place BusPlace) {
	var all []persistence.Subscription
	for range persistence.BusSubscriptionsMax {
		one, err := place.Subscriber.Subscribe()
		require.NoError(t, err)
		all = append(all, one)
	}
	_, err := place.Subscriber.Subscribe()
	require.ErrorIs(t, err, persistence.ErrSubscriptions)
	all[0].Close()
	_, err = all[0].Next(t.Context())
	require.ErrorIs(t, err, persistence.ErrBusClosed)
	again, err := place.Subscriber.Subscribe()
	require.NoError(t, err)
	waits, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	for err == nil {
		_, err = again.Next(waits)
	}
	require.ErrorIs(t, err, context.Canceled)
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = all[1].Next(context.Background())
		}
		ended <- err
	}()
	require.NoError(t, place.Subscriber.Close())
	require.ErrorIs(t, <-ended, persistence.ErrBusClosed)
	_, err = place.Subscriber.Subscribe()
	require.ErrorIs(t, err, persistence.ErrBusClosed)
}
