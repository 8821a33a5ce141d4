package journal

import (
	"fmt"
	"hash/crc32"
)

// tail decides what the bytes after the last batch of the last segment are. They
// are a torn batch only if nothing valid follows: the batch after a torn one was
// never written. That they are above every mark is checked by finish.
func (i *inspector) tail(cause *Corruption) error {
	c := &i.cursor
	t := tailSearch{cursor: c, expected: c.end.Sequence + 1, buffer: make([]byte, windowBytes)}
	if err := t.run(); err != nil {
		return err
	}
	if t.found {
		reason := "zeros"
		if cause != nil {
			reason = cause.Reason
		}
		return c.corrupt(fmt.Sprintf("%s, but a valid batch with sequence %d follows at offset %d", reason, t.foundSequence, t.foundOffset))
	}
	if t.dirtyEnd > c.offset {
		i.history.tornBytes = t.dirtyEnd - c.offset
	}
	return nil
}

// tailSearch looks for frames of the journal in what follows its last batch.
type tailSearch struct {
	cursor *cursor
	// expected is the least sequence that would prove a loss.
	expected uint64
	buffer   []byte

	found         bool
	foundSequence uint64
	foundOffset   int64
	// dirtyEnd is the offset after the last byte that is not zero.
	dirtyEnd int64
}

func (t *tailSearch) run() error {
	for offset := t.cursor.offset; offset < t.cursor.limit && !t.found; offset += windowBytes {
		window := t.buffer[:min(windowBytes, t.cursor.limit-offset)]
		if err := readFull(t.cursor.file, window, offset); err != nil {
			return fmt.Errorf("read the tail of segment %s at offset %d: %w", t.cursor.name, offset, err)
		}
		if err := t.window(window, offset); err != nil {
			return err
		}
	}
	return nil
}

func (t *tailSearch) window(window []byte, offset int64) error {
	for at := 0; at < len(window) && !t.found; at += sectorBytes {
		sector := window[at:min(at+sectorBytes, len(window))]
		used := usedBytes(sector)
		if used == 0 {
			continue
		}
		t.dirtyEnd = offset + int64(at+used)
		if len(sector) < frameHeaderBytes {
			continue
		}
		if err := t.candidate(sector, offset+int64(at)); err != nil {
			return err
		}
	}
	return nil
}

func usedBytes(data []byte) int {
	for n := len(data); n > 0; n-- {
		if data[n-1] != 0 {
			return n
		}
	}
	return 0
}

func (t *tailSearch) candidate(sector []byte, offset int64) error {
	header := decodeFrameHeader(sector)
	if header.magic != frameMagic || header.journal != t.cursor.end.Journal ||
		header.first < t.expected || header.bytes() > t.cursor.limit-offset {
		return nil
	}
	checksum, err := t.checksum(offset+checkedFrom, header.bytes()-checkedFrom)
	if err != nil || checksum != header.checksum {
		return err
	}
	t.found, t.foundSequence, t.foundOffset = true, header.first, offset
	return nil
}

// checksum reads n bytes piece by piece, since a damaged length may be a large one.
func (t *tailSearch) checksum(offset, n int64) (checksum uint32, err error) {
	var piece [4 * sectorBytes]byte
	for n > 0 {
		part := piece[:min(int64(len(piece)), n)]
		if err := readFull(t.cursor.file, part, offset); err != nil {
			return 0, fmt.Errorf("read the tail of segment %s at offset %d: %w", t.cursor.name, offset, err)
		}
		checksum = crc32.Update(checksum, castagnoli, part)
		offset += int64(len(part))
		n -= int64(len(part))
	}
	return checksum, nil
}
