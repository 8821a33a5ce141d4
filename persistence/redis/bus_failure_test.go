package redis

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

const (
	// repairTimeMax is how long after the last loss all is well again: three seconds, and
	// what a noisy machine takes.
	repairTimeMax = 3*time.Second + 2*time.Second
	// awhile is long enough for a server to come back and for any machine.
	awhile = 30 * time.Second
	tick   = 5 * time.Millisecond
)

type states map[inventory.ID]persistence.StockState

// publishFor publishes random changes of products until the time is over: of the stock, of
// the rules, or of both.
func publishFor(bus persistence.Bus, last states, products int, duration time.Duration) {
	every := time.NewTicker(2 * time.Millisecond)
	defer every.Stop()
	for over := time.After(duration); ; {
		select {
		case <-over:
			return
		case <-every.C:
			number, change := rand.IntN(products), 1+rand.Uint64N(3)
			before := last[persistencetest.BusProduct(number)]
			state := persistencetest.BusRevised(number, 1, before.Version+change&1, before.Revision+change>>1)
			last[state.Product] = state
			bus.Publish(state)
		}
	}
}

func requireTold(t *testing.T, view *persistencetest.BusView, last states, within time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, stale := view.Fresh()
		return view.Has(last) && stale == 0
	}, within, tick)
}

// One message in ten is lost.
func TestLostMessagesAreMadeGood(t *testing.T) {
	proxy, address := throughProxy(t, testserver.SharedRedis(t))
	namespace, last := newNamespace(), make(states)
	publisher := openBus(t, testserver.SharedRedis(t).URL(), namespace)
	subscriber := openBus(t, address, namespace)
	view := persistencetest.WatchBus(t, subscriber)
	publishFor(publisher, last, 50, 100*time.Millisecond)
	requireTold(t, view, last, awhile)
	proxy.Lose(func(fromClient bool, chunk []byte) bool {
		return fromClient || !bytes.Contains(chunk, []byte("\r\nmessage\r\n")) || rand.IntN(10) > 0
	})
	publishFor(publisher, last, 1000, 2*time.Second)
	requireTold(t, view, last, repairTimeMax)
	statistics := subscriber.Statistics()
	require.NotZero(t, statistics.Gaps)
	require.NotZero(t, view.Events(persistence.BusStale), "nobody was told")
	require.Greater(t, statistics.Repairs, uint64(1))
}

// The connection is cut again and again.
func TestACutConnectionIsMadeGood(t *testing.T) {
	proxy, address := throughProxy(t, testserver.SharedRedis(t))
	namespace, last := newNamespace(), make(states)
	publisher := openBus(t, testserver.SharedRedis(t).URL(), namespace)
	subscriber := openBus(t, address, namespace)
	view := persistencetest.WatchBus(t, subscriber)
	publishFor(publisher, last, 50, 100*time.Millisecond)
	requireTold(t, view, last, awhile)
	for range 10 {
		publishFor(publisher, last, 500, 150*time.Millisecond)
		proxy.Cut()
	}
	requireTold(t, view, last, repairTimeMax)
	require.Greater(t, subscriber.Statistics().Connections, uint64(3))
}

// awaitStale waits until a publisher is stale, and requires that it did not take longer
// than people may be shown what is not so.
func awaitStale(t *testing.T, view *persistencetest.BusView) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, stale := view.Fresh()
		return stale > 0
	}, repairTimeMax, tick, "nobody was told that nothing is known")
}

// A server that was killed takes everything with it. While it is away a process still
// hears itself.
func TestABusOutlivesItsServer(t *testing.T) {
	server, namespace, last := testserver.StartRedis(t), newNamespace(), make(states)
	publisher, subscriber := openBus(t, server.URL(), namespace), openBus(t, server.URL(), namespace)
	own, other := persistencetest.WatchBus(t, publisher), persistencetest.WatchBus(t, subscriber)
	publishFor(publisher, last, 600, 100*time.Millisecond)
	requireTold(t, other, last, awhile)
	server.Kill(t)
	publishFor(publisher, last, 600, 300*time.Millisecond)
	require.Eventually(t, func() bool { return own.Has(last) }, repairTimeMax, tick, "it does not hear itself")
	awaitStale(t, other)
	server.Start(t)
	requireTold(t, other, last, awhile)
}

// A server that does not answer delays nobody who publishes.
func TestABusWhoseServerDoesNotAnswer(t *testing.T) {
	server, namespace, last := testserver.StartRedis(t), newNamespace(), make(states)
	publisher, subscriber := openBus(t, server.URL(), namespace), openBus(t, server.URL(), namespace)
	other := persistencetest.WatchBus(t, subscriber)
	publishFor(publisher, last, 10, 50*time.Millisecond)
	requireTold(t, other, last, awhile)
	resume := server.Pause(t)
	begun := time.Now()
	for version := range 100_000 {
		state := persistencetest.BusState(version%100, 2, uint64(version+1)) // #nosec G115 -- small
		publisher.Publish(state)
		last[state.Product] = state
	}
	// A starved machine takes seconds; one call in a hundred that waits takes a hundred.
	require.Less(t, time.Since(begun), awhile, "a publication waits for the server")
	awaitStale(t, other)
	resume()
	requireTold(t, other, last, awhile)
}

