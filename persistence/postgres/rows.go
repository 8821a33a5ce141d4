package postgres

import (
	"encoding/binary"

	"holdfast/inventory"
)

// rows are rows of one table in the binary format of COPY. They are written directly,
// because of everything that a projection costs this program most would otherwise be
// the way of each value through the driver's types.
//
// The order and the types of the values are those of the columns in the statement:
// Postgres refuses a value of another length.
type rows struct {
	text    string
	columns uint16
	count   int
	data    []byte
}

// copySignature begins the data, with no flags and no extension.
const copySignature = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// newRows returns room for rows of about so many bytes each.
func newRows(text string, columns uint16, count, rowBytes int) *rows {
	r := &rows{text: text, columns: columns}
	if count > 0 {
		r.data = make([]byte, 0, len(copySignature)+count*rowBytes+2)
		r.data = append(r.data, copySignature...)
	}
	return r
}

func (r *rows) next() {
	r.count++
	r.data = binary.BigEndian.AppendUint16(r.data, r.columns)
}

// end returns the data. There can be no rows after it.
func (r *rows) end() []byte {
	r.data = append(r.data, 0xff, 0xff)
	return r.data
}

func (r *rows) length(n int) { r.data = binary.BigEndian.AppendUint32(r.data, uint32(n)) }

// uuid adds 16 bytes.
func (r *rows) uuid(value [16]byte) {
	r.length(len(value))
	r.data = append(r.data, value[:]...)
}

// nullableID adds the zero ID as NULL.
func (r *rows) nullableID(id inventory.ID) {
	if id.IsZero() {
		r.data = append(r.data, 0xff, 0xff, 0xff, 0xff)
		return
	}
	r.uuid(id)
}

func (r *rows) bigint(value int64) {
	r.length(8)
	r.data = binary.BigEndian.AppendUint64(r.data, uint64(value))
}

func (r *rows) integer(value int32) {
	r.length(4)
	r.data = binary.BigEndian.AppendUint32(r.data, uint32(value))
}

func (r *rows) smallint(value uint8) {
	r.length(2)
	r.data = append(r.data, 0, value)
}

func (r *rows) boolean(value bool) {
	r.length(1)
	if value {
		r.data = append(r.data, 1)
	} else {
		r.data = append(r.data, 0)
	}
}

func (r *rows) string(value string) {
	r.length(len(value))
	r.data = append(r.data, value...)
}

func (r *rows) bytes(value []byte) {
	r.length(len(value))
	r.data = append(r.data, value...)
}
