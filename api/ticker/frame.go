package ticker

import (
	"encoding/binary"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"holdfast/inventory"
)

// Operation codes of RFC 6455, with the bit that says that a frame is a whole message.
const (
	textFrame  = 0x81
	closeFrame = 0x88
	pingFrame  = 0x89
	pongFrame  = 0x8a
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

// state is what a frame shows: the durable stock, the rules in force and the phase at a
// moment.
type state struct {
	product inventory.ID
	epoch   uint32
	stock   inventory.Stock
	rules   *inventory.Product
	phase   inventory.Phase
	at      inventory.Instant
}

// frame is one state of a product as it goes over the wire, the same bytes to everybody
// (K4).
type frame struct {
	state
	// update is what those get who know the product already.
	update []byte

	once     sync.Once
	snapshot []byte
}

// updateBytes is about what an update takes.
const updateBytes = 200

func newFrame(s state) *frame {
	data := appendState(append(unsealed(updateBytes), `{"t":"u"`...), &s)
	return &frame{state: s, update: seal(textFrame, append(data, '}'))}
}

// whole returns the snapshot, which also tells what rarely changes.
func (f *frame) whole() []byte {
	f.once.Do(func() {
		data := appendState(append(unsealed(2*updateBytes), `{"t":"s"`...), &f.state)
		f.snapshot = seal(textFrame, append(appendFacts(data, f.facts()), '}'))
	})
	return f.snapshot
}

// facts are what the catalogue says of a product. Whoever watches gets a snapshot when
// they change.
type facts struct {
	sku          string
	price        inventory.Money
	starts, ends inventory.Instant
}

func (s *state) facts() facts {
	return facts{s.rules.SKU, s.rules.Price, s.rules.SaleStartsAt, s.rules.SaleEndsAt}
}

func appendFacts(dst []byte, f facts) []byte {
	dst, _ = jsontext.AppendQuote(append(dst, `,"sku":`...), f.sku)
	dst = strconv.AppendInt(append(dst, `,"price":`...), f.price.Minor, 10)
	dst = append(append(append(dst, `,"currency":"`...), f.price.Currency.String()...), '"')
	dst = appendMoment(dst, `,"start":`, f.starts)
	return appendMoment(dst, `,"end":`, f.ends)
}

// same is the snapshot for who has this version already. What an equal version does
// not fix is told all the same: what the catalogue says, the phase and, with the safety
// stock, what is available.
func (f *frame) same() []byte {
	data := append(unsealed(2*updateBytes), `{"t":"s"`...)
	data = appendVersion(data, &f.state)
	data = strconv.AppendInt(append(data, `,"a":`...), max(f.stock.Available(), 0), 10)
	data = append(append(append(data, `,"ph":"`...), f.phase.String()...), '"')
	return seal(textFrame, append(appendFacts(data, f.facts()), `,"same":true}`...))
}

func appendVersion(dst []byte, s *state) []byte {
	dst = append(s.product.AppendText(append(dst, `,"p":"`...)), '"')
	dst = strconv.AppendUint(append(dst, `,"e":`...), uint64(s.epoch), 10)
	return strconv.AppendUint(append(dst, `,"s":`...), s.stock.Version, 10)
}

// appendState appends what updates and snapshots share.
func appendState(dst []byte, s *state) []byte {
	dst = appendVersion(dst, s)
	dst = strconv.AppendInt(append(dst, `,"a":`...), max(s.stock.Available(), 0), 10)
	dst = strconv.AppendInt(append(dst, `,"r":`...), s.stock.Reserved, 10)
	dst = strconv.AppendInt(append(dst, `,"d":`...), s.stock.Sold, 10)
	dst = append(append(append(dst, `,"ph":"`...), s.phase.String()...), '"')
	return strconv.AppendInt(append(dst, `,"ts":`...), milliseconds(s.at), 10)
}

func appendMoment(dst []byte, name string, at inventory.Instant) []byte {
	if at == 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, name...), milliseconds(at), 10)
}

func milliseconds(at inventory.Instant) int64 { return int64(at / inventory.Millisecond) }
