package journal

import (
	"errors"
	"fmt"
	"path/filepath"

	"holdfast/persistence"
)

const recoveryName = "recovery" + temporarySuffix

// recover brings the directory into the state that the writer goes on from. Every
// step leaves the directory as recoverable as it was.
func (j *Journal) recover() error {
	fs, directory := j.options.FS, j.options.Directory
	if err := fs.MakeDirectory(directory); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	found, err := inspect(fs, directory, j.options.Projected, nil)
	if err != nil {
		return err
	}
	if err := found.follows(j.options.Projected); err != nil {
		return err
	}
	if err := removeTemporary(fs, directory); err != nil {
		return fmt.Errorf("remove unfinished files: %w", err)
	}
	if j.reserve, err = readReserve(fs, directory); err != nil {
		return err
	}
	j.epoch = max(found.end.Epoch, j.options.Epoch, 1)
	if len(found.segments) == 0 {
		err = j.create(&found)
	} else {
		err = j.rewrite(&found)
	}
	if err != nil {
		return err
	}
	if j.watermark, err = openWatermark(fs, directory, found.watermark.present); err != nil {
		return err
	}
	j.adopt(&found)
	return j.watermark.write(found.end, false)
}

// create makes the first segment of a new journal.
func (j *Journal) create(found *history) error {
	identity, err := j.options.identity()
	if err != nil {
		return err
	}
	j.opening.Created = true
	header := segmentHeader{journal: identity, epoch: j.epoch, first: 1, bytes: j.options.SegmentBytes}
	found.journal = identity
	found.begin, found.end = header.before(), header.before()
	found.segments = []segment{{name: segmentName(1), before: header.before(), end: segmentHeaderBytes, bytes: header.bytes}}
	return j.install(&found.segments[0], header, nil, found.end)
}

// rewrite copies the batches of the last segment into a new file. What was read
// may be in the page cache alone, after a sync that failed or never was; and a torn
// batch is left behind.
func (j *Journal) rewrite(found *history) error {
	last := &found.segments[len(found.segments)-1]
	source, err := j.options.FS.Open(filepath.Join(j.options.Directory, last.name))
	if err != nil {
		return fmt.Errorf("open segment %s: %w", last.name, err)
	}
	defer source.Close()
	header, err := readSegmentHeader(source, last.name)
	if err != nil {
		return err
	}
	// Never more than before: the space that the copy frees is enough for the next one.
	used := (last.end + segmentHeaderBytes - 1) / segmentHeaderBytes * segmentHeaderBytes
	header.bytes = max(used, min(j.options.SegmentBytes, header.bytes))
	last.bytes = header.bytes
	if found.tornBytes > 0 {
		j.options.Log.Warn("the last batch of the journal was cut off and is dropped; nobody was told that it is durable",
			"segment", last.name, "offset", last.end, "bytes", found.tornBytes, "last_sequence", found.end.Sequence)
	}
	return j.install(last, header, source, found.end)
}

// install writes a segment with the batches of source, if there is one, into a
// temporary file, syncs it, checks that it ends there, and only then gives it its
// name, durably.
func (j *Journal) install(target *segment, header segmentHeader, source File, end persistence.Position) error {
	fs, directory := j.options.FS, j.options.Directory
	temporary := filepath.Join(directory, recoveryName)
	if err := j.writeAnew(temporary, target, header, source); err != nil {
		return err
	}
	if err := checkCopy(j.current.file, header, target, end); err != nil {
		return err
	}
	if err := fs.Rename(temporary, filepath.Join(directory, target.name)); err != nil {
		return fmt.Errorf("put segment %s in its place: %w", target.name, err)
	}
	if err := fs.SyncDirectory(directory); err != nil {
		return fmt.Errorf("sync the directory: %w", err)
	}
	return nil
}

