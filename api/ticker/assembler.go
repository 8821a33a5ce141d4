package ticker

import (
	"encoding/binary"
	"sync"
	"unicode/utf8"
)

// Bits and operations of frames (RFC 6455 §5.2).
const (
	finalBit     = 0x80
	reservedBits = 0x70
	maskBit      = 0x80

	operationContinue = 0x0
	operationText     = 0x1
	operationBinary   = 0x2
	operationClose    = 0x8
	operationPing     = 0x9
	operationPong     = 0xa
)

// receivedHeaderBytesMax is the longest header of a frame of a client: two bytes, a length
// of eight, and the mask.
const receivedHeaderBytesMax = 2 + 8 + 4

// messageBuffer has room for the longest message, or what is read at once.
type messageBuffer [messageBytesMax]byte

// messages are buffers for what peers send: a connection has one only while it reads, or
// while a message has not come whole.
var messages = sync.Pool{New: func() any { return new(messageBuffer) }}

// received is a whole message or control frame of a peer. Its payload is good until the
// call that it is given to returns.
type received struct {
	operation byte
	payload   []byte
}

// assembler makes messages of what a connection sends, in whatever pieces it comes. Between
// messages it holds no buffer. The zero assembler is at the beginning of a frame.
type assembler struct {
	// header is that of the frame in hand, of which so many bytes have come.
	header      [receivedHeaderBytesMax]byte
	headerBytes uint8
	// operation is that of the frame in hand, message that of the message in hand; zero for
	// none.
	operation, message byte
	final              bool
	inPayload          bool
	mask               [4]byte
	// length is that of the payload in hand, of which so many bytes have come.
	length, come uint16
	// buffer holds what has come of a message, messageBytes of it, and control what has come
	// of a control frame.
	buffer       *messageBuffer
	messageBytes uint16
	control      *[controlPayloadMax]byte
}

// closeError is a reason of ours to read no further. Reason is told to the peer of a broken
// protocol.
type closeError struct {
	code   CloseCode
	reason string
}

func (e closeError) Error() string { return "closed: " + e.reason }

func broken(reason string) error { return closeError{closeBroken, reason} }

// began reports whether something has come that is not whole.
func (a *assembler) began() bool { return a.headerBytes > 0 || a.message != 0 }

// feed takes what has come, and calls handle with each message and control frame that is
// whole with it. It changes data. An error, also one of handle, ends the connection.
func (a *assembler) feed(data []byte, handle func(received) error) error {
	for len(data) > 0 {
		if !a.inPayload {
			taken, whole := a.takeHeader(data)
			if data = data[taken:]; !whole {
				return nil
			}
			if err := a.open(); err != nil {
				return err
			}
		}
		part := data[:min(len(data), int(a.length-a.come))]
		data = data[len(part):]
		for i := range part {
			part[i] ^= a.mask[(int(a.come)+i)&3]
		}
		whole := int(a.come)+len(part) == int(a.length)
		if err := a.take(part, whole, handle); err != nil {
			return err
		}
	}
	return nil
}

// takeHeader takes bytes of a header until it is whole.
func (a *assembler) takeHeader(data []byte) (taken int, whole bool) {
	for {
		need := a.headerNeed()
		if int(a.headerBytes) == need {
			return taken, true
		}
		if taken == len(data) {
			return taken, false
		}
		a.header[a.headerBytes] = data[taken]
		a.headerBytes++
		taken++
	}
}

// headerNeed is how long the header is, as far as that is known.
func (a *assembler) headerNeed() int {
	if a.headerBytes < 2 {
		return 2
	}
	need := 2
	switch a.header[1] &^ maskBit {
	case 126:
		need += 2
	case 127:
		need += 8
	}
	if a.header[1]&maskBit != 0 {
		need += len(a.mask)
	}
	return need
}

