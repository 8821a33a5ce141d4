package persistence

import (
	"context"
	"errors"
	"fmt"

	"holdfast/inventory"
)

// Errors of a [Journal].
var (
	// ErrJournalFull is returned by Append while the disk has no room for another
	// record. Nothing was appended. It ends by itself when there is space again.
	ErrJournalFull = errors.New("the journal has no room: free disk space")
	// ErrJournalBusy is returned by Append while more bytes wait to be synced than
	// the journal's bound. Nothing was appended.
	ErrJournalBusy = errors.New("too many records wait to be synced")
	// ErrJournalClosed is returned after Close, and after a failed write or sync.
	ErrJournalClosed = errors.New("the journal is closed")
	// ErrCorrupt marks data that was changed after it was written, or a history
	// that is not the expected one. The program stops with exit code 78.
	ErrCorrupt = errors.New("data cannot be verified")
)

// Hash is a link of the chain over all batches of a journal.
type Hash [16]byte

// Position is a place in the history of one journal: the end of a batch.
type Position struct {
	// Journal identifies the journal; zero before the first projection.
	Journal inventory.ID
	// Epoch is the epoch of the batch that ends here.
	Epoch uint32
	// Sequence is that of the last record, 0 for the beginning.
	Sequence uint64
	// Hash is that of the batch that ends here, zero for the beginning.
	Hash Hash
}

// String returns the position for messages.
func (p Position) String() string {
	return fmt.Sprintf("sequence %d (hash %x) of journal %s, epoch %d", p.Sequence, p.Hash, p.Journal, p.Epoch)
}

// Entry is one thing to append.
type Entry interface {
	// Encode appends the record to dst. It is called under the append lock, with
	// the sequence that the record will have; an error leaves the journal as it
	// was and is returned by Append. It must not block. It is called only when the
	// record has a place: an entry whose Encode returns nil, and a record within the
	// journal's bound (RecordBytesMax), is appended. So it may have effects that must
	// happen if and only if the entry is appended.
	Encode(dst []byte, sequence uint64) ([]byte, error)
	// Durable is called once, in the order of sequences, by the journal's writer:
	// with nil after the record is synced, or with an error when the journal
	// failed and the fate of the record is unknown. It must not block.
	Durable(sequence uint64, err error)
}

// Batch is a run of records that became durable together.
type Batch struct {
	// First is the sequence of Records[0].
	First uint64
	// End is the position after the last record.
	End Position
	// Records are encoded events. They are valid until the next call of Next.
	Records [][]byte
	// Bytes is the size of the batch in its file.
	Bytes int64
}

// Reader walks the durable batches of a journal in order.
type Reader interface {
	// Next returns the next durable batch. It waits for one until ctx ends, and
	// then returns ctx's error. It returns an error that wraps [ErrCorrupt] for
	// bytes that cannot be verified.
	Next(ctx context.Context) (Batch, error)
	// TryNext is Next without waiting: ok is false when there is no further batch.
	TryNext() (batch Batch, ok bool, err error)
	Close() error
}

// Journal is a durable log of records with one writer.
type Journal interface {
	// Append gives the entry its place in the order of all records and returns its
	// sequence. It never waits for the disk.
	Append(entry Entry) (sequence uint64, err error)
	// AppendTogether gives entries that belong together their places, one after the
	// other and in one batch: after a crash all of them are there or none. It returns
	// the sequence of the last one. When an Encode returns an error, nothing was
	// appended, and the entries before it are not told: only the first one may have
	// reasons to refuse.
	AppendTogether(entries []Entry) (last uint64, err error)
	// Hold calls visit with the sequence of the last record that has its place, durable
	// or not, while nothing can be appended. visit must not block.
	Hold(visit func(appended uint64))
	// DurableSequence returns the sequence of the last record whose entry has been
	// told. It never goes back.
	DurableSequence() uint64
	// Epoch returns the epoch of new records: it is raised, and never lowered, whenever
	// the history of the journal may not go on where it was seen to stop.
	Epoch() uint32
	// WaitDurable returns when DurableSequence() >= sequence, ctx ended, or the
	// journal failed.
	WaitDurable(ctx context.Context, sequence uint64) error
	// ReadFrom returns a reader whose first batch begins after position.
	// The error wraps [ErrCorrupt] when position is not in this journal's history.
	ReadFrom(position Position) (Reader, error)
	// Release tells that records up to sequence are durable elsewhere. Old segments
	// below it may be deleted.
	Release(sequence uint64) error
	// Close syncs what was appended and closes the files.
	Close() error
}
