package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	segmentHeaderBytes = 4096
	segmentMagic       = "HOLDFAST"
	segmentVersion     = 1
	sequenceDigits     = 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segmentHeader is the first 4096 bytes of a segment; see the package comment.
type segmentHeader struct {
	journal inventory.ID
	epoch   uint32
	// first is the sequence of the segment's first record.
	first uint64
	// previous is the hash of the batch before.
	previous persistence.Hash
	// bytes is the size of the file.
	bytes int64
}

// before returns the position that the segment begins after.
func (h segmentHeader) before() persistence.Position {
	return persistence.Position{Journal: h.journal, Epoch: h.epoch, Sequence: h.first - 1, Hash: h.previous}
}

// encode fills dst, which has segmentHeaderBytes.
func (h segmentHeader) encode(dst []byte) {
	clear(dst)
	copy(dst, segmentMagic)
	binary.LittleEndian.PutUint32(dst[8:], segmentVersion)
	binary.LittleEndian.PutUint32(dst[12:], h.epoch)
	copy(dst[16:32], h.journal[:])
	binary.LittleEndian.PutUint64(dst[32:], h.first)
	copy(dst[40:56], h.previous[:])
	binary.LittleEndian.PutUint64(dst[56:], uint64(h.bytes))
	binary.LittleEndian.PutUint32(dst[segmentHeaderBytes-4:], crc32.Checksum(dst[:segmentHeaderBytes-4], castagnoli))
}

// readSegmentHeader reads and verifies the header of the segment with that name.
func readSegmentHeader(file File, name string) (segmentHeader, error) {
	var header segmentHeader
	first, ok := parseSegmentName(name)
	if !ok {
		return header, corrupt(name, 0, 0, "the name of the file is not that of a segment")
	}
	data := make([]byte, segmentHeaderBytes)
	size, err := file.Size()
	if err != nil {
		return header, fmt.Errorf("read the size of segment %s: %w", name, err)
	}
	if size < segmentHeaderBytes {
		return header, corrupt(name, 0, first, "%d bytes are left of the file", size)
	}
	if err := readFull(file, data, 0); err != nil {
		return header, fmt.Errorf("read the header of segment %s: %w", name, err)
	}
	return header, header.decode(data, name, first)
}

func (h *segmentHeader) decode(data []byte, name string, first uint64) error {
	checksum := binary.LittleEndian.Uint32(data[segmentHeaderBytes-4:])
	if string(data[:8]) != segmentMagic || checksum != crc32.Checksum(data[:segmentHeaderBytes-4], castagnoli) {
		return corrupt(name, 0, first, "the header of the segment is damaged")
	}
	if version := binary.LittleEndian.Uint32(data[8:]); version != segmentVersion {
		return fmt.Errorf("%w: segment %s has version %d, known is %d", ErrVersion, name, version, segmentVersion)
	}
	h.epoch = binary.LittleEndian.Uint32(data[12:])
	copy(h.journal[:], data[16:32])
	h.first = binary.LittleEndian.Uint64(data[32:])
	copy(h.previous[:], data[40:56])
	h.bytes = int64(binary.LittleEndian.Uint64(data[56:]))
	if h.first != first || h.first == 0 {
		return corrupt(name, 0, first, "the header says that the segment begins with sequence %d", h.first)
	}
	if h.bytes < segmentHeaderBytes || h.bytes > segmentBytesMax {
		return corrupt(name, 0, first, "the header says that the segment has %d bytes", h.bytes)
	}
	return nil
}

// segmentName returns the name of the segment that begins with the sequence.
func segmentName(first uint64) string {
	return fmt.Sprintf("%0*d%s", sequenceDigits, first, segmentSuffix)
}

func parseSegmentName(name string) (first uint64, ok bool) {
	digits, found := strings.CutSuffix(name, segmentSuffix)
	if !found || len(digits) != sequenceDigits {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil
}
