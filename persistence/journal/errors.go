package journal

import (
	"errors"
	"fmt"

	"holdfast/persistence"
)

// ErrTooLarge is returned for a record above Options.RecordBytesMax, and for records
// that are to be together and are too many for one batch. Nothing was appended.
var ErrTooLarge = errors.New("the record is larger than the journal takes")

// ErrReleased is returned by a reader that stayed behind Release.
var ErrReleased = errors.New("the segment was released")

// ErrVersion is returned for a segment that a newer version of the program wrote.
var ErrVersion = errors.New("the format of the segment is not known to this version")

// Corruption says which bytes cannot be verified. It wraps
// [persistence.ErrCorrupt].
type Corruption struct {
	// Segment is the name of the file, empty when no single file is at fault.
	Segment string
	// Offset is where in the file, in bytes.
	Offset int64
	// Sequence is that of the record which was expected there.
	Sequence uint64
	// Reason says what is wrong.
	Reason string
	// Remedy is what helps besides restoring everything; empty when nothing does.
	Remedy string
}

// What helps when journal and database are whole and do not fit. Both are commands of
// package cmd/holdfast, described in documentation/operations.md.
const (
	remedyOlderDatabase = "put a newer database in the place of this one with \"holdfast restore --database-only\", or "
	remedyLostJournal   = "move it away and go on after what the database has with \"holdfast journal renew\", or "
)

// Error says where, what, and what an operator can do.
func (c *Corruption) Error() string {
	place := "the journal"
	if c.Segment != "" {
		place = fmt.Sprintf("segment %s, offset %d", c.Segment, c.Offset)
	}
	return fmt.Sprintf("%v: %s, sequence %d: %s. No file was changed. Keep a copy of the directory, "+
		"look at it with \"holdfast journal verify\", and %srestore the journal and the database from one backup",
		persistence.ErrCorrupt, place, c.Sequence, c.Reason, c.Remedy)
}

// Unwrap returns [persistence.ErrCorrupt].
func (c *Corruption) Unwrap() error { return persistence.ErrCorrupt }

// curable adds what helps.
func (c *Corruption) curable(remedy string) *Corruption {
	c.Remedy = remedy
	return c
}

func corrupt(segment string, offset int64, sequence uint64, format string, arguments ...any) *Corruption {
	return &Corruption{Segment: segment, Offset: offset, Sequence: sequence, Reason: fmt.Sprintf(format, arguments...)}
}
