package ticker

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// sink is a raw connection whose peer takes everything.
type sink struct{ descriptor uintptr }

func (s sink) Control(func(uintptr)) error   { return nil }
func (s sink) Read(func(uintptr) bool) error { return nil }
func (s sink) Write(f func(uintptr) bool) error {
	f(s.descriptor)
	return nil
}

// crowd is a shard with clients that all watch the same products.
func crowd(t testing.TB, clients, products int) (*shard, *fakeBoard, []inventory.ID) {
	t.Helper()
	board := newFakeBoard()
	h := New(Options{Clock: clock.NewManual(start), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), ConnectionsMax: clients})
	h.Follow(board)
	file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	descriptor := file.Fd()
	var watched []inventory.ID
	for i := range products {
		watched = append(watched, board.put(byte(i), 1_000_000_000))
	}
	s := h.shards[0]
	for range clients {
		c := &client{shard: s, raw: sink{descriptor}, seat: &Seat{seats: &h.seats}}
		s.add(c)
		require.Nil(t, s.subscribe(c, &command{op: opSubscribe, channels: productChannels(watched), lane: laneDefault}, newMessage(formatJSON, 0, "ok"), start))
		s.flush(c, start)
	}
	return s, board, watched
}

func productChannels(products []inventory.ID) []channel {
	all := make([]channel, len(products))
	for i, product := range products {
		all[i] = channel{kind: productChannel, id: product}
	}
	return all
}

// beat lets all lanes be due, but for the slow ones.
func (s *shard) beat() {
	s.hub.beats.Add(uint64(sweepsPerSecond))
	s.hub.topics.sweep(start)
	s.sweep()
}

// A frame that is delivered takes no memory: what is made is made once for all.
func TestADeliveryTakesNoMemory(t *testing.T) {
	for _, products := range []int{1, 5} {
		s, board, watched := crowd(t, 500, products)
		s.beat()
		before := s.counts.frames[frameProduct].Load()
		const runs = 20
		allocations := testing.AllocsPerRun(runs, func() {
			for _, product := range watched {
				board.hold(product)
			}
			s.beat()
		})
		delivered := s.counts.frames[frameProduct].Load() - before
		require.EqualValues(t, (runs+1)*500*products, delivered)
		require.Less(t, allocations, float64(10*products), "for %d frames", 500*products)
	}
}

// BenchmarkSweep is the cost of telling everybody of one change, without what the
// network takes.
func BenchmarkSweep(b *testing.B) {
	for _, clients := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s, board, watched := crowd(b, clients, 1)
			b.ReportAllocs()
			for b.Loop() {
				board.hold(watched[0])
				s.beat()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(clients), "ns/frame")
		})
	}
}

// BenchmarkBoard is the cost of looking at products of which none has changed.
func BenchmarkBoard(b *testing.B) {
	s, _, _ := crowd(b, 1, 200)
	b.ReportAllocs()
	for b.Loop() {
		s.hub.topics.sweep(start)
	}
}
