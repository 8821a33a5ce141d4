package ticker

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// packedDepthMax bounds the nesting of a message in msgpack.
const packedDepthMax = 8

var (
	errPackedShort = errors.New("a value in msgpack is longer than what there is of it")
	errPackedDeep  = errors.New("values in msgpack are nested too deeply")
)

// checkPacked finds a message that says it has more than it has. The library makes room for
// what a message says, and follows how it is nested: five bytes could end the process.
func checkPacked(data []byte) error {
	rest, err := skipPacked(data, 0)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow a value in msgpack", len(rest))
	}
	return err
}

// errPackedList is returned for what should be a list.
var errPackedList = errors.New("a value in msgpack is no list")

// splitPacked returns the elements of a list. The library would drop those that are nil.
func splitPacked(data []byte) (elements []raw, err error) {
	if err := checkPacked(data); err != nil {
		return nil, err
	}
	var count int
	var rest []byte
	switch first := data[0]; {
	case first == 0xc0:
		return nil, nil
	case first&0xf0 == 0x90:
		count, rest = int(first&0x0f), data[1:]
	case first == 0xdc:
		count, rest = int(binary.BigEndian.Uint16(data[1:])), data[3:]
	case first == 0xdd:
		count, rest = int(binary.BigEndian.Uint32(data[1:])), data[5:]
	default:
		return nil, errPackedList
	}
	elements = make([]raw, count) // no more than there are bytes
	for i := range elements {
		after, err := skipPacked(rest, 1)
		if err != nil {
			return nil, err
		}
		elements[i], rest = raw(rest[:len(rest)-len(after)]), after
	}
	return elements, nil
}

// packedHead says of a first byte how many bytes of length follow, or how many of value, and
// how many values.
type packedHead struct{ length, value, values int }

func headOf(first byte) (h packedHead, known bool) {
	switch {
	case first < 0x80 || first >= 0xe0 || first == 0xc0 || first == 0xc2 || first == 0xc3:
		return h, true
	case first < 0x90:
		return packedHead{values: 2 * int(first&0x0f)}, true
	case first < 0xa0:
		return packedHead{values: int(first & 0x0f)}, true
	case first < 0xc0:
		return packedHead{value: int(first & 0x1f)}, true
	case first >= 0xc4 && first <= 0xc6: // bytes
		return packedHead{length: 1 << (first - 0xc4)}, true
	case first == 0xca || first == 0xcb: // floats
		return packedHead{value: 4 << (first - 0xca)}, true
	case first >= 0xcc && first <= 0xcf: // natural numbers
		return packedHead{value: 1 << (first - 0xcc)}, true
	case first >= 0xd0 && first <= 0xd3: // whole numbers
		return packedHead{value: 1 << (first - 0xd0)}, true
	case first >= 0xd9 && first <= 0xdb: // texts
		return packedHead{length: 1 << (first - 0xd9)}, true
	case first >= 0xdc: // lists and maps
		return packedHead{length: 2 << (first & 1)}, true
	}
	return h, false // extensions are not part of the protocol
}

// skipPacked skips one value and returns what follows it.
func skipPacked(data []byte, depth int) (rest []byte, err error) {
	switch {
	case depth > packedDepthMax:
		return nil, errPackedDeep
	case len(data) == 0:
		return nil, errPackedShort
	}
	first := data[0]
	h, known := headOf(first)
	if !known {
		return nil, fmt.Errorf("a value in msgpack begins with %#x", first)
	}
	data = data[1:]
	if len(data) < h.length {
		return nil, errPackedShort
	}
	if h.length > 0 {
		var wide [4]byte
		copy(wide[4-h.length:], data[:h.length])
		count := uint64(binary.BigEndian.Uint32(wide[:]))
		data = data[h.length:]
		if count > uint64(len(data)) {
			return nil, errPackedShort
		}
		switch {
		case first >= 0xde:
			h.values = 2 * int(count)
		case first >= 0xdc:
			h.values = int(count)
		default:
			h.value = int(count)
		}
	}
	if h.value > len(data) || h.values > len(data) {
		return nil, errPackedShort
	}
	data = data[h.value:]
	for range h.values {
		if data, err = skipPacked(data, depth+1); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// DecodeMsgpack reads a phase by its name or its number.
func (p *Phase) DecodeMsgpack(decoder *msgpack.Decoder) error {
	value, err := decoder.DecodeInterfaceLoose()
	if err != nil {
		return err
	}
	switch told := value.(type) {
	case string:
		*p = Phase(told)
	case int64:
		if told < 0 || told >= int64(len(phases)) {
			return errPositions
		}
		*p = phases[told]
	default:
		return errPositions
	}
	return nil
}
