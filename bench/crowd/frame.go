package crowd

import "encoding/binary"

// The operations of RFC 6455 that are met here.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

const (
	finalBit = 0x80
	maskBit  = 0x80
	// messageBytesMax bounds what a server sends in one message: the buffer of a loop.
	messageBytesMax = 64 << 10
)

// frame is one frame of a server.
type frame struct {
	operation byte
	payload   []byte
}

// nextFrame takes the first frame off data. size is zero when it is not there whole; broken
// says that it is none that a server may send, or that this reader does not read.
func nextFrame(data []byte) (f frame, size int, broken bool) {
	if len(data) < 2 {
		return f, 0, false
	}
	// A message in several frames, a reserved bit, or a mask.
	if data[0]&0xf0 != finalBit || data[1]&maskBit != 0 {
		return f, 0, true
	}
	head, length := 2, uint64(data[1])
	switch length {
	case 126:
		if head = 4; len(data) >= head {
			length = uint64(binary.BigEndian.Uint16(data[2:]))
		}
	case 127:
		if head = 10; len(data) >= head {
			length = binary.BigEndian.Uint64(data[2:])
		}
	}
	switch {
	case len(data) < head:
		return f, 0, false
	case length > messageBytesMax-10:
		return f, 0, true
	case len(data) < head+int(length):
		return f, 0, false
	}
	size = head + int(length)
	return frame{data[0] & 0x0f, data[head:size]}, size, false
}

// appendFrame appends a frame of a client. Clients must mask; with zeros it changes nothing.
func appendFrame(dst []byte, operation byte, payload string) []byte {
	dst = append(dst, finalBit|operation)
	if len(payload) <= 125 {
		dst = append(dst, maskBit|byte(len(payload)))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, maskBit|126), uint16(len(payload))) // no command has 64 KiB
	}
	return append(append(dst, 0, 0, 0, 0), payload...)
}

// closeCode reads why a server closes; 1005 is no reason.
func closeCode(payload []byte) int {
	if len(payload) < 2 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(payload))
}
