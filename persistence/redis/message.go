package redis

import (
	"errors"
	"fmt"
	"math"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	// messageBytesMax is the longest message with its seal: a state takes 80 bytes at most.
	messageBytesMax = 64 << 10
	// partsMax is how many parts the states of a publisher have at most.
	partsMax = persistence.BusProductsMax / persistence.BusStatesMax

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
	sequence  uint64
	// parts is how many there are, or which one this is.
	parts  uint64
	states []persistence.StockState
}

func (m *message) visit(v visitor) {
	fields, version, states := 6, uint64(format), len(m.states)
	v.array(&fields, 6)
	v.uint64(&version)
	v.uint64((*uint64)(&m.kind))
	v.uint64((*uint64)(&m.publisher))
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

// visitState cuts what does not fit its field: the bytes written again are others then.
func visitState(v visitor, s *persistence.StockState) {
	fields, product, at := 8, s.Product[:], int64(s.At)
	epoch, phase := uint64(s.Epoch), uint64(s.Phase)
	v.array(&fields, 8)
	v.bytes(&product, len(s.Product))
	v.uint64(&epoch)
	v.uint64(&s.Version)
	v.int64(&s.Available)
	v.int64(&s.Reserved)
	v.int64(&s.Sold)
	v.uint64(&phase)
	v.int64(&at)
	copy(s.Product[:], product)
	s.At = inventory.Instant(at)
	s.Epoch, s.Phase = uint32(epoch&math.MaxUint32), inventory.Phase(phase&math.MaxUint8) // #nosec G115 -- cut
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
	if m.kind < batch || m.kind > part || m.publisher == 0 || m.parts > partsMax {
		return nil, errMessage
	}
	return m, nil
}

func (s sealer) sealMessage(m *message) []byte { return s.put(messagePurpose, encode(m)) }
