package ticker

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// format is how the messages of a connection are written.
type format uint8

// The formats, in the order of [Subprotocols].
const (
	formatJSON format = iota
	formatMsgpack
	formats
)

// Subprotocols are what is spoken, the one first that is meant when none is offered.
var Subprotocols = [formats]string{"stockticker.v1.json", "stockticker.v1.msgpack"}

// operation is that of a frame with a message of the format.
func (f format) operation() byte { return [formats]byte{textFrame, binaryFrame}[f] }

// formatOf returns the format of a subprotocol; JSON when none was agreed on.
func formatOf(subprotocol string) format {
	if subprotocol == Subprotocols[formatMsgpack] {
		return formatMsgpack
	}
	return formatJSON
}

// message is one that is being written: an object, whose members come one after the other.
// In msgpack an object is always a map with a length of 16 bits, which is filled in when it
// is closed.
type message struct {
	format format
	data   []byte
	// open are the objects and lists that were begun.
	open  [messageDepthMax]container
	depth int
}

// messageDepthMax is how deep what we send is nested.
const messageDepthMax = 5

// container is an object or a list that is being written.
type container struct {
	// at is where the length of an object has its place in msgpack.
	at     int
	count  int
	object bool
	// counted says that the length of a list was not known when it was begun.
	counted bool
}

// uncounted is the length of a list that is filled in when it is closed.
const uncounted = -1

// newMessage begins a message of kind t, with room for what is expected in it.
func newMessage(f format, room int, t string) *message {
	m := &message{format: f, data: unsealed(room)}
	m.begin(true, 0)
	m.text("t", t)
	return m
}

// seal closes the message and returns it as a frame.
func (m *message) seal() []byte {
	m.end()
	return seal(m.format.operation(), m.data)
}

// begin opens an object, or a list of count elements, which may be uncounted.
func (m *message) begin(object bool, count int) {
	at := len(m.data)
	switch {
	case m.format == formatMsgpack && object:
		m.data = append(m.data, msgpcode.Map16, 0, 0)
	case m.format == formatMsgpack && count == uncounted:
		m.data = append(m.data, msgpcode.Array16, 0, 0)
	case m.format == formatMsgpack:
		m.data = appendMsgpackList(m.data, count)
	case object:
		m.data = append(m.data, '{')
	default:
		m.data = append(m.data, '[')
	}
	m.open[m.depth] = container{at: at, object: object, counted: count == uncounted}
	m.depth++
}

// end closes what was begun last.
func (m *message) end() {
	m.depth--
	ended := &m.open[m.depth]
	switch {
	case m.format == formatMsgpack && (ended.object || ended.counted):
		binary.BigEndian.PutUint16(m.data[ended.at+1:], uint16(ended.count)) // #nosec G115 -- frames are bounded
	case m.format == formatMsgpack:
	case ended.object:
		m.data = append(m.data, '}')
	default:
		m.data = append(m.data, ']')
	}
}

// name begins a member of an object; with no name, an element of a list.
func (m *message) name(name string) {
	in := &m.open[m.depth-1]
	in.count++
	if m.format == formatMsgpack {
		if in.object {
			m.data = appendMsgpackText(m.data, name)
		}
		return
	}
	if in.count > 1 {
		m.data = append(m.data, ',')
	}
	if in.object {
		m.data = append(append(append(m.data, '"'), name...), '"', ':')
	}
}

// object begins an object that is a member or an element.
func (m *message) object(name string) {
	m.name(name)
	m.begin(true, 0)
}

// list begins a list of count elements.
func (m *message) list(name string, count int) {
	m.name(name)
	m.begin(false, count)
}

func (m *message) text(name, value string) {
	m.name(name)
	if m.format == formatMsgpack {
		m.data = appendMsgpackText(m.data, value)
		return
	}
	m.data, _ = jsontext.AppendQuote(m.data, value)
}

func (m *message) number(name string, value int64) {
	m.name(name)
	if m.format == formatMsgpack {
		m.data = appendMsgpackNumber(m.data, value)
		return
	}
	m.data = strconv.AppendInt(m.data, value, 10)
}

func (m *message) unsigned(name string, value uint64) {
	m.name(name)
	if m.format == formatMsgpack {
		m.data = appendMsgpackUnsigned(m.data, value)
		return
	}
	m.data = strconv.AppendUint(m.data, value, 10)
}

// real writes a number with a fraction, which is finite.
func (m *message) real(name string, value float64) {
	m.name(name)
	if m.format == formatMsgpack {
		m.data = binary.BigEndian.AppendUint64(append(m.data, msgpcode.Double), math.Float64bits(value))
		return
	}
	m.data = strconv.AppendFloat(m.data, value, 'f', -1, 64)
}

// yes writes true: what is not said is not so.
func (m *message) yes(name string) {
	m.name(name)
	if m.format == formatMsgpack {
		m.data = append(m.data, msgpcode.True)
		return
	}
	m.data = append(m.data, "true"...)
}

func (m *message) null(name string) {
	m.name(name)
	if m.format == formatMsgpack {
		m.data = append(m.data, msgpcode.Nil)
		return
	}
	m.data = append(m.data, "null"...)
}
