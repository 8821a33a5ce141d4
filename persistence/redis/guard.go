package redis

import (
	"encoding/binary"
	"errors"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// guardDepthMax is how deep our own messages nest.
const guardDepthMax = 4

// errMalformed is told of bytes that the guard does not let pass.
var errMalformed = errors.New("not one well-formed value")

// guard reads MessagePack without decoding it. The decoder believes a length before it has
// the bytes (five bytes make it allocate a gigabyte) and nests until the stack overflows,
// which nobody can recover from; so nothing reaches it that did not pass here.
type guard struct{ left []byte }

// checkForm returns errMalformed unless data is exactly one value, every declared length is
// within the bytes that are left, and nothing nests deeper than guardDepthMax. Maps,
// extensions and floats are not ours.
func checkForm(data []byte) error {
	g := guard{left: data}
	if !g.value(guardDepthMax) || len(g.left) != 0 {
		return errMalformed
	}
	return nil
}

func (g *guard) value(depth int) bool {
	code, ok := g.number(1)
	if !ok {
		return false
	}
	switch c := byte(code); {
	case msgpcode.IsFixedNum(c), c == msgpcode.True, c == msgpcode.False:
		return true
	case msgpcode.IsFixedString(c):
		return g.skip(uint64(c & msgpcode.FixedStrMask))
	case msgpcode.IsFixedArray(c):
		return g.array(uint64(c&msgpcode.FixedArrayMask), depth)
	case c >= msgpcode.Uint8 && c <= msgpcode.Uint64:
		return g.skip(1 << (c - msgpcode.Uint8))
	case c >= msgpcode.Int8 && c <= msgpcode.Int64:
		return g.skip(1 << (c - msgpcode.Int8))
	case c >= msgpcode.Bin8 && c <= msgpcode.Bin32:
		return g.sized(1<<(c-msgpcode.Bin8), g.skip)
	case c >= msgpcode.Str8 && c <= msgpcode.Str32:
		return g.sized(1<<(c-msgpcode.Str8), g.skip)
	case c == msgpcode.Array16 || c == msgpcode.Array32:
		return g.sized(2<<(c-msgpcode.Array16), func(n uint64) bool { return g.array(n, depth) })
	}
	return false
}

// sized reads a length of so many bytes, and what has it.
func (g *guard) sized(bytes int, read func(uint64) bool) bool {
	n, ok := g.number(bytes)
	return ok && read(n)
}

// array reads n values; each has a byte at least.
func (g *guard) array(n uint64, depth int) bool {
	if depth == 0 || n > uint64(len(g.left)) {
		return false
	}
	for range n {
		if !g.value(depth - 1) {
			return false
		}
	}
	return true
}

func (g *guard) number(bytes int) (n uint64, ok bool) {
	if len(g.left) < bytes {
		return 0, false
	}
	var padded [8]byte
	copy(padded[8-bytes:], g.left)
	g.left = g.left[bytes:]
	return binary.BigEndian.Uint64(padded[:]), true
}

func (g *guard) skip(n uint64) bool {
	if n > uint64(len(g.left)) {
		return false
	}
	g.left = g.left[n:]
	return true
}
