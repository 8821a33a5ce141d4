package journal

import (
	"errors"
	"fmt"

	"holdfast/inventory"
	"holdfast/persistence"
)

// Report is what Verify found.
type Report struct {
	// Journal is the journal's id.
	Journal inventory.ID
	// First is the first sequence that is kept; End is the position after the last.
	First uint64
	End   persistence.Position
	// Segments are the files, oldest first.
	Segments         []SegmentReport
	Batches, Records int64
	// TornBytes follow the last batch: a batch that nobody was told is durable. The
	// next Open drops it.
	TornBytes int64
	// Clean tells that the journal was closed in order.
	Clean bool
}

// SegmentReport describes one file.
type SegmentReport struct {
	Name        string
	First, Last uint64
	// UsedBytes are those of the header and the batches, Bytes those of the file.
	UsedBytes, Bytes int64
}

// Verify reads everything in the directory of a journal that is not open and changes
// nothing. The error wraps persistence.ErrCorrupt when the journal would not open
// over what SQL holds; the report then has what was verified before. A zero
// projected position skips the comparison with SQL.
func Verify(fs FS, directory string, projected persistence.Position) (Report, error) {
	found, err := inspect(fs, directory, projected, nil)
	if err == nil && projected != (persistence.Position{}) {
		err = found.follows(projected)
	}
	report := Report{
		Journal: found.journal, First: found.begin.Sequence + 1, End: found.end,
		Batches: found.batches, Records: found.records, TornBytes: found.tornBytes,
		Clean: found.watermark.valid && found.watermark.clean && found.watermark.position.Sequence == found.end.Sequence,
	}
	for _, segment := range found.segments {
		report.Segments = append(report.Segments, SegmentReport{
			Name: segment.name, First: segment.before.Sequence + 1, Last: segment.last,
			UsedBytes: segment.end, Bytes: segment.bytes,
		})
	}
	if err != nil {
		return report, fmt.Errorf("verify the journal in %s: %w", directory, err)
	}
	return report, nil
}

// errEnough ends a dump at its last record.
var errEnough = errors.New("all records were written")

// Dump calls write for every record from one sequence to another, both included; a
// zero to means the last one. The record is valid until write returns. It verifies
// what it reads and changes nothing.
func Dump(fs FS, directory string, from, to uint64, write func(sequence uint64, record []byte) error) error {
	_, err := inspect(fs, directory, persistence.Position{}, func(batch persistence.Batch) error {
		for i, record := range batch.Records {
			sequence := batch.First + uint64(i)
			if to != 0 && sequence > to {
				return errEnough
			}
			if sequence < from {
				continue
			}
			if err := write(sequence, record); err != nil {
				return fmt.Errorf("write record %d: %w", sequence, err)
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("dump the journal in %s: %w", directory, err)
	}
	return nil
}
