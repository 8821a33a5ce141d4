package journal

import "holdfast/persistence"

// batch is a run of records that will become durable together.
type batch struct {
	// buffer is room for a segment header, a frame header, and the payload so far.
	buffer  []byte
	entries []persistence.Entry
	// first is the sequence of the first entry.
	first uint64
	// rolls tells that the batch has its place in the next segment.
	rolls bool
}

func newBatch() *batch {
	return &batch{buffer: make([]byte, segmentHeaderBytes+frameHeaderBytes)}
}

// frameBytes is the size of the frame without padding.
func (b *batch) frameBytes() int64 { return int64(len(b.buffer) - segmentHeaderBytes) }

// payloadBytes is the size of the records with their lengths.
func (b *batch) payloadBytes() int64 { return b.frameBytes() - frameHeaderBytes }

func (b *batch) last() uint64 { return b.first + uint64(len(b.entries)) - 1 }

// seal completes the frame after the position, pads it and returns its end.
func (b *batch) seal(before persistence.Position) persistence.Position {
	end := before
	end.Hash = sealFrame(b.buffer[segmentHeaderBytes:], before, len(b.entries))
	end.Sequence = b.last()
	var zeros [sectorBytes]byte
	bytes := b.frameBytes()
	b.buffer = append(b.buffer, zeros[:padded(bytes)-bytes]...)
	return end
}

// tell calls every entry, in order.
func (b *batch) tell(err error) {
	for i, entry := range b.entries {
		entry.Durable(b.first+uint64(i), err)
	}
}

// reset makes the batch empty and keeps its memory.
func (b *batch) reset() {
	clear(b.entries)
	b.entries = b.entries[:0]
	b.buffer = b.buffer[:segmentHeaderBytes+frameHeaderBytes]
	b.rolls = false
}
