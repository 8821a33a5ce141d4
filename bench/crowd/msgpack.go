package crowd

import (
	"encoding/binary"
	"math"
)

// Msgpack is stockticker.v1.msgpack: it watches a product, at most hertz times a second.
func Msgpack(product string, hertz float64) Dialect {
	command := []byte{0x84}
	command = append(appendText(command, "id"), 1)
	command = appendText(appendText(command, "op"), "sub")
	command = appendText(append(appendText(command, "ch"), 0x91), "p:"+product)
	command = binary.BigEndian.AppendUint64(append(appendText(command, "hz"), 0xcb), math.Float64bits(hertz))
	return Dialect{Path: "/api/ws", Subprotocol: "stockticker.v1.msgpack", Binary: true, Opening: []string{string(command)}, Hear: hearMsgpack}
}

// appendText appends a string of up to 255 bytes.
func appendText(dst []byte, text string) []byte {
	if len(text) < 32 {
		return append(append(dst, 0xa0|byte(len(text))), text...)
	}
	return append(append(dst, 0xd9, byte(len(text))), text...)
}

// updateKind is the first member of an update that is an array.
const updateKind = 2

func hearMsgpack(message []byte) Heard {
	p := packed{rest: message}
	heard := Heard{}
	if count, is := p.head(0x90, 0xdc); is {
		heard = p.hearArray(count)
	} else if count, is := p.head(0x80, 0xde); is {
		heard = p.hearMap(count)
	} else {
		p.broken = true
	}
	if p.broken {
		return Heard{Kind: Unreadable}
	}
	return heard
}

// hearArray reads kind, number, epoch, version and what is available. More may follow.
func (p *packed) hearArray(count int) Heard {
	if count < 5 {
		p.broken = true
		return Heard{}
	}
	if kind := p.number(); kind != updateKind {
		return Heard{Kind: Other}
	}
	p.number() // the product's; there is only one
	state := State{Epoch: uint32(p.number()), Version: uint64(p.number()), Available: p.number()}
	return Heard{Shown, state}
}

// hearMap looks for the members of a state, and skips the others.
func (p *packed) hearMap(count int) Heard {
	var kind []byte
	state, found := State{}, 0
	for range count {
		switch name := p.text(); string(name) {
		case "t":
			kind = p.text()
		case "e":
			state.Epoch, found = uint32(p.number()), found+1
		case "s":
			state.Version, found = uint64(p.number()), found+1
		case "a":
			state.Available, found = p.number(), found+1
		default:
			p.skip(0)
		}
		if p.broken {
			return Heard{}
		}
	}
	switch string(kind) {
	case "s", "u":
		p.broken = found != 3
		return Heard{Shown, state}
	case "err":
		return Heard{Kind: Refused}
	case "":
		p.broken = true
	}
	return Heard{Kind: Other}
}

// packed is what is left of a message in msgpack. Broken is what does not fit.
type packed struct {
	rest   []byte
	broken bool
}

// depthMax bounds the nesting of what is skipped.
const depthMax = 8

// take takes bytes off.
func (p *packed) take(count int) []byte {
	if count < 0 || count > len(p.rest) {
		p.broken, p.rest = true, nil
		return nil
	}
	taken := p.rest[:count]
	p.rest = p.rest[count:]
	return taken
}

// first takes one byte off.
func (p *packed) first() byte {
	if taken := p.take(1); taken != nil {
		return taken[0]
	}
	return 0xc1 // which is never used
}

// size takes a number of so many bytes off.
func (p *packed) size(bytes int) uint64 {
	value := uint64(0)
	for _, b := range p.take(bytes) {
		value = value<<8 | uint64(b)
	}
	return value
}

// head reads the head of an array or a map: fix is that of a short one, long that of one
// with a length of two bytes.
func (p *packed) head(fix, long byte) (count int, is bool) {
	if len(p.rest) == 0 {
		return 0, false
	}
	switch first := p.rest[0]; {
	case first&0xf0 == fix:
		p.take(1)
		return int(first & 0x0f), true
	case first == long:
		p.take(1)
		return int(p.size(2)), true
	}
	return 0, false
}

// number reads a whole number.
func (p *packed) number() int64 {
	switch first := p.first(); {
	case first < 0x80:
		return int64(first)
	case first >= 0xe0:
		return int64(int8(first))
	case first >= 0xcc && first <= 0xcf:
		return int64(p.size(1 << (first - 0xcc)))
	case first == 0xd0:
		return int64(int8(p.size(1)))
	case first == 0xd1:
		return int64(int16(p.size(2)))
	case first == 0xd2:
		return int64(int32(p.size(4)))
	case first == 0xd3:
		return int64(p.size(8))
	}
	p.broken = true
	return 0
}

// text reads a string.
func (p *packed) text() []byte {
	switch first := p.first(); {
	case first&0xe0 == 0xa0:
		return p.take(int(first & 0x1f))
	case first >= 0xd9 && first <= 0xdb:
		return p.take(int(p.size(1 << (first - 0xd9))))
	}
	p.broken = true
	return nil
}

// skip skips one value.
func (p *packed) skip(depth int) {
	if depth > depthMax {
		p.broken = true
	}
	if p.broken {
		return
	}
	if count, is := p.head(0x90, 0xdc); is {
		p.skipAll(count, depth)
		return
	}
	if count, is := p.head(0x80, 0xde); is {
		p.skipAll(2*count, depth)
		return
	}
	switch first := p.first(); {
	case first < 0x80 || first >= 0xe0 || first == 0xc0 || first == 0xc2 || first == 0xc3:
	case first&0xe0 == 0xa0:
		p.take(int(first & 0x1f))
	case first >= 0xd9 && first <= 0xdb:
		p.take(int(p.size(1 << (first - 0xd9))))
	case first == 0xca:
		p.take(4)
	case first == 0xcb:
		p.take(8)
	case first >= 0xcc && first <= 0xcf:
		p.take(1 << (first - 0xcc))
	case first >= 0xd0 && first <= 0xd3:
		p.take(1 << (first - 0xd0))
	default:
		p.broken = true // bytes, long maps and extensions are not part of the protocol
	}
}

func (p *packed) skipAll(count, depth int) {
	for range count {
		if p.skip(depth + 1); p.broken {
			return
		}
	}
}
