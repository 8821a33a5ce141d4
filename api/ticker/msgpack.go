package ticker

import (
	"encoding/binary"
	"math"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// What is sent in msgpack is appended here, in the shortest form of each value; what is
// received is read by the library, once wellFormed has found that it may be.

func appendMsgpackUnsigned(dst []byte, value uint64) []byte {
	switch {
	case value <= uint64(msgpcode.PosFixedNumHigh):
		return append(dst, byte(value))
	case value <= math.MaxUint8:
		return append(dst, msgpcode.Uint8, byte(value))
	case value <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, msgpcode.Uint16), uint16(value))
	case value <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, msgpcode.Uint32), uint32(value))
	}
	return binary.BigEndian.AppendUint64(append(dst, msgpcode.Uint64), value)
}

func appendMsgpackNumber(dst []byte, value int64) []byte {
	switch {
	case value >= 0:
		return appendMsgpackUnsigned(dst, uint64(value))
	case value >= -32:
		return append(dst, byte(value)) // #nosec G115 -- the lowest byte is the value
	}
	return binary.BigEndian.AppendUint64(append(dst, msgpcode.Int64), uint64(value)) // #nosec G115 -- as it is
}

func appendMsgpackText(dst []byte, text string) []byte {
	switch size := len(text); {
	case size < 32:
		dst = append(dst, msgpcode.FixedStrLow|byte(size))
	case size <= math.MaxUint8:
		dst = append(dst, msgpcode.Str8, byte(size))
	case size <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, msgpcode.Str16), uint16(size))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, msgpcode.Str32), uint32(size)) // #nosec G115 -- texts are short
	}
	return append(dst, text...)
}

func appendMsgpackList(dst []byte, count int) []byte {
	if count < 16 {
		return append(dst, msgpcode.FixedArrayLow|byte(count))
	}
	return binary.BigEndian.AppendUint16(append(dst, msgpcode.Array16), uint16(count)) // #nosec G115 -- lists are bounded
}

// wellFormed reports whether data is exactly one msgpack value, nested no deeper than a
// command needs, without extensions. It follows nothing: what claims to be long is only
// believed as far as data goes.
func wellFormed(data []byte) bool {
	var left [depthMax + 1]uint64 // values that are missing, by depth
	left[0] = 1
	for depth := 0; ; {
		for left[depth] == 0 {
			if depth--; depth < 0 {
				return len(data) == 0
			}
		}
		left[depth]--
		skip, inside, valid := msgpackHeader(data)
		if !valid || skip > uint64(len(data)) || inside > uint64(len(data)) {
			return false
		}
		data = data[skip:]
		if inside > 0 {
			if depth++; depth > depthMax {
				return false
			}
			left[depth] = inside
		}
	}
}

// msgpackHeader returns how many bytes a value takes, without the values inside of it,
// and how many those are.
func msgpackHeader(data []byte) (bytes, inside uint64, valid bool) {
	if len(data) == 0 {
		return 0, 0, false
	}
	code := data[0]
	switch {
	case msgpcode.IsFixedNum(code), code == msgpcode.Nil, code == msgpcode.False, code == msgpcode.True:
		return 1, 0, true
	case msgpcode.IsFixedMap(code):
		return 1, 2 * uint64(code&msgpcode.FixedMapMask), true
	case msgpcode.IsFixedArray(code):
		return 1, uint64(code & msgpcode.FixedArrayMask), true
	case msgpcode.IsFixedString(code):
		return 1 + uint64(code&msgpcode.FixedStrMask), 0, true
	}
	switch code {
	case msgpcode.Uint8, msgpcode.Int8:
		return 2, 0, true
	case msgpcode.Uint16, msgpcode.Int16:
		return 3, 0, true
	case msgpcode.Uint32, msgpcode.Int32, msgpcode.Float:
		return 5, 0, true
	case msgpcode.Uint64, msgpcode.Int64, msgpcode.Double:
		return 9, 0, true
	case msgpcode.Str8, msgpcode.Bin8:
		length, valid := msgpackLength(data, 1)
		return 2 + length, 0, valid
	case msgpcode.Str16, msgpcode.Bin16:
		length, valid := msgpackLength(data, 2)
		return 3 + length, 0, valid
	case msgpcode.Str32, msgpcode.Bin32:
		length, valid := msgpackLength(data, 4)
		return 5 + length, 0, valid
	case msgpcode.Array16:
		length, valid := msgpackLength(data, 2)
		return 3, length, valid
	case msgpcode.Array32:
		length, valid := msgpackLength(data, 4)
		return 5, length, valid
	case msgpcode.Map16:
		length, valid := msgpackLength(data, 2)
		return 3, 2 * length, valid
	case msgpcode.Map32:
		length, valid := msgpackLength(data, 4)
		return 5, 2 * length, valid
	}
	return 0, 0, false
}

// msgpackLength reads the length behind a code, of so many bytes.
func msgpackLength(data []byte, bytes int) (length uint64, valid bool) {
	if len(data) < 1+bytes {
		return 0, false
	}
	for _, b := range data[1 : 1+bytes] {
		length = length<<8 | uint64(b)
	}
	return length, true
}
