package ticker

import (
	"encoding/binary"
	"sync"

	"holdfast/inventory"
)

// Operation codes of RFC 6455, with the bit that says that a frame is a whole message.
const (
	textFrame   = 0x81
	binaryFrame = 0x82
	closeFrame  = 0x88
	pingFrame   = 0x89
	pongFrame   = 0x8a
)

// headerBytesMax is the longest header of what a server sends here.
const headerBytesMax = 4

// seal puts the header of a frame in front of its payload, which begins at
// headerBytesMax. Frames of a server are not masked.
func seal(operation byte, data []byte) []byte {
	size := len(data) - headerBytesMax
	if size <= 125 {
		data = data[2:]
		data[0], data[1] = operation, byte(size)
		return data
	}
	data[0], data[1] = operation, 126
	binary.BigEndian.PutUint16(data[2:], uint16(size)) // #nosec G115 -- no frame has 64 KiB
	return data
}

// unsealed is the beginning of a frame, with room for its header.
func unsealed(room int) []byte { return make([]byte, headerBytesMax, headerBytesMax+room) }

// state is what is shown of a product: the durable stock, the rules in force and the
// phase at a moment.
type state struct {
	product inventory.ID
	// number stands for the product in msgpack.
	number uint64
	epoch  uint32
	stock  inventory.Stock
	rules  *inventory.Product
	phase  inventory.Phase
	stale  bool
	at     inventory.Instant
}

// stateOf is what a reading shows at a moment.
func stateOf(reading *Reading, number uint64, now inventory.Instant) state {
	return state{product: reading.Rules.ID, number: number, epoch: reading.Epoch, stock: reading.Stock, rules: reading.Rules,
		phase: reading.Rules.PhaseAt(&reading.Stock, now), stale: reading.Stale, at: now}
}

// shows reports whether a state is all that there is to tell of another one.
func (s *state) shows(other *state) bool {
	return s.stock == other.stock && s.phase == other.phase && s.rules == other.rules && s.stale == other.stale && s.epoch == other.epoch
}

// edge is another number where a change has to be told at once: of the phase, of what
// there is from something to nothing or back, of whether it is known.
func (s *state) edge() uint64 {
	edge := uint64(s.phase) << 2
	if s.stock.Available() > 0 {
		edge |= 1
	}
	if s.stale {
		edge |= 2
	}
	return edge
}

// frameKind is one of the messages that are made of a state.
type frameKind uint8

const (
	// updateFrame is for those who know the product, snapshotFrame also tells what rarely
	// changes, sameFrame is for those who have this version, and statusFrame says whether
	// the product is stale, with all that is known of it.
	updateFrame frameKind = iota
	snapshotFrame
	sameFrame
	statusFrame
	frameKinds
)

// frame is one state of a product as it goes over the wire, the same bytes to everybody
// (K4). Each message is made when the first one wants it.
type frame struct {
	state
	messages [frameKinds][formats]struct {
		once sync.Once
		data []byte
	}
}

func newFrame(s state) *frame { return &frame{state: s} }

// bytes returns a message of the state.
func (f *frame) bytes(kind frameKind, form format) []byte {
	m := &f.messages[kind][form]
	m.once.Do(func() {
		switch kind {
		case updateFrame:
			m.data = f.state.update(form)
		case snapshotFrame:
			m.data = f.state.snapshot(form)
		case sameFrame:
			m.data = f.state.same(form)
		case statusFrame:
			m.data = append(f.status(form), f.state.snapshot(form)...)
		}
	})
	return m.data
}

// Room for messages, so that they seldom have to grow.
const (
	updateRoom   = 200
	snapshotRoom = 420
)

// msgpackUpdate is the first element of an update in msgpack, which is a list.
const msgpackUpdate = 2

func (s *state) update(form format) []byte {
	if form == formatMsgpack {
		data := appendMsgpackList(unsealed(updateRoom), 9)
		return seal(binaryFrame, s.appendRow(append(data, msgpackUpdate)))
	}
	m := newMessage(form, updateRoom, "u")
	s.writeVersion(m)
	s.writeStock(m)
	return m.seal()
}

// appendRow appends what a row in msgpack has: [n, e, s, a, r, d, ph, ts], without its
// length.
func (s *state) appendRow(dst []byte) []byte {
	dst = appendMsgpackUnsigned(dst, s.number)
	dst = appendMsgpackUnsigned(dst, uint64(s.epoch))
	dst = appendMsgpackUnsigned(dst, s.stock.Version)
	dst = appendMsgpackNumber(dst, max(s.stock.Available(), 0))
	dst = appendMsgpackNumber(dst, s.stock.Reserved)
	dst = appendMsgpackNumber(dst, s.stock.Sold)
	dst = append(dst, byte(s.phase))
	return appendMsgpackNumber(dst, milliseconds(s.at))
}

func (s *state) snapshot(form format) []byte {
	m := newMessage(form, snapshotRoom, "s")
	s.writeRow(m)
	return m.seal()
}

// writeRow writes all there is to tell of a product.
func (s *state) writeRow(m *message) {
	s.writeNumber(m)
	s.writeStock(m)
	writeFacts(m, s.facts())
	m.number("cap", s.stock.Available()+s.stock.Reserved+s.stock.Sold)
}

// same is the snapshot for who has this version already. What an equal version does
// not fix is told all the same: what the catalogue says, the phase and, with the safety
// stock, what is available.
func (s *state) same(form format) []byte {
	m := newMessage(form, snapshotRoom, "s")
	s.writeNumber(m)
	m.number("a", max(s.stock.Available(), 0))
	m.text("ph", s.phase.String())
	writeFacts(m, s.facts())
	m.yes("same")
	return m.seal()
}

// status says whether the product is known.
func (s *state) status(form format) []byte {
	channel := channel{kind: productChannel, id: s.product}.String()
	if s.stale {
		return statusMessage(form, channel, statusStale, "The process that sells it is not heard.")
	}
	return statusMessage(form, channel, statusLive, "")
}

func (s *state) writeVersion(m *message) {
	m.text("p", s.product.String())
	m.unsigned("e", uint64(s.epoch))
	m.unsigned("s", s.stock.Version)
}

func (s *state) writeNumber(m *message) {
	s.writeVersion(m)
	m.unsigned("n", s.number)
}

// writeStock writes what updates and snapshots share.
func (s *state) writeStock(m *message) {
	m.number("a", max(s.stock.Available(), 0))
	m.number("r", s.stock.Reserved)
	m.number("d", s.stock.Sold)
	m.text("ph", s.phase.String())
	m.number("ts", milliseconds(s.at))
}

// facts are what the catalogue says of a product. Whoever watches gets a snapshot when
// they change.
type facts struct {
	sku, name, category string
	price               inventory.Money
	starts, ends        inventory.Instant
}

func (s *state) facts() facts {
	return facts{s.rules.SKU, s.rules.Name, s.rules.Category, s.rules.Price, s.rules.SaleStartsAt, s.rules.SaleEndsAt}
}

func writeFacts(m *message, f facts) {
	m.text("sku", f.sku)
	m.text("name", f.name)
	m.text("category", f.category)
	m.number("price", f.price.Minor)
	m.text("currency", f.price.Currency.String())
	writeMoment(m, "start", f.starts)
	writeMoment(m, "end", f.ends)
}

// writeMoment writes a time, if there is one.
func writeMoment(m *message, name string, at inventory.Instant) {
	if at != 0 {
		m.number(name, milliseconds(at))
	}
}

func milliseconds(at inventory.Instant) int64 { return int64(at / inventory.Millisecond) }
