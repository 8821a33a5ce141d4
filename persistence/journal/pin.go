package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"holdfast/persistence"
)

// Pinned are the segments of a journal, held open so that they can be copied although
// the journal, of this process or another, deletes them meanwhile.
type Pinned struct {
	fs        FS
	directory string
	files     map[string]File
}

// Pin opens the segments that are in the directory now. What the journal appends
// afterwards is copied too. Close it.
func Pin(fs FS, directory string) (*Pinned, error) {
	p := &Pinned{fs: fs, directory: directory, files: make(map[string]File)}
	if err := p.openNew(); err != nil {
		return nil, errors.Join(fmt.Errorf("hold the journal in %s: %w", directory, err), p.Close())
	}
	return p, nil
}

// openNew opens segments that are not open yet. One that was deleted after it was listed
// is older than those that are open.
func (p *Pinned) openNew() error {
	names, err := segmentNames(p.fs, p.directory)
	if err != nil {
		return err
	}
	for _, name := range names {
		if p.files[name] != nil {
			continue
		}
		file, err := p.fs.Open(filepath.Join(p.directory, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("open segment %s: %w", name, err)
		}
		p.files[name] = file
	}
	return nil
}

// Close lets the files go.
func (p *Pinned) Close() error {
	var failures []error
	for _, file := range p.files {
		failures = append(failures, file.Close())
	}
	clear(p.files)
	return errors.Join(failures...)
}

// CopyTo copies what is durable now into a directory that it makes, and syncs it. It
// returns the position after the last record of the copy, which is verified from its
// first byte to its last, and against projected, the position of a copy of the database
// that was made since Pin. The copy opens as a journal does after a crash. The error is
// [ErrReleased] when the journal has deleted records after projected meanwhile: then both
// copies have to be made anew.
func (p *Pinned) CopyTo(target string, projected persistence.Position) (end persistence.Position, err error) {
	begin, err := p.copyTo(target)
	if err == nil && begin.Sequence > projected.Sequence {
		err = fmt.Errorf("%w: it begins after %s, and the database ends with %s", ErrReleased, begin, projected)
	}
	if err != nil {
		return end, fmt.Errorf("copy the journal in %s: %w", p.directory, err)
	}
	report, err := Verify(p.fs, target, projected)
	return report.End, err
}

// copyTo returns the position that the copy begins after.
func (p *Pinned) copyTo(target string) (begin persistence.Position, err error) {
	// The watermark comes first: whatever it says is in the segments that follow.
	watermark, err := readWatermark(p.fs, p.directory)
	if err != nil {
		return begin, err
	}
	if err := p.openNew(); err != nil {
		return begin, err
	}
	if err := p.fs.MakeDirectory(target); err != nil {
		return begin, err
	}
	if begin, err = p.copySegments(target); err != nil {
		return begin, err
	}
	if watermark.valid {
		if err := writeCopiedWatermark(p.fs, target, watermark.position); err != nil {
			return begin, err
		}
	}
	return begin, p.fs.SyncDirectory(target)
}

// copySegments copies the segments that follow each other up to the newest, and returns
// the position that the first of them begins after.
func (p *Pinned) copySegments(target string) (begin persistence.Position, err error) {
	names := slices.Sorted(maps.Keys(p.files))
	var copied []string
	var end persistence.Position
	for i, name := range names {
		before, after, err := p.copySegment(name, target, i == len(names)-1)
		if err != nil {
			return begin, fmt.Errorf("copy segment %s: %w", name, err)
		}
		if len(copied) > 0 && before.Sequence > end.Sequence {
			// One between was deleted before it could be opened.
			if err := p.removeCopies(target, copied); err != nil {
				return begin, err
			}
			copied = nil
		}
		if len(copied) == 0 {
			begin = before
		}
		copied, end = append(copied, name), after
	}
	return begin, nil
}

func (p *Pinned) removeCopies(target string, names []string) error {
	for _, name := range names {
		if err := p.fs.Remove(filepath.Join(target, name)); err != nil {
			return fmt.Errorf("remove the copy of segment %s: %w", name, err)
		}
	}
	return nil
}

// copySegment copies the header and the batches of one segment, and returns the
// positions before and after. A batch that is being written ends the last segment, like
// zeros: nobody was told of it.
func (p *Pinned) copySegment(name, target string, last bool) (before, after persistence.Position, err error) {
	source := p.files[name]
	header, err := readSegmentHeader(source, name)
	if err != nil {
		return before, after, err
	}
	size, err := source.Size()
	if err != nil {
		return before, after, err
	}
	var c cursor
	c.start(source, name, header, min(size, header.bytes))
	if err := toEnd(&c, last); err != nil {
		return before, after, err
	}
	return header.before(), c.end, writeCopy(p.fs, filepath.Join(target, name), header, source, c.offset)
}

// toEnd moves the cursor behind the last intact batch. What follows may be torn in the
// last segment only.
func toEnd(c *cursor, last bool) error {
	for {
		_, err := c.next()
		if err == nil {
			continue
		}
		if _, damaged := errors.AsType[*Corruption](err); damaged && last || errors.Is(err, errEnd) {
			return nil
		}
		return err
	}
}

func writeCopy(fs FS, path string, header segmentHeader, source File, end int64) (err error) {
	file, err := fs.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	data := make([]byte, segmentHeaderBytes)
	header.encode(data)
	if err := writeFull(file, data, 0); err != nil {
		return err
	}
	if end > segmentHeaderBytes {
		if err := copyFrames(file, source, end); err != nil {
			return err
		}
	}
	return file.Sync()
}

func writeCopiedWatermark(fs FS, directory string, position persistence.Position) error {
	copied, err := openWatermark(fs, directory, false)
	if err != nil {
		return err
	}
	return errors.Join(copied.write(position, false), copied.file.Sync(), copied.file.Close())
}