// open begins a frame whose header is whole, or says what is wrong with it.
func (a *assembler) open() error {
	first, second := a.header[0], a.header[1]
	length, rest := uint64(second&^maskBit), a.header[2:]
	switch length {
	case 126:
		length, rest = uint64(binary.BigEndian.Uint16(rest)), rest[2:]
	case 127:
		length, rest = binary.BigEndian.Uint64(rest), rest[8:]
	}
	a.operation, a.final = first&0x0f, first&finalBit != 0
	switch {
	case first&reservedBits != 0:
		return broken("reserved bits are set")
	case second&maskBit == 0:
		return broken("a frame is not masked")
	case a.operation >= operationClose:
		return a.openControl(length, rest)
	case a.operation > operationBinary:
		return broken("unknown operation")
	case a.operation == operationContinue && a.message == 0:
		return broken("a frame continues nothing")
	case a.operation != operationContinue && a.message != 0:
		return broken("a message begins inside of another one")
	case length > messageBytesMax-uint64(a.messageBytes):
		return closeError{closeTooBig, ""}
	}
	if a.operation != operationContinue {
		a.message = a.operation
	}
	a.begin(length, rest)
	return nil
}

func (a *assembler) openControl(length uint64, rest []byte) error {
	switch {
	case a.operation > operationPong:
		return broken("unknown operation")
	case !a.final:
		return broken("a control frame is not final")
	case length > controlPayloadMax:
		return broken("a control frame is too long")
	}
	a.begin(length, rest)
	return nil
}

func (a *assembler) begin(length uint64, rest []byte) {
	copy(a.mask[:], rest)
	a.length, a.come, a.inPayload = uint16(length), 0, true // #nosec G115 -- within messageBytesMax
}

// take takes a part of a payload, unmasked. What is whole is handled.
func (a *assembler) take(part []byte, whole bool, handle func(received) error) error {
	control := a.operation >= operationClose
	if whole && a.come == 0 && (control || a.final && a.messageBytes == 0) {
		return a.end(part, handle) // all of it is here: nothing is copied
	}
	if control {
		if a.control == nil {
			a.control = new([controlPayloadMax]byte)
		}
		copy(a.control[a.come:], part)
	} else {
		if a.buffer == nil {
			a.buffer = messages.Get().(*messageBuffer)
		}
		copy(a.buffer[a.messageBytes:], part)
		a.messageBytes += uint16(len(part)) // #nosec G115 -- within messageBytesMax
	}
	a.come += uint16(len(part)) // #nosec G115 -- as above
	switch {
	case !whole:
		return nil
	case control:
		return a.end(a.control[:a.length], handle)
	case !a.final:
		a.headerBytes, a.inPayload = 0, false
		return nil
	}
	return a.end(a.buffer[:a.messageBytes], handle)
}

// end handles a payload that is whole, and forgets it.
func (a *assembler) end(payload []byte, handle func(received) error) error {
	a.headerBytes, a.inPayload = 0, false
	if a.operation >= operationClose {
		operation := a.operation
		err := handle(received{operation, payload})
		a.control = nil
		return err
	}
	kind := a.message
	a.message, a.messageBytes = 0, 0
	if kind == operationText && !utf8.Valid(payload) {
		a.release()
		return closeError{closeInvalidText, ""}
	}
	err := handle(received{kind, payload})
	a.release()
	return err
}

// release gives the buffer back.
func (a *assembler) release() {
	if a.buffer != nil {
		messages.Put(a.buffer)
		a.buffer = nil
	}
}

// peerClosed is a close frame of the peer.
type peerClosed struct{ code CloseCode }

func (peerClosed) Error() string { return "the peer closes" }

// readClose reads the payload of a close frame: what it means, or what is wrong with it.
func readClose(payload []byte) error {
	switch {
	case len(payload) == 0:
		return peerClosed{closeNoCode}
	case len(payload) == 1:
		return broken("a close has half a code")
	}
	code := CloseCode(binary.BigEndian.Uint16(payload))
	switch {
	case !code.fromPeer():
		return broken("a close has a code that there is not")
	case !utf8.Valid(payload[2:]):
		return closeError{closeInvalidText, ""}
	}
	return peerClosed{code}
}

// fromPeer reports whether a peer may close with the code (RFC 6455 §7.4).
func (c CloseCode) fromPeer() bool {
	switch {
	case c >= 3000 && c < 5000:
		return true
	case c < closeNormal || c > 1014:
		return false
	}
	return c != 1004 && c != closeNoCode && c != 1006
}
