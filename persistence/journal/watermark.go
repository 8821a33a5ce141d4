package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"holdfast/persistence"
)

const (
	watermarkBytes = 64
	watermarkMagic = "HFWATER1"
)

// watermark is the file that says what was acknowledged, at least; see the package
// comment.
type watermark struct {
	file File
	data [watermarkBytes]byte
}

// openWatermark opens the file for writing, and makes it durably when it is missing.
func openWatermark(fs FS, directory string, present bool) (*watermark, error) {
	name := filepath.Join(directory, watermarkName)
	if present {
		file, err := fs.OpenWrite(name)
		if err != nil {
			return nil, fmt.Errorf("open the watermark: %w", err)
		}
		return &watermark{file: file}, nil
	}
	file, err := fs.Create(name)
	if err != nil {
		return nil, fmt.Errorf("make the watermark: %w", err)
	}
	if err := errors.Join(writeFull(file, make([]byte, watermarkBytes), 0), file.Sync(), fs.SyncDirectory(directory)); err != nil {
		return nil, errors.Join(fmt.Errorf("make the watermark: %w", err), file.Close())
	}
	return &watermark{file: file}, nil
}

// write notes that everything up to the position may be acknowledged. It does not
// sync: a watermark that a loss of power takes back is still a lower bound.
func (w *watermark) write(position persistence.Position, clean bool) error {
	data := w.data[:]
	clear(data)
	copy(data, watermarkMagic)
	copy(data[8:24], position.Journal[:])
	copy(data[24:40], position.Hash[:])
	binary.LittleEndian.PutUint64(data[40:], position.Sequence)
	binary.LittleEndian.PutUint32(data[48:], position.Epoch)
	if clean {
		data[52] = 1
	}
	binary.LittleEndian.PutUint32(data[60:], crc32.Checksum(data[:60], castagnoli))
	if err := writeFull(w.file, data, 0); err != nil {
		return fmt.Errorf("write the watermark: %w", err)
	}
	return nil
}

// note is what a watermark file says.
type note struct {
	// present tells that the file exists; valid that its checksum is right.
	present, valid bool
	position       persistence.Position
	clean          bool
}

// readWatermark reads the file. One that is missing or damaged is no evidence, and
// no error.
func readWatermark(files FS, directory string) (note, error) {
	file, err := files.Open(filepath.Join(directory, watermarkName))
	if errors.Is(err, fs.ErrNotExist) {
		return note{}, nil
	}
	if err != nil {
		return note{}, fmt.Errorf("open the watermark: %w", err)
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return note{}, fmt.Errorf("read the size of the watermark: %w", err)
	}
	if size < watermarkBytes {
		return note{present: true}, nil
	}
	var data [watermarkBytes]byte
	if err := readFull(file, data[:], 0); err != nil {
		return note{}, fmt.Errorf("read the watermark: %w", err)
	}
	return decodeWatermark(data[:]), nil
}

func decodeWatermark(data []byte) note {
	n := note{present: true}
	if string(data[:8]) != watermarkMagic || binary.LittleEndian.Uint32(data[60:]) != crc32.Checksum(data[:60], castagnoli) {
		return n
	}
	n.valid = true
	n.clean = data[52] == 1
	copy(n.position.Journal[:], data[8:24])
	copy(n.position.Hash[:], data[24:40])
	n.position.Sequence = binary.LittleEndian.Uint64(data[40:])
	n.position.Epoch = binary.LittleEndian.Uint32(data[48:])
	return n
}
