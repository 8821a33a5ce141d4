package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"holdfast/persistence"
)

// reserveName is the file that a start on a full disk copies the last segment into.
const reserveName = "reserve"

// errNoReserve tells that there is no reserve, or too small a one.
var errNoReserve = errors.New("there is no reserve")

// readReserve returns the size of the reserve, 0 when there is none.
func readReserve(files FS, directory string) (bytes int64, err error) {
	file, err := files.Open(filepath.Join(directory, reserveName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("open the reserve: %w", err)
	}
	defer file.Close()
	if bytes, err = file.Size(); err != nil {
		return 0, fmt.Errorf("read the size of the reserve: %w", err)
	}
	return bytes, nil
}

// takeReserve gives the reserve the name and opens it. Its space is never given back
// on the way, so nobody else can take it. The name is durable before anything is
// written: were the reserve still known by its old name after the copy has become a
// segment, the next start could write into that segment.
func (j *Journal) takeReserve(path string, bytes int64) (File, error) {
	if j.reserve < bytes {
		return nil, errNoReserve
	}
	file, err := j.options.FS.OpenWrite(filepath.Join(j.options.Directory, reserveName))
	if err != nil {
		return nil, fmt.Errorf("open the reserve: %w", err)
	}
	if err := j.renameReserve(path); err != nil {
		return nil, errors.Join(fmt.Errorf("take the reserve: %w", err), file.Close())
	}
	j.reserve, j.reserveTaken = 0, true
	j.options.Log.Warn("the disk is full: the reserve of the journal is taken for the copy of its last segment")
	return file, nil
}

func (j *Journal) renameReserve(path string) error {
	files, directory := j.options.FS, j.options.Directory
	if err := files.Rename(filepath.Join(directory, reserveName), path); err != nil {
		return err
	}
	return files.SyncDirectory(directory)
}

// noRoom is the error of a start that has neither space nor a reserve.
func noRoom(target *segment, bytes int64, err error) error {
	return fmt.Errorf("%w: %d bytes are needed to write segment %s anew, which comes before anything is read or appended: %w",
		persistence.ErrJournalFull, bytes, target.name, err)
}

// keepReserve makes the reserve large enough for the current segment, which is all
// that a full disk may have room for, and then for those that will be prepared.
func (j *Journal) keepReserve(current int64) error {
	for _, bytes := range []int64{current, j.options.SegmentBytes} {
		if j.reserve >= bytes {
			continue
		}
		if err := j.untilRoom(func() error { return j.fillReserve(bytes) }); err != nil {
			return fmt.Errorf("make the reserve: %w", err)
		}
	}
	return nil
}

// fillReserve makes the reserve, or a larger one in the place of one that is too small.
func (j *Journal) fillReserve(bytes int64) error {
	made, err := j.fillSegment(reserveName+temporarySuffix, bytes)
	if err != nil {
		return err
	}
	files, directory := j.options.FS, j.options.Directory
	err = errors.Join(made.file.Close(),
		files.Rename(filepath.Join(directory, made.name), filepath.Join(directory, reserveName)))
	// A loss of power may take the first reserve back: then its space is free. It must
	// not bring back a smaller one, whose space may be that of a segment by then.
	if err == nil && j.reserve > 0 {
		err = files.SyncDirectory(directory)
	}
	if err != nil {
		return err
	}
	j.mutex.Lock()
	j.reserve = bytes
	j.mutex.Unlock()
	return nil
}
