package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	sectorBytes       = 512
	frameHeaderBytes  = 64
	recordHeaderBytes = 4
	// frameMagic is "HFB1" in the file.
	frameMagic = 0x31424648
	// checkedFrom and hashedFrom are where in a frame the checksum and the hash begin.
	checkedFrom = 8
	hashedFrom  = 12
)

// padded returns the bytes that a frame of n bytes takes in its file.
func padded(n int64) int64 { return (n + sectorBytes - 1) / sectorBytes * sectorBytes }

// frameHeader is the first 64 bytes of a frame; see the package comment.
type frameHeader struct {
	magic, checksum uint32
	payloadBytes    uint32
	records         uint32
	first           uint64
	epoch           uint32
	journal         inventory.ID
	previous        persistence.Hash
}

// bytes returns the frame's size without padding.
func (h *frameHeader) bytes() int64 { return frameHeaderBytes + int64(h.payloadBytes) }

// last returns the sequence of the frame's last record.
func (h *frameHeader) last() uint64 { return h.first + uint64(h.records) - 1 }

func decodeFrameHeader(data []byte) (h frameHeader) {
	h.magic = binary.LittleEndian.Uint32(data)
	h.checksum = binary.LittleEndian.Uint32(data[4:])
	h.payloadBytes = binary.LittleEndian.Uint32(data[8:])
	h.records = binary.LittleEndian.Uint32(data[12:])
	h.first = binary.LittleEndian.Uint64(data[16:])
	h.epoch = binary.LittleEndian.Uint32(data[24:])
	copy(h.journal[:], data[32:48])
	copy(h.previous[:], data[48:64])
	return h
}

// sealFrame writes the header in front of the payload in frame, which is not
// padded, and returns the batch's hash.
func sealFrame(frame []byte, end persistence.Position, records int) persistence.Hash {
	clear(frame[:frameHeaderBytes])
	binary.LittleEndian.PutUint32(frame, frameMagic)
	binary.LittleEndian.PutUint32(frame[8:], uint32(len(frame)-frameHeaderBytes))
	binary.LittleEndian.PutUint32(frame[12:], uint32(records))
	binary.LittleEndian.PutUint64(frame[16:], end.Sequence+1)
	binary.LittleEndian.PutUint32(frame[24:], end.Epoch)
	copy(frame[32:48], end.Journal[:])
	copy(frame[48:64], end.Hash[:])
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(frame[checkedFrom:], castagnoli))
	return hashFrame(frame)
}

// hashFrame returns the hash of the batch in frame, which is not padded.
func hashFrame(frame []byte) (hash persistence.Hash) {
	sum := sha256.Sum256(frame[hashedFrom:])
	copy(hash[:], sum[:])
	return hash
}

// splitRecords appends the records in payload to dst; ok is false when they are
// not exactly count.
func splitRecords(dst [][]byte, payload []byte, count uint32) (records [][]byte, ok bool) {
	for range count {
		if len(payload) < recordHeaderBytes {
			return dst, false
		}
		length := uint64(binary.LittleEndian.Uint32(payload))
		payload = payload[recordHeaderBytes:]
		if length > uint64(len(payload)) {
			return dst, false
		}
		dst = append(dst, payload[:length:length])
		payload = payload[length:]
	}
	return dst, len(payload) == 0
}