// writeAnew writes and syncs the segment in a new file, or in the reserve when the
// disk has no room for a new one. Nothing depends on the file yet, so the second try
// is not one of a failed sync.
func (j *Journal) writeAnew(path string, target *segment, header segmentHeader, source File) error {
	err := j.writeInto(j.createFile, path, target, header, source)
	if noSpace(err) {
		reserveErr := j.writeInto(j.takeReserve, path, target, header, source)
		if errors.Is(reserveErr, errNoReserve) {
			// What was written of the file takes space; if it stays, the next start removes it.
			_ = j.options.FS.Remove(path)
			return noRoom(target, header.bytes, err)
		}
		err = reserveErr
	}
	if err != nil {
		return fmt.Errorf("write segment %s anew: %w", target.name, err)
	}
	return nil
}

// writeInto writes the segment into the file that open returns, which becomes the
// current one.
func (j *Journal) writeInto(open func(string, int64) (File, error), path string, target *segment, header segmentHeader, source File) error {
	file, err := open(path, header.bytes)
	if err != nil {
		return err
	}
	if err := copySegment(file, header, source, target.end); err != nil {
		return errors.Join(err, file.Close())
	}
	j.current = currentSegment{file: file, name: target.name, offset: target.end, bytes: header.bytes}
	return nil
}

// createFile makes a file with room for its bytes.
func (j *Journal) createFile(path string, bytes int64) (File, error) {
	file, err := j.options.FS.Create(path)
	if err != nil {
		return nil, err
	}
	if err := file.Allocate(bytes); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// copySegment writes the header, the frames of source up to end, and zeros.
func copySegment(file File, header segmentHeader, source File, end int64) error {
	data := make([]byte, segmentHeaderBytes)
	header.encode(data)
	if err := writeFull(file, data, 0); err != nil {
		return err
	}
	if source != nil {
		if err := copyFrames(file, source, end); err != nil {
			return err
		}
	}
	return zeroFill(file, end, header.bytes, func() error { return nil })
}

// copyFrames copies the bytes from the header up to end. The padding of the last
// frame may be missing in source.
func copyFrames(file, source File, end int64) error {
	size, err := source.Size()
	if err != nil {
		return err
	}
	buffer := make([]byte, min(zeroBytes, end-segmentHeaderBytes))
	for offset := int64(segmentHeaderBytes); offset < end; offset += int64(len(buffer)) {
		piece := buffer[:min(int64(len(buffer)), end-offset)]
		present := min(int64(len(piece)), size-offset)
		clear(piece[present:])
		if err := readFull(source, piece[:present], offset); err != nil {
			return err
		}
		if err := writeFull(file, piece, offset); err != nil {
			return err
		}
	}
	return nil
}

// checkCopy reads the new file from its first frame to its last.
func checkCopy(file File, header segmentHeader, target *segment, end persistence.Position) error {
	var c cursor
	c.start(file, target.name, header, header.bytes)
	for {
		_, err := c.next()
		if errors.Is(err, errEnd) {
			break
		}
		if err != nil {
			return fmt.Errorf("check the copy of segment %s: %w", target.name, err)
		}
	}
	if c.offset != target.end || c.end.Sequence != end.Sequence || c.end.Hash != end.Hash {
		return fmt.Errorf("the copy of segment %s ends at offset %d with %s, not at %d with %s",
			target.name, c.offset, c.end, target.end, end)
	}
	return nil
}

// adopt takes over what was found.
func (j *Journal) adopt(found *history) {
	j.identity = found.journal
	j.segments = found.segments
	j.position = found.end
	j.appended = found.end.Sequence
	j.durable.Store(found.end.Sequence)
	j.tail, j.room = j.current.offset, j.current.bytes
	j.opening.Batches, j.opening.Records, j.opening.TornBytes = found.batches, found.records, found.tornBytes
	j.opening.End = found.end
	j.opening.Clean = found.watermark.valid && found.watermark.clean && found.watermark.position.Sequence == found.end.Sequence
	j.options.Log.Info("the journal is open", "journal", found.journal.String(), "first_sequence", found.begin.Sequence+1,
		"last_sequence", found.end.Sequence, "segments", len(found.segments), "clean", j.opening.Clean)
}
