package ticker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// appendMasked appends a frame of a client.
func appendMasked(dst []byte, first byte, payload []byte, mask [4]byte) []byte {
	switch size := len(payload); {
	case size < 126:
		dst = append(dst, first, maskBit|byte(size))
	case size < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, maskBit|126), uint16(size))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, maskBit|127), uint64(size))
	}
	dst = append(dst, mask[:]...)
	for i := range payload {
		dst = append(dst, payload[i]^mask[i&3])
	}
	return dst
}

// assembled is what an assembler makes of pieces, as text, and its error.
func assembled(pieces [][]byte) (events []string, err error) {
	var a assembler
	for _, piece := range pieces {
		if err = a.feed(bytes.Clone(piece), func(one received) error {
			events = append(events, fmt.Sprintf("%d %q", one.operation, one.payload))
			return nil
		}); err != nil {
			break
		}
	}
	return events, err
}

// drawPieces cuts data anywhere.
func drawPieces(t *rapid.T, data []byte) (pieces [][]byte) {
	for len(data) > 0 {
		size := rapid.IntRange(1, len(data)).Draw(t, "piece")
		if rapid.Bool().Draw(t, "short") {
			size = min(size, rapid.IntRange(1, 16).Draw(t, "size"))
		}
		pieces, data = append(pieces, data[:size]), data[size:]
	}
	return pieces
}

// Whatever messages a client sends, in whatever frames, with control frames between them,
// and in whatever pieces they come: they are what was sent.
func TestMessagesAreAssembled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var data []byte
		var want []string
		mask := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "mask"))
		control := func() {
			if rapid.IntRange(0, 3).Draw(t, "control") == 0 {
				operation := rapid.SampledFrom([]byte{operationPing, operationPong, operationClose}).Draw(t, "operation")
				payload := rapid.SliceOfN(rapid.Byte(), 0, controlPayloadMax).Draw(t, "payload")
				data = appendMasked(data, finalBit|operation, payload, mask)
				want = append(want, fmt.Sprintf("%d %q", operation, payload))
			}
		}
		for range rapid.IntRange(0, 4).Draw(t, "messages") {
			payload := rapid.SliceOfN(rapid.Byte(), 0, messageBytesMax).Draw(t, "message")
			first, rest := byte(operationBinary), payload
			for len(rest) > 0 && rapid.Bool().Draw(t, "part") {
				size := rapid.IntRange(0, len(rest)).Draw(t, "size")
				data = appendMasked(data, first, rest[:size], mask)
				first, rest = operationContinue, rest[size:]
				control()
			}
			data = appendMasked(data, finalBit|first, rest, mask)
			want = append(want, fmt.Sprintf("%d %q", operationBinary, payload))
			control()
		}
		events, err := assembled(drawPieces(t, data))
		require.NoError(t, err)
		require.Equal(t, want, events)
	})
}

// More than a message may have is refused as soon as a header says so.
func TestTooLongMessagesAreRefusedEarly(t *testing.T) {
	for _, size := range []int{messageBytesMax + 1, 1 << 20} {
		frame := appendMasked(nil, finalBit|operationText, make([]byte, size), [4]byte{})
		_, err := assembled([][]byte{frame[:receivedHeaderBytesMax]})
		require.Equal(t, closeError{closeTooBig, ""}, err)
	}
	most := appendMasked(nil, operationText, make([]byte, messageBytesMax), [4]byte{})
	_, err := assembled([][]byte{appendMasked(most, finalBit|operationContinue, []byte{1}, [4]byte{})})
	require.Equal(t, closeError{closeTooBig, ""}, err)
}

// FuzzFrames: whatever bytes come, it makes no difference in which pieces.
func FuzzFrames(f *testing.F) {
	f.Add(appendMasked(nil, finalBit|operationText, []byte(`{"op":"list"}`), [4]byte{1, 2, 3, 4}), uint16(3))
	f.Add(appendMasked(appendMasked(nil, operationBinary, make([]byte, 300), [4]byte{9}), finalBit, []byte{1}, [4]byte{}), uint16(1))
	f.Add(appendMasked(nil, finalBit|operationClose, []byte{3, 0xe8, 'x'}, [4]byte{}), uint16(7))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, uint16(2))
	f.Fuzz(func(t *testing.T, data []byte, size uint16) {
		whole, wholeErr := assembled([][]byte{data})
		var pieces [][]byte
		for rest := data; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		inPieces, pieceErr := assembled(pieces)
		require.Equal(t, wholeErr, pieceErr)
		require.Equal(t, whole, inPieces)
	})
}

// A close means what RFC 6455 lets it mean.
func TestClosesOfPeers(t *testing.T) {
	for text, want := range map[string]error{
		"":             peerClosed{closeNoCode},
		"\x03":         broken("a close has half a code"),
		"\x03\xe8":     peerClosed{1000},
		"\x03\xe8bye":  peerClosed{1000},
		"\x0f\xa0":     peerClosed{4000},
		"\x03\xe8\xff": closeError{closeInvalidText, ""},
		"\x03\xec":     broken("a close has a code that there is not"),
		"\x03\xed":     broken("a close has a code that there is not"),
		"\x03\xee":     broken("a close has a code that there is not"),
		"\x03\xe7":     broken("a close has a code that there is not"),
		"\x07\xd0":     broken("a close has a code that there is not"),
		"\x13\x88":     broken("a close has a code that there is not"),
	} {
		require.Equal(t, want, readClose([]byte(text)), "%x", text)
	}
}
