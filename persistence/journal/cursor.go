package journal

import (
	"errors"
	"fmt"
	"hash/crc32"

	"holdfast/persistence"
)

// errEnd tells that there is no frame at the cursor: zeros, or the limit.
var errEnd = errors.New("no frame")

// windowBytes is how much a cursor reads at a time, when a frame does not need more.
const windowBytes = 64 << 10

// cursor reads the frames of one segment in order and verifies each against the
// one before. It keeps at most one frame, or one window, in memory.
type cursor struct {
	file File
	name string
	// offset is where the next frame begins; no byte at or after limit is read.
	offset, limit int64
	// end is the position after the last frame.
	end persistence.Position

	// window holds the bytes of the file from windowOffset on.
	window       []byte
	windowOffset int64
	records      [][]byte
}

// start moves the cursor to the first frame of a segment.
func (c *cursor) start(file File, name string, header segmentHeader, limit int64) {
	c.file, c.name, c.limit = file, name, limit
	c.offset, c.end = segmentHeaderBytes, header.before()
	c.window = c.window[:0]
}

// next returns the batch at the cursor and moves behind it. It returns errEnd, or
// a *Corruption and stays where it is when the bytes are not the batch that has
// to follow. The records are valid until the next call.
func (c *cursor) next() (persistence.Batch, error) {
	var batch persistence.Batch
	if c.offset+frameHeaderBytes > c.limit {
		return batch, errEnd
	}
	data, err := c.read(frameHeaderBytes)
	if err != nil {
		return batch, err
	}
	header := decodeFrameHeader(data)
	if header.magic == 0 {
		return batch, errEnd
	}
	if reason := c.refuse(&header); reason != "" {
		return batch, c.corrupt(reason)
	}
	frame, err := c.read(header.bytes())
	if err != nil {
		return batch, err
	}
	if crc32.Checksum(frame[checkedFrom:], castagnoli) != header.checksum {
		return batch, c.corrupt("the checksum of the batch is wrong")
	}
	if reason := c.unlinked(&header); reason != "" {
		return batch, c.corrupt(reason)
	}
	return c.accept(&header, frame)
}

// refuse looks at what has to hold before the payload is read: every length is
// within the file.
func (c *cursor) refuse(header *frameHeader) string {
	switch {
	case header.magic != frameMagic:
		return "there is no batch, and not the zeros after the last one"
	case header.bytes() > c.limit-c.offset:
		return "the batch reaches beyond the end of the segment"
	case header.records == 0 || int64(header.records)*recordHeaderBytes > int64(header.payloadBytes):
		return "the number of records is impossible"
	}
	return ""
}

// unlinked tells why an intact batch is not the one that has to follow.
func (c *cursor) unlinked(header *frameHeader) string {
	switch {
	case header.journal != c.end.Journal:
		return fmt.Sprintf("the batch belongs to the journal %s, not %s", header.journal, c.end.Journal)
	case header.first != c.end.Sequence+1:
		return fmt.Sprintf("the batch begins with sequence %d", header.first)
	case header.previous != c.end.Hash:
		return "the batch continues another history: the hash before it differs"
	case header.epoch < c.end.Epoch:
		return fmt.Sprintf("the epoch of the batch is %d, and that before it %d", header.epoch, c.end.Epoch)
	}
	return ""
}

func (c *cursor) accept(header *frameHeader, frame []byte) (persistence.Batch, error) {
	records, ok := splitRecords(c.records[:0], frame[frameHeaderBytes:], header.records)
	c.records = records
	if !ok {
		return persistence.Batch{}, c.corrupt("the records do not fill the batch")
	}
	bytes := padded(header.bytes())
	c.offset += bytes
	c.end = persistence.Position{Journal: header.journal, Epoch: header.epoch, Sequence: header.last(), Hash: hashFrame(frame)}
	return persistence.Batch{First: header.first, End: c.end, Records: records, Bytes: bytes}, nil
}

func (c *cursor) corrupt(reason string) *Corruption {
	return corrupt(c.name, c.offset, c.end.Sequence+1, "%s", reason)
}

// read returns n bytes at the offset; the caller has checked that they are within
// the limit.
func (c *cursor) read(n int64) ([]byte, error) {
	start := c.offset - c.windowOffset
	if start >= 0 && start+n <= int64(len(c.window)) {
		return c.window[start : start+n], nil
	}
	want := min(max(n, windowBytes), c.limit-c.offset)
	if int64(cap(c.window)) < want {
		c.window = make([]byte, max(want, windowBytes))
	}
	c.window = c.window[:want]
	c.windowOffset = c.offset
	if err := readFull(c.file, c.window, c.offset); err != nil {
		c.window = c.window[:0]
		return nil, fmt.Errorf("read %d bytes at offset %d of segment %s: %w", want, c.offset, c.name, err)
	}
	return c.window[:n], nil
}
