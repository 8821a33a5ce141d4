package journal

import (
	"errors"
	"fmt"
	"path/filepath"

	"holdfast/persistence"
)

// Branch begins a new epoch at the end of a journal that is not open: whoever has seen
// what came after it elsewhere sees that this is another history. It returns the position
// that the journal ends with then.
func Branch(fs FS, directory string, epoch uint32) (persistence.Position, error) {
	found, err := inspect(fs, directory, persistence.Position{}, nil)
	if err != nil {
		return persistence.Position{}, fmt.Errorf("verify the journal in %s: %w", directory, err)
	}
	if len(found.segments) == 0 {
		return persistence.Position{}, nil
	}
	// It has room: a journal does not leave a segment before it has a batch.
	header := segmentHeader{journal: found.journal, epoch: max(epoch, found.end.Epoch+1), first: found.end.Sequence + 1,
		previous: found.end.Hash, bytes: found.segments[len(found.segments)-1].bytes}
	if err := writeEmptySegment(fs, directory, header); err != nil {
		return persistence.Position{}, fmt.Errorf("begin epoch %d of the journal in %s: %w", header.epoch, directory, err)
	}
	return header.before(), nil
}

// Renew begins a journal after a position, in a directory that has none: what came before
// is elsewhere, and the journal is lost. It has a new epoch, since what the lost one had
// after the position is not in its history. It returns the position that it begins after.
func Renew(fs FS, directory string, after persistence.Position, epoch uint32) (persistence.Position, error) {
	if err := fs.MakeDirectory(directory); err != nil {
		return persistence.Position{}, fmt.Errorf("make the directory: %w", err)
	}
	names, err := fs.List(directory)
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("there is a file %s: move the journal away first", names[0])
	}
	header := segmentHeader{journal: after.Journal, epoch: max(epoch, after.Epoch+1), first: after.Sequence + 1,
		previous: after.Hash, bytes: segmentBytesDefault}
	if err == nil {
		err = writeEmptySegment(fs, directory, header)
	}
	if err != nil {
		return persistence.Position{}, fmt.Errorf("begin a journal in %s: %w", directory, err)
	}
	return header.before(), nil
}

// writeEmptySegment makes a segment without batches, durably. One with its name has no
// batches either, and is replaced.
func writeEmptySegment(fs FS, directory string, header segmentHeader) error {
	temporary := filepath.Join(directory, recoveryName)
	file, err := fs.Create(temporary)
	if err != nil {
		return err
	}
	data := make([]byte, segmentHeaderBytes)
	header.encode(data)
	if err := errors.Join(writeFull(file, data, 0), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := fs.Rename(temporary, filepath.Join(directory, segmentName(header.first))); err != nil {
		return err
	}
	return fs.SyncDirectory(directory)
}