// What was emptied is written again, for those who come later.
func TestABusWhoseServerIsEmptied(t *testing.T) {
	server, namespace, last := testserver.StartRedis(t), newNamespace(), make(states)
	publisher := openBus(t, server.URL(), namespace)
	for number := range 1200 {
		state := persistencetest.BusState(number, 1, 1)
		last[state.Product] = state
	}
	for _, state := range last {
		publisher.Publish(state)
	}
	client := raw(t, server.URL())
	first := publisher.partName(publisher.self, 0)
	written := func() bool { return client.Exists(t.Context(), first).Val() == 1 }
	require.Eventually(t, written, awhile, tick)
	require.NoError(t, client.FlushAll(t.Context()).Err())
	// Sooner than the parts are written anyhow.
	requireTold(t, persistencetest.WatchBus(t, openBus(t, server.URL(), namespace)), last, refreshBeacons*persistence.BusBeaconInterval/2)
}

// Who ends is stale; who starts again and knows the same is fresh, and so is all that it
// tells: whether it starts after the other was missed or at once, at another moment.
func TestAPublisherThatEnds(t *testing.T) {
	for name, missed := range map[string]bool{"later": true, "at once": false} {
		t.Run(name, func(t *testing.T) { testAPublisherThatEnds(t, missed) })
	}
}

func testAPublisherThatEnds(t *testing.T, missed bool) {
	address, namespace := testserver.SharedRedis(t).URL(), newNamespace()
	subscriber := openBus(t, address, namespace)
	view := persistencetest.WatchBus(t, subscriber)
	ends := openBus(t, address, namespace)
	last := make(states)
	publishFor(ends, last, 10, 50*time.Millisecond)
	requireTold(t, view, last, awhile)
	require.NoError(t, ends.Close())
	if missed {
		awaitStale(t, view)
	}
	again := openBus(t, address, namespace)
	for product, state := range last {
		state.Revision-- // the clock was set back
		state.At++
		last[product] = state
		again.Publish(state)
	}
	require.Eventually(t, func() bool {
		for product := range last {
			if !view.IsFresh(product) {
				return false
			}
		}
		fresh, stale := view.Fresh()
		return fresh == 2 && stale == 1 && view.Has(last)
	}, awhile, tick, "what it tells is stale with the one that has ended")
}

// What was lost of a few products is read again, and not what was lost of none. Each lost
// message used to have all parts read: of a million products for six seconds.
func TestARepairReadsWhatHasChanged(t *testing.T) {
	server, namespace, last := testserver.StartRedis(t), newNamespace(), make(states)
	proxy, address := throughProxy(t, server)
	publisher, subscriber := openBus(t, server.URL(), namespace), openBus(t, address, namespace)
	const parts = 40
	for number := range parts * partStatesMax {
		state := persistencetest.BusState(number, 1, 1)
		last[state.Product] = state
		publisher.Publish(state)
	}
	view := persistencetest.WatchBus(t, subscriber)
	requireTold(t, view, last, awhile)
	client := raw(t, server.URL())
	require.Eventually(t, func() bool { return publisher.outbox.parts() == parts }, awhile, tick)
	for round := range uint64(3) {
		// Two beacons without a loss: what was changed before the first is not of now.
		for keyframe := subscriber.Statistics().Keyframe; ; <-time.After(tick) {
			if subscriber.Statistics().Keyframe > keyframe+inventory.Instant(persistence.BusBeaconInterval) {
				break
			}
		}
		followed := subscriber.Statistics().Repairs
		require.NoError(t, client.ConfigResetStat(t.Context()).Err())
		lost := make(chan struct{}, 64)
		proxy.Lose(func(fromClient bool, chunk []byte) bool {
			if fromClient || !bytes.Contains(chunk, []byte("\r\nmessage\r\n")) {
				return true
			}
			signal(lost)
			return false
		})
		for _, number := range []int{3, 5 * partStatesMax} {
			state := persistencetest.BusRevised(number, 1, 2+round, 1+round%2)
			last[state.Product] = state
			publisher.Publish(state)
		}
		<-lost // this may be a beacon, and then the next is not
		<-lost
		proxy.Lose(nil)
		requireTold(t, view, last, repairTimeMax)
		require.Greater(t, subscriber.Statistics().Repairs, followed)
		var calls, read int
		_, err := fmt.Sscanf(regexp.MustCompile(`cmdstat_getrange:calls=\d+`).FindString(client.Info(t.Context(), "commandstats").Val()), "cmdstat_getrange:calls=%d", &calls)
		require.NoError(t, err)
		read = calls - parts*int(subscriber.Statistics().Repairs-followed) // #nosec G115 -- small
		require.GreaterOrEqual(t, read, 2)
		require.Less(t, read, 16, "more is read than has changed")
	}
}

// What others say on the channel is refused and changes nothing.
func TestForeignMessagesOnTheChannel(t *testing.T) {
	address, namespace := testserver.SharedRedis(t).URL(), newNamespace()
	publisher, subscriber := openBus(t, address, namespace), openBus(t, address, namespace)
	view := persistencetest.WatchBus(t, subscriber)
	state := persistencetest.BusState(1, 1, 1)
	publisher.Publish(state)
	requireTold(t, view, states{state.Product: state}, awhile)
	client := raw(t, address)
	made := &message{kind: batch, publisher: 99, sequence: 1, states: []persistence.StockState{persistencetest.BusState(1, 1<<31, 1)}}
	foreign := [][]byte{[]byte("garbage"), {}, make([]byte, messageBytesMax+1), sealer{}.sealMessage(made)}
	for _, one := range foreign {
		require.NoError(t, client.Publish(t.Context(), subscriber.channel(), one).Err())
	}
	require.Eventually(t, func() bool { return subscriber.Statistics().Refused == uint64(len(foreign)) }, awhile, tick)
	later := persistencetest.BusState(1, 1, 2)
	publisher.Publish(later)
	requireTold(t, view, states{state.Product: later}, awhile)
}
