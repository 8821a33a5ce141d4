package inventory

import (
	"encoding/hex"
	"errors"
)

// ID is a UUID in its 16-byte form. The zero ID means "none".
type ID [16]byte

// ShardBits is the width of the shard number inside an order's ID.
const ShardBits = 12

// ShardCount is how many shards an ID can name.
const ShardCount = 1 << ShardBits

// ErrIdentifier is returned by [ParseID] for anything but a lower- or upper-case
// UUID of 36 characters.
var ErrIdentifier = errors.New("not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")

// NewID composes a UUIDv7 (RFC 9562 §5.7) from its inputs: the millisecond of
// at in the first 48 bits, 12 bits of high, then the 12-bit shard and 50 bits
// of low. IDs of later milliseconds sort after earlier ones.
func NewID(at Instant, shard uint16, high uint16, low uint64) ID {
	var id ID
	milliseconds := uint64(at) / uint64(Millisecond)
	for i := range 6 {
		id[i] = byte(milliseconds >> (40 - 8*i))
	}
	id[6] = 0x70 | byte(high>>8)&0x0f
	id[7] = byte(high)
	tail := uint64(0b10)<<62 | uint64(shard&(ShardCount-1))<<50 | low&(1<<50-1)
	for i := range 8 {
		id[8+i] = byte(tail >> (56 - 8*i))
	}
	return id
}

// Shard returns the 12 bits that [NewID] was given as shard.
func (id ID) Shard() uint16 {
	return uint16(id[8]&0x3f)<<6 | uint16(id[9]>>2)
}

// IsZero reports whether id is "none".
func (id ID) IsZero() bool { return id == ID{} }

// String returns the 36-character lower-case form.
func (id ID) String() string { return string(id.AppendText(make([]byte, 0, 36))) }

// AppendText appends the 36-character lower-case form to dst.
func (id ID) AppendText(dst []byte) []byte {
	dst = hex.AppendEncode(dst, id[:4])
	for _, part := range [][2]int{{4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		dst = append(dst, '-')
		dst = hex.AppendEncode(dst, id[part[0]:part[1]])
	}
	return dst
}

// ParseID reads the 36-character form, in either case.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return ID{}, ErrIdentifier
	}
	for i, start := range digitPlaces {
		high, low := hexDigit(text[start]), hexDigit(text[start+1])
		if high > 15 || low > 15 {
			return ID{}, ErrIdentifier
		}
		id[i] = high<<4 | low
	}
	return id, nil
}

// digitPlaces is where the two digits of each byte stand in the text.
var digitPlaces = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

// hexDigit returns the value of one hexadecimal digit, or 255.
func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
