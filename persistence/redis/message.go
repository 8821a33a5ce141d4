package redis

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/vmihailenco/msgpack/v5"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	// messageFormat is the version of messages; what has another one is refused, and what it
	// told is not known until somebody tells it in this one. Version 2 has the rules.
	messageFormat = 2
	// messageBytesMax is the longest message with its seal: a state takes 79 bytes at most,
	// and rules 1,163, so that a part has 155 KiB and a batch 138 KiB.
	messageBytesMax = 160 << 10
	// partStatesMax is how many states are in a part. One of them that changes has the
	// whole part written, once a second: fewer would be more keys, more would be more bytes.
	partStatesMax = 128
	// partsMax is how many parts the states of a publisher have at most.
	partsMax = persistence.BusProductsMax / partStatesMax
	// rulesBytesMax bounds the rules in a batch, of which each has rulesBytesMin and its
	// texts. Those that are sent are new; all others are named by their revision.
	rulesBytesMax = 96 << 10
	rulesBytesMin = 51

	messagePurpose = "bus"
)

// kind says what a message is.
type kind uint64

const (
	// batch has states, and the number after that of the batch before.
	batch kind = iota + 1
	// beacon has the number of the last batch, and how many parts cover it.
	beacon
	// part is in a key: it has states, and says which part it is.
	part
)

// message is what is published, and what is kept for those who have missed something.
type message struct {
	kind      kind
	publisher persistence.Publisher
	// moment is the number of a beacon, and of a part that of the beacon before which it has
	// changed last. It stands where [momentOf] finds it.
	moment   uint64
	sequence uint64
	// parts is how many there are, or which one this is.
	parts  uint64
	states []persistence.StockState
}

func (m *message) visit(v visitor) {
	states := len(m.states)
	m.visitHead(v)
	v.uint64(&m.sequence)
	v.uint64(&m.parts)
	v.array(&states, persistence.BusStatesMax)
	if m.states == nil {
		m.states = make([]persistence.StockState, states)
	}
	for i := range m.states {
		visitState(v, &m.states[i])
	}
}

// messageFields are those of a message, and headBytesMax is the most that those of its head
// take.
const (
	messageFields = 7
	headBytesMax  = 1 + 1 + 1 + 9 + 9
)

func (m *message) visitHead(v visitor) {
	fields, version := messageFields, uint64(messageFormat)
	v.array(&fields, messageFields)
	v.uint64(&version)
	v.uint64((*uint64)(&m.kind))
	v.uint64((*uint64)(&m.publisher))
	v.uint64(&m.moment)
}

// momentOf reads the moment of a part from its first bytes. They are not covered by the
// seal: who wrote them could delete the part as well.
func momentOf(head []byte, publisher persistence.Publisher) (moment uint64, is bool) {
	m, r := &message{}, &reader{decoder: msgpack.NewDecoder(bytes.NewReader(head[:min(len(head), headBytesMax)]))}
	m.visitHead(r)
	return m.moment, r.err == nil && m.kind == part && m.publisher == publisher
}

// visitState cuts what does not fit its field: the bytes written again are others then.
func visitState(v visitor, s *persistence.StockState) {
	fields, product, at, epoch := 9, s.Product[:], int64(s.At), uint64(s.Epoch)
	v.array(&fields, 9)
	v.bytes(&product, len(s.Product))
	v.uint64(&epoch)
	v.uint64(&s.Version)
	v.uint64(&s.Revision)
	v.int64(&s.Available)
	v.int64(&s.Reserved)
	v.int64(&s.Sold)
	v.int64(&at)
	copy(s.Product[:], product)
	s.At, s.Epoch = inventory.Instant(at), uint32(epoch&math.MaxUint32) // #nosec G115 -- cut
	visitRules(v, s)
}

// rulesFields are those of rules; rules that are not sent have none.
const rulesFields = 8

// Bits of what takes a product off sale.
const (
	pausedBit = 1 << iota
	deletedBit
)

func visitRules(v visitor, s *persistence.StockState) {
	rules, fields := &inventory.Product{}, 0
	if s.Rules != nil {
		*rules, fields = *s.Rules, rulesFields
	}
	if v.array(&fields, rulesFields); fields == 0 {
		return
	}
	currency, off := rules.Price.Currency[:], uint64(0)
	if rules.Paused {
		off |= pausedBit
	}
	if rules.Deleted {
		off |= deletedBit
	}
	visitText(v, &rules.SKU, inventory.SKUBytesMax)
	visitText(v, &rules.Name, persistence.BusNameBytesMax)
	visitText(v, &rules.Category, persistence.BusCategoryBytesMax)
	v.int64(&rules.Price.Minor)
	v.bytes(&currency, len(rules.Price.Currency))
	v.int64((*int64)(&rules.SaleStartsAt))
	v.int64((*int64)(&rules.SaleEndsAt))
	v.uint64(&off)
	if s.Rules == nil {
		copy(rules.Price.Currency[:], currency)
		rules.ID, rules.Paused, rules.Deleted = s.Product, off&pausedBit != 0, off&deletedBit != 0
		s.Rules = rules
	}
}

func visitText(v visitor, text *string, bytesMax int) {
	data := []byte(*text)
	v.bytes(&data, bytesMax)
	*text = string(data)
}

// rulesBytes is how much rules take in a message, at most.
func rulesBytes(rules *inventory.Product) int {
	return rulesBytesMin + len(rules.SKU) + len(rules.Name) + len(rules.Category)
}

// isWhole reports whether the rules in a message are such as a publisher tells: text that
// is text, and a currency that is one.
func (m *message) isWhole() bool {
	for i := range m.states {
		rules := m.states[i].Rules
		if rules == nil && m.kind == part {
			return false
		}
		if rules == nil {
			continue
		}
		if _, err := inventory.ParseCurrency(rules.Price.Currency.String()); err != nil || !persistence.BusFits(rules) {
			return false
		}
	}
	return true
}

var errMessage = errors.New("no message of a publisher")

// message returns the message in sealed, or an error when it is none.
func (s sealer) message(sealed []byte) (*message, error) {
	if len(sealed) > messageBytesMax {
		return nil, fmt.Errorf("%d bytes: %w", len(sealed), errMessage)
	}
	data, err := s.take(messagePurpose, sealed)
	if err != nil {
		return nil, err
	}
	m := &message{}
	if err := decode(data, m); err != nil {
		return nil, err
	}
	if m.kind < batch || m.kind > part || m.publisher == 0 || m.parts > partsMax || !m.isWhole() {
		return nil, errMessage
	}
	return m, nil
}

func (s sealer) sealMessage(m *message) []byte { return s.put(messagePurpose, encode(m)) }
