package journal

import (
	"fmt"
	"path/filepath"
)

// Release implements [persistence.Journal]. It deletes whole segments, from the
// oldest on, except those that Options.RetainBytes keeps and the current one.
func (j *Journal) Release(sequence uint64) error {
	j.releasing.Lock()
	defer j.releasing.Unlock()
	for _, name := range j.releasable(min(sequence, j.DurableSequence())) {
		if err := j.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// releasable returns the names of the segments to delete, oldest first.
func (j *Journal) releasable(sequence uint64) []string {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.ended != nil || j.fault != nil {
		return nil
	}
	below := 0
	for below < len(j.segments)-1 && j.segments[below].last <= sequence {
		below++
	}
	for retained := int64(0); below > 0 && retained < j.options.RetainBytes; {
		below--
		retained += j.segments[below].bytes
	}
	names := make([]string, below)
	for i := range names {
		names[i] = j.segments[i].name
	}
	return names
}

// remove deletes the oldest segment. Its removal is synced before the next one: a
// crash must not leave a gap. A failed sync of the directory is one of the journal.
func (j *Journal) remove(name string) error {
	fs, directory := j.options.FS, j.options.Directory
	if err := fs.Remove(filepath.Join(directory, name)); err != nil {
		return fmt.Errorf("release segment %s: %w", name, err)
	}
	j.mutex.Lock()
	j.segments = j.segments[1:]
	j.mutex.Unlock()
	if err := fs.SyncDirectory(directory); err != nil {
		err = fmt.Errorf("release segment %s: sync the directory: %w", name, err)
		j.raise(err)
		return err
	}
	return nil
}
