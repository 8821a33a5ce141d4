package redis

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/hints"
	"holdfast/persistence/persistencetest"
)

// newFollower returns one that hears what a test gives it; its server is not there.
func newFollower(t *testing.T) (*follower, *clock.Manual) {
	manual := clock.NewManual(inventory.Second)
	server, err := Open(Options{URL: "redis://127.0.0.1:1/0", Clock: manual, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	bus := &Bus{server: server, hub: hints.NewHub(), self: 1}
	return &follower{bus: bus, publishers: make(map[persistence.Publisher]*followed)}, manual
}

func (f *follower) give(m *message) { f.hear(context.Background(), f.bus.server.seal.sealMessage(m)) }

// introduce makes a publisher known of which nothing was missed up to a batch.
func (f *follower) introduce(publisher persistence.Publisher, sequence uint64) {
	one := f.publisher(publisher)
	one.sequence, one.lost = sequence, false
	f.setFresh(one, publisher, true)
}

func TestGapsAreTold(t *testing.T) {
	f, _ := newFollower(t)
	stale := func() int { return f.bus.Statistics().Stale }
	f.introduce(7, 0)
	f.give(&message{kind: batch, publisher: 7, sequence: 1, states: []persistence.StockState{persistencetest.BusState(1, 1, 1)}})
	f.give(&message{kind: beacon, publisher: 7, sequence: 1, parts: 1})
	require.Zero(t, stale())
	require.Zero(t, f.bus.Statistics().Gaps)
	f.give(&message{kind: batch, publisher: 7, sequence: 1})
	require.Zero(t, stale(), "a message that came twice is no gap")
	f.give(&message{kind: batch, publisher: 7, sequence: 3})
	require.Equal(t, 1, stale())
	f.give(&message{kind: batch, publisher: 7, sequence: 4})
	f.give(&message{kind: beacon, publisher: 7, sequence: 4, parts: 1})
	require.Equal(t, 1, stale(), "the parts could not be read")
	require.EqualValues(t, 1, f.bus.Statistics().Gaps)
	f.introduce(8, 5)
	f.give(&message{kind: beacon, publisher: 8, sequence: 5, parts: 1})
	require.Equal(t, 1, stale(), "who has told nothing new is fresh")
	f.give(&message{kind: beacon, publisher: 8, sequence: 6, parts: 1})
	require.Equal(t, 2, stale(), "the last batch was lost, and only the beacon tells")
}

func TestSilenceIsTold(t *testing.T) {
	f, manual := newFollower(t)
	f.introduce(7, 0)
	f.give(&message{kind: batch, publisher: 7, sequence: 1, states: []persistence.StockState{persistencetest.BusState(1, 1, 1)}})
	manual.Advance(persistence.BusSilenceMax)
	f.watch()
	require.Zero(t, f.bus.Statistics().Stale)
	manual.Advance(time.Millisecond)
	f.watch()
	require.Equal(t, 1, f.bus.Statistics().Stale)
	f.give(&message{kind: beacon, publisher: 7, sequence: 1, parts: 1})
	require.Zero(t, f.bus.Statistics().Stale, "nothing was lost, so nothing has to be read")
}

// A process that starts again and again is one, when what it knew has moved to its last
// start: the ones before used to be counted as stale for good.
func TestWhoHasNoProductIsNotMissed(t *testing.T) {
	f, manual := newFollower(t)
	view := persistencetest.WatchBus(t, f.bus)
	for name := range 5 {
		publisher := persistence.Publisher(name + 10) // #nosec G115 -- small
		f.introduce(publisher, 0)
		f.give(&message{kind: batch, publisher: publisher, sequence: 1, states: []persistence.StockState{persistencetest.BusState(1, 1, 1)}})
		manual.Advance(persistence.BusSilenceMax + 1)
		f.give(&message{kind: beacon, publisher: publisher, sequence: 1, parts: 1})
		f.watch()
	}
	require.Equal(t, 1, f.bus.Statistics().Publishers)
	require.Zero(t, f.bus.Statistics().Stale)
	require.Len(t, f.publishers, 1)
	require.Eventually(t, func() bool {
		fresh, _ := view.Fresh()
		return fresh == 1 && view.IsFresh(persistencetest.BusProduct(1))
	}, awhile, tick, "who was forgotten is still fresh")
	manual.Advance(persistence.BusSilenceMax + 1)
	f.watch()
	require.Equal(t, 1, f.bus.Statistics().Stale, "its product is missed")
}

// Reading parts may take longer than a silence: who was forgotten meanwhile is not called
// fresh, since nobody watches it any more.
func TestWhoIsForgottenWhileItIsReadIsNotFresh(t *testing.T) {
	f, manual := newFollower(t)
	one := f.publisher(7)
	manual.Advance(persistence.BusSilenceMax + 1)
	f.watch()
	f.hearBeacon(t.Context(), one, &message{kind: beacon, publisher: 7, sequence: 3})
	require.Empty(t, f.publishers)
	require.Zero(t, f.bus.Statistics().Publishers)
	f.give(&message{kind: batch, publisher: 7, sequence: 3})
	require.Equal(t, 1, f.bus.Statistics().Stale)
	require.Equal(t, 1, f.bus.Statistics().Publishers)
}

func TestPublishersAreBounded(t *testing.T) {
	f, manual := newFollower(t)
	for name := range persistence.BusPublishersMax + 10 {
		f.give(&message{kind: batch, publisher: persistence.Publisher(name + 2)}) // #nosec G115 -- small
	}
	require.Len(t, f.publishers, persistence.BusPublishersMax-1)
	require.EqualValues(t, 11, f.bus.Statistics().Refused, "one that is alive was given up")
	manual.Advance(persistence.BusSilenceMax + 1)
	for name := range 3 * persistence.BusPublishersMax {
		f.give(&message{kind: batch, publisher: persistence.Publisher(name + 1000)}) // #nosec G115 -- small
		manual.Advance(persistence.BusSilenceMax + 1)
	}
	require.Len(t, f.publishers, persistence.BusPublishersMax-1)
	require.LessOrEqual(t, f.bus.Statistics().Publishers, persistence.BusPublishersMax)
	require.EqualValues(t, 11, f.bus.Statistics().Refused)
}

// What this process has published comes back to it, and is not taken twice.
func TestOwnMessagesAreNotHeard(t *testing.T) {
	f, _ := newFollower(t)
	f.give(&message{kind: batch, publisher: f.bus.self, sequence: 9, states: []persistence.StockState{persistencetest.BusState(1, 1, 1)}})
	require.Zero(t, f.bus.Statistics().Products)
	f.give(&message{kind: part, publisher: 7})
	require.EqualValues(t, 1, f.bus.Statistics().Refused, "a part belongs in a key")
}

// A process that publishes nothing, as those are that only show what others publish, is
// nobody whom others follow: any number of them crowds nobody out.
func TestWhoPublishesNothingIsNotFollowed(t *testing.T) {
	f, _ := newFollower(t)
	for name := range 3 * persistence.BusPublishersMax {
		f.give(&message{kind: beacon, publisher: persistence.Publisher(name + 2)}) // #nosec G115 -- small
	}
	require.Empty(t, f.publishers)
	require.Zero(t, f.bus.Statistics().Refused)
	require.Zero(t, f.bus.Statistics().Keyframe)
}

// A state whose rules were in something that was lost is missed like that: it is not told
// with the rules of before.
func TestStatesOfUnknownRulesAreMissed(t *testing.T) {
	f, _ := newFollower(t)
	f.introduce(7, 0)
	first, second := persistencetest.BusState(1, 1, 1), persistencetest.BusState(1, 1, 2)
	second.Rules = nil
	f.give(&message{kind: batch, publisher: 7, sequence: 1, states: []persistence.StockState{first}})
	f.give(&message{kind: batch, publisher: 7, sequence: 2, states: []persistence.StockState{second}})
	require.Zero(t, f.bus.Statistics().Gaps)
	second.Version, second.Revision = 3, 2
	f.give(&message{kind: batch, publisher: 7, sequence: 3, states: []persistence.StockState{second}})
	require.EqualValues(t, 1, f.bus.Statistics().Gaps)
	require.Equal(t, 1, f.bus.Statistics().Stale)
	view := persistencetest.WatchBus(t, f.bus)
	require.Eventually(t, func() bool {
		told, _ := view.State(first.Product)
		return told.Version == 2 && *told.Rules == *first.Rules
	}, awhile, tick)
}

// The keyframe is the last beacon after which nothing was missing, and the lag that of the
// newest state.
func TestKeyframeAndLag(t *testing.T) {
	f, manual := newFollower(t)
	f.introduce(7, 0)
	manual.Advance(9 * time.Second)
	f.give(&message{kind: batch, publisher: 7, sequence: 1, states: []persistence.StockState{
		persistencetest.BusState(1, 1, 8), persistencetest.BusState(2, 1, 7)}})
	require.Equal(t, 2*time.Second, f.bus.Statistics().Lag)
	require.Zero(t, f.bus.Statistics().Keyframe)
	f.give(&message{kind: beacon, publisher: 7, sequence: 1, parts: 1})
	require.Equal(t, 10*inventory.Second, f.bus.Statistics().Keyframe)
	manual.Advance(time.Second)
	f.give(&message{kind: beacon, publisher: 7, sequence: 2, parts: 1})
	require.Equal(t, 10*inventory.Second, f.bus.Statistics().Keyframe, "something is missing")
}

// What is in a part may be sent after the beacon that follows the part: who knew all at that
// beacon does not know it, and reads the part again. Older ones have nothing new.
func TestPartsOfTheLastBeaconAreReadAgain(t *testing.T) {
	server := openServer(t, testserver.SharedRedis(t).URL(), newNamespace())
	f := &follower{bus: &Bus{server: server, hub: hints.NewHub(), self: 1}, publishers: make(map[persistence.Publisher]*followed)}
	p := &publisher{bus: &Bus{server: server, self: 7}, beacons: 4}
	for index, changed := range []uint64{3, 4, 5} {
		pipe := server.client.Pipeline()
		p.put(t.Context(), pipe, index, &message{kind: part, moment: changed, states: []persistence.StockState{persistencetest.BusState(index, 1, 1)}})
		_, err := pipe.Exec(t.Context())
		require.NoError(t, err)
	}
	f.introduce(7, 8)
	f.publishers[7].whole = 4
	f.give(&message{kind: beacon, publisher: 7, moment: 5, sequence: 9, parts: 3})
	require.Zero(t, f.bus.Statistics().Stale)
	require.EqualValues(t, 5, f.publishers[7].whole)
	view := persistencetest.WatchBus(t, f.bus)
	want := states{}
	for _, number := range []int{1, 2} {
		want[persistencetest.BusProduct(number)] = persistencetest.BusState(number, 1, 1)
	}
	require.Eventually(t, func() bool { return view.Has(want) }, awhile, tick)
}

// A repair that fails goes on with the next beacon: what it has read is read again only if
// it has changed since.
func TestARepairGoesOn(t *testing.T) {
	server := openServer(t, testserver.SharedRedis(t).URL(), newNamespace())
	f := &follower{bus: &Bus{server: server, hub: hints.NewHub(), self: 1}, publishers: make(map[persistence.Publisher]*followed)}
	p := &publisher{bus: &Bus{server: server, self: 7}}
	store := func(index int, changed, version uint64) {
		pipe := server.client.Pipeline()
		p.put(t.Context(), pipe, index, &message{kind: part, moment: changed, states: []persistence.StockState{persistencetest.BusState(index, 1, version)}})
		_, err := pipe.Exec(t.Context())
		require.NoError(t, err)
	}
	store(0, 3, 1)
	store(1, 3, 1)
	f.give(&message{kind: beacon, publisher: 7, moment: 5, sequence: 9, parts: 3})
	require.Equal(t, 1, f.bus.Statistics().Stale, "a part is not there")
	require.Equal(t, []uint64{5, 5}, f.publishers[7].read)
	store(0, 4, 2) // it has not changed, says its head: so it is not read
	store(1, 5, 2)
	store(2, 6, 1)
	f.give(&message{kind: beacon, publisher: 7, moment: 6, sequence: 9, parts: 3})
	require.Zero(t, f.bus.Statistics().Stale)
	require.Nil(t, f.publishers[7].read)
	view := persistencetest.WatchBus(t, f.bus)
	require.Eventually(t, func() bool {
		var versions [3]uint64
		for number := range versions {
			state, _ := view.State(persistencetest.BusProduct(number))
			versions[number] = state.Version
		}
		return versions == [3]uint64{1, 2, 1}
	}, awhile, tick)
}

// partOf takes a part and requires that it has changed before a beacon.
func partOf(o *outbox, index int, beacon uint64, refresh bool) []persistence.StockState {
	states, changed := o.takePart(index, beacon, refresh)
	if states != nil && changed != beacon {
		panic("another moment")
	}
	return states
}

// Batches carry the state of the moment of sending, and no more than fit.
func TestTheOutboxConflates(t *testing.T) {
	var o outbox
	for version := range 3 {
		for number := range 700 {
			state := persistencetest.BusState(number, 1, uint64(version+1)) // #nosec G115 -- small
			o.add(&state)
		}
	}
	first, second := o.takeUnsent(), o.takeUnsent()
	require.Len(t, first, persistence.BusStatesMax)
	require.Len(t, second, 700-persistence.BusStatesMax)
	require.Empty(t, o.takeUnsent())
	for _, state := range append(first, second...) {
		require.EqualValues(t, 3, state.Version)
	}
	last := (700 - 1) / partStatesMax
	require.Equal(t, last+1, o.parts())
	require.Len(t, partOf(&o, 0, 1, false), partStatesMax)
	require.Nil(t, partOf(&o, 0, 2, false), "what has not changed is written again")
	require.NotNil(t, partOf(&o, 0, 1, true))
	require.Len(t, partOf(&o, last, 1, false), 700-last*partStatesMax)
	o.keepPart(last)
	require.NotNil(t, partOf(&o, last, 1, false), "what could not be written is not tried again")
	state := persistencetest.BusState(3, 1, 9)
	o.add(&state)
	require.Equal(t, state, partOf(&o, 0, 3, false)[3])
	require.True(t, o.forgetUnsent())
	require.False(t, o.forgetUnsent())
}

// Rules are sent when they have another revision than those that were sent, a part has
// all of them, and a batch no more than fit.
func TestTheOutboxSendsRulesOnce(t *testing.T) {
	var o outbox
	send := func(version, revision uint64) *inventory.Product {
		state := persistencetest.BusRevised(1, 1, version, revision)
		o.add(&state)
		sent := o.takeUnsent()
		require.Len(t, sent, 1)
		require.Equal(t, revision, sent[0].Revision)
		return sent[0].Rules
	}
	require.NotNil(t, send(1, 1))
	require.Nil(t, send(2, 1))
	require.NotNil(t, send(2, 2))
	require.Nil(t, send(3, 2))
	require.NotNil(t, partOf(&o, 0, 1, false)[0].Rules)
	for number := range 300 {
		state := persistencetest.BusState(number+10, 1, 1)
		state.Rules.Name = strings.Repeat("n", persistence.BusNameBytesMax)
		o.add(&state)
	}
	total, batches := 0, 0
	for sent := o.takeUnsent(); len(sent) > 0; sent = o.takeUnsent() {
		size := 0
		for i := range sent {
			size += rulesBytes(sent[i].Rules)
		}
		require.LessOrEqual(t, size, rulesBytesMax)
		total += len(sent)
		batches++
	}
	require.Equal(t, 300, total)
	require.Equal(t, 3, batches)
}
