package journal_test

import (
	"fmt"
	"log/slog"
	"os"
	"testing"

	"holdfast/persistence"
	"holdfast/persistence/journal"
)

// recordBytes is the size of an order with one line, about.
const recordBytes = 200

// slot is a record in flight; it goes back to the benchmark when it is durable.
type slot struct {
	record []byte
	free   chan *slot
	failed func(...any)
}

func (s *slot) Encode(dst []byte, _ uint64) ([]byte, error) { return append(dst, s.record...), nil }

func (s *slot) Durable(_ uint64, err error) {
	if err != nil {
		s.failed(err)
	}
	s.free <- s
}

// BenchmarkAppend measures durable records on a real disk, with that many in flight.
// HOLDFAST_BENCH_DIR chooses the disk.
func BenchmarkAppend(b *testing.B) {
	for _, inFlight := range []int{1, 64, 4096} {
		b.Run(fmt.Sprintf("in-flight=%d", inFlight), func(b *testing.B) {
			data, err := os.MkdirTemp(os.Getenv("HOLDFAST_BENCH_DIR"), "journal")
			if err != nil {
				b.Fatal(err)
			}
			defer os.RemoveAll(data)
			j, err := journal.Open(journal.Options{Directory: data, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			free := make(chan *slot, inFlight)
			for range inFlight {
				free <- &slot{record: make([]byte, recordBytes), free: free, failed: b.Error}
			}
			b.ReportAllocs()
			busy := appendAll(b, j, free)
			s := j.Statistics()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(s.Records)/float64(s.Batches), "records/batch")
			b.ReportMetric(float64(s.SyncDurationTotal.Microseconds())/float64(s.Batches), "µs/sync")
			b.ReportMetric(float64(busy)/float64(b.N), "refused/op")
		})
	}
}

// appendAll appends b.N records and waits until all are durable. It returns how
// often the journal was busy.
func appendAll(b *testing.B, j persistence.Journal, free chan *slot) (busy int) {
	for b.Loop() {
		s := <-free
		for {
			_, err := j.Append(s)
			if err == nil {
				break
			}
			busy++
		}
	}
	for range cap(free) {
		<-free
	}
	return busy
}
