package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const (
	// retryPause is how often the preparer asks a full disk for space.
	retryPause = 250 * time.Millisecond
	// zeroBytes is how much is zero-filled at a time, and zeroSyncBytes how much
	// between two syncs, so that a batch never waits behind a whole segment.
	zeroBytes     = 1 << 20
	zeroSyncBytes = 8 << 20
)

// errStopped ends the filling of a segment that nobody needs any more.
var errStopped = errors.New("the journal ends")

// preparedSegment is a zero-filled, synced file that waits for its name.
type preparedSegment struct {
	file  File
	name  string
	bytes int64
}

// prepare is the preparer: it makes the reserve and then keeps one segment ahead of
// the writer. A full disk makes it try again; any other error is a fault, which ends
// the journal. No segment is begun that the reserve is too small for.
func (j *Journal) prepare(current int64) {
	defer close(j.preparerDone)
	defer j.attempted()
	err := j.keepReserve(current)
	for number := 1; err == nil; number++ {
		err = j.prepareOne(number)
		if err == nil {
			j.attempted()
			err = j.needed()
		}
	}
	if !errors.Is(err, errStopped) {
		j.raise(fmt.Errorf("prepare a segment: %w", err))
	}
}

// needed waits until the prepared segment was taken.
func (j *Journal) needed() error {
	select {
	case <-j.need:
		return nil
	case <-j.stop.Done():
		return errStopped
	}
}

// attempted tells Open that room was made, or that there is none.
func (j *Journal) attempted() {
	select {
	case <-j.firstAttempt:
	default:
		close(j.firstAttempt)
	}
}

func (j *Journal) prepareOne(number int) error {
	return j.untilRoom(func() error {
		segment, err := j.fillSegment(fmt.Sprintf("prepared-%d%s", number, temporarySuffix), j.options.SegmentBytes)
		if err == nil {
			j.offer(segment)
		}
		return err
	})
}

// untilRoom tries until it does not fail for lack of space.
func (j *Journal) untilRoom(try func() error) error {
	for {
		err := try()
		if !noSpace(err) {
			return err
		}
		j.refuse(err)
		j.attempted()
		if err := j.pause(); err != nil {
			return err
		}
	}
}

// fillSegment makes the file. After an error it gives the space back to others.
func (j *Journal) fillSegment(name string, bytes int64) (*preparedSegment, error) {
	path := filepath.Join(j.options.Directory, name)
	file, err := j.options.FS.Create(path)
	if err != nil {
		return nil, err
	}
	err = j.fill(file, bytes)
	if err == nil {
		return &preparedSegment{file: file, name: name, bytes: bytes}, nil
	}
	// The file was never part of the journal, so its failure to close says nothing.
	_ = file.Close()
	if removeErr := j.options.FS.Remove(path); removeErr != nil && noSpace(err) {
		return nil, removeErr
	}
	return nil, err
}

func (j *Journal) fill(file File, bytes int64) error {
	if err := file.Allocate(bytes); err != nil {
		return err
	}
	return zeroFill(file, 0, bytes, j.stop.Err)
}

// zeroFill writes zeros from one offset up to another and syncs them, unless
// stopped returns an error.
func zeroFill(file File, from, to int64, stopped func() error) error {
	zeros := make([]byte, min(zeroBytes, to-from))
	unsynced := int64(0)
	for from < to {
		if stopped() != nil {
			return errStopped
		}
		piece := zeros[:min(int64(len(zeros)), to-from)]
		if err := writeFull(file, piece, from); err != nil {
			return err
		}
		from += int64(len(piece))
		unsynced += int64(len(piece))
		if unsynced >= zeroSyncBytes && from < to {
			if err := file.Sync(); err != nil {
				return err
			}
			unsynced = 0
		}
	}
	return file.Sync()
}

// offer hands a segment over.
func (j *Journal) offer(segment *preparedSegment) {
	j.mutex.Lock()
	wasFull := j.full
	j.prepared, j.full = segment, false
	j.mutex.Unlock()
	if wasFull {
		j.options.Log.Info("there is disk space for the journal again")
	}
}

// refuse notes, and logs once, that the disk is full.
func (j *Journal) refuse(err error) {
	j.mutex.Lock()
	wasFull := j.full
	j.full = true
	j.mutex.Unlock()
	if !wasFull {
		j.options.Log.Error("the disk has no room for the next segment of the journal: records are refused when the current one is full",
			"segment_bytes", j.options.SegmentBytes, "error", err)
	}
}

// pause waits before the next try.
func (j *Journal) pause() error {
	over := make(chan struct{})
	timer := j.options.Clock.AfterFunc(retryPause, func() { close(over) })
	defer timer.Stop()
	select {
	case <-over:
		return nil
	case <-j.stop.Done():
		return errStopped
	}
}

// raise ends the journal with a fault of the preparer.
func (j *Journal) raise(err error) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.fault == nil {
		j.fault = err
	}
	j.wake.Signal()
}

// discardPrepared gives the space of the prepared segment back. The next start
// does it too, so nothing is synced.
func (j *Journal) discardPrepared() error {
	if j.prepared == nil {
		return nil
	}
	return errors.Join(j.prepared.file.Close(), j.options.FS.Remove(filepath.Join(j.options.Directory, j.prepared.name)))
}
