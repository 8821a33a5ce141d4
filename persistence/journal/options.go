package journal

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	segmentBytesDefault = 64 << 20
	segmentBytesMax     = 1 << 30
	pendingBytesDefault = 16 << 20
)

// Options configure a [Journal]. Only Directory is required.
type Options struct {
	// Directory holds the files. It is made when it is missing.
	Directory string
	// FS is the file system; nil is the machine's.
	FS FS
	// Clock measures syncs and paces the retries on a full disk; nil is the
	// machine's.
	Clock clock.Clock
	// Log gets what an operator should know; nil is slog.Default().
	Log *slog.Logger

	// SegmentBytes is the size of a segment, a multiple of 4096, at most 1 GiB and
	// large enough for one record of RecordBytesMax; zero is 64 MiB.
	SegmentBytes int64
	// RecordBytesMax bounds one encoded record in bytes; zero is
	// persistence.RecordBytesMax.
	RecordBytesMax int
	// PendingBytesMax bounds the bytes that wait while another batch is synced, and
	// with it the size of a batch. It is lowered to what fits in a segment; zero is
	// 16 MiB.
	PendingBytesMax int64
	// RetainBytes is how much Release keeps, in bytes of whole segments, of what it
	// may delete; zero keeps nothing more.
	RetainBytes int64
	// Epoch is the least epoch of new batches; zero is that of the last batch, or 1.
	Epoch uint32
	// Projected is what SQL holds. Opening refuses a history that does not contain
	// it. Zero is none: then the journal has to begin at sequence 1.
	Projected persistence.Position

	// Published is called by the writer once per batch, after DurableSequence was
	// raised to sequence; nil is nothing. It must not block.
	Published func(sequence uint64)
	// Observe is called by the writer once per durable batch; nil is nothing. It
	// must not block.
	Observe func(records int, bytes int64, syncDuration time.Duration)
	// Failed is called once by the writer, after the first failed write or sync and
	// after all entries were told, so that the program exits; nil is nothing. It
	// must not call Close, which waits for the writer.
	Failed func(err error)

	// identity makes the id of a new journal; nil is random.
	identity func() (inventory.ID, error)
}

// complete fills in what is zero and checks the bounds.
func (o Options) complete() (Options, error) {
	if o.Directory == "" {
		return o, fmt.Errorf("open the journal: no directory is given")
	}
	o.defaults()
	largest := segmentHeaderBytes + padded(frameHeaderBytes+recordHeaderBytes+int64(o.RecordBytesMax))
	if o.SegmentBytes%segmentHeaderBytes != 0 || o.SegmentBytes < largest || o.SegmentBytes > segmentBytesMax {
		return o, fmt.Errorf("open the journal: segments of %d bytes: not a multiple of %d between %d and %d",
			o.SegmentBytes, segmentHeaderBytes, largest, int64(segmentBytesMax))
	}
	o.PendingBytesMax = min(o.PendingBytesMax, o.SegmentBytes-segmentHeaderBytes)
	if o.PendingBytesMax < largest-segmentHeaderBytes {
		return o, fmt.Errorf("open the journal: a bound of %d pending bytes is below one record, %d",
			o.PendingBytesMax, largest-segmentHeaderBytes)
	}
	return o, nil
}

func (o *Options) defaults() {
	if o.FS == nil {
		o.FS = Disk{}
	}
	if o.Clock == nil {
		o.Clock = clock.NewSystem()
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = segmentBytesDefault
	}
	if o.RecordBytesMax == 0 {
		o.RecordBytesMax = persistence.RecordBytesMax
	}
	if o.PendingBytesMax == 0 {
		o.PendingBytesMax = pendingBytesDefault
	}
	if o.identity == nil {
		o.identity = randomIdentity
	}
}

func randomIdentity() (id inventory.ID, err error) {
	if _, err = rand.Read(id[:]); err != nil {
		return id, fmt.Errorf("make a journal id: %w", err)
	}
	return id, nil
}
