package ticker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fasthttp/websocket"
	"github.com/vmihailenco/msgpack/v5"
)

// raw is a value that is read later, when it is known what it is.
type raw []byte

// UnmarshalJSON implements [json.Unmarshaler].
func (r *raw) UnmarshalJSON(data []byte) error {
	*r = append((*r)[:0], data...)
	return nil
}

// DecodeMsgpack implements [msgpack.CustomDecoder].
func (r *raw) DecodeMsgpack(decoder *msgpack.Decoder) error {
	data, err := decoder.DecodeRaw()
	*r = raw(data)
	return err
}

// wire is a message of the server: which members it has depends on its kind.
type wire struct {
	Kind string `json:"t"`
	ID   *int64 `json:"id"`

	// Of answers, hello and bye.
	Code      int64     `json:"code"`
	Message   string    `json:"msg"`
	Why       string    `json:"why"`
	Temporary bool      `json:"temp"`
	AfterMS   int64     `json:"after_ms"`
	Retry     *[2]int64 `json:"retry"`
	Channel   raw       `json:"ch"`
	Hertz     float64   `json:"hz"`
	User      string    `json:"user"`
	Until     int64     `json:"until"`
	Sent      int64     `json:"sent"`
	Now       int64     `json:"now"`
	Node      string    `json:"node"`
	Session   string    `json:"sess"`
	Every     int64     `json:"every"`
	AtMS      int64     `json:"at"`

	// Of boards.
	Board string `json:"c"`
	Items raw    `json:"i"`
	More  bool   `json:"more"`

	// Of statuses and orders.
	State     string `json:"st"`
	Order     string `json:"o"`
	Status    string `json:"status"`
	Total     int64  `json:"total"`
	ExpiresMS int64  `json:"expires_at"`

	row
	facts

	// name is the channel, where it is one.
	name string
}

// row is a state of a product.
type row struct {
	Product   string `json:"p"`
	Number    uint64 `json:"n"`
	Epoch     uint64 `json:"e"`
	Stock     uint64 `json:"s"`
	Available int64  `json:"a"`
	Reserved  *int64 `json:"r"`
	Sold      *int64 `json:"d"`
	Phase     Phase  `json:"ph"`
	TimeMS    int64  `json:"ts"`
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	Category  string `json:"category"`
	Price     int64  `json:"price"`
	Currency  string `json:"currency"`
	Capacity  int64  `json:"cap"`
	StartMS   int64  `json:"start"`
	EndMS     int64  `json:"end"`
	Same      bool   `json:"same"`
	Gone      bool   `json:"gone"`
}

// facts are slow facts of a product.
type facts struct {
	Viewers   int64     `json:"v"`
	PerSecond float64   `json:"q"`
	ETA       *[2]int64 `json:"eta"`
}

// factsRow is a row of slow facts of a board.
type factsRow struct {
	Product string `json:"p"`
	facts
}

// codec is one form of the messages.
type codec interface {
	// message is the kind of WebSocket message, subprotocol the name of the form.
	message() int
	subprotocol() string
	encode(value any) ([]byte, error)
	// decode reads a value, bounded by its length.
	decode(data []byte, into any) error
	// list reads the elements of a list.
	list(data []byte) ([]raw, error)
	// positions reads a row that is a list of numbers; is says whether it is one.
	positions(data []byte) (r row, is bool, err error)
}

func (p Protocol) codec() codec {
	if p == Msgpack {
		return msgpackCodec{}
	}
	return jsonCodec{}
}

type jsonCodec struct{}

func (jsonCodec) message() int                       { return websocket.TextMessage }
func (jsonCodec) subprotocol() string                { return "stockticker.v1.json" }
func (jsonCodec) encode(value any) ([]byte, error)   { return json.Marshal(value) }
func (jsonCodec) decode(data []byte, into any) error { return json.Unmarshal(data, into) }
func (jsonCodec) positions([]byte) (row, bool, error) {
	return row{}, false, nil
}

func (jsonCodec) list(data []byte) (elements []raw, err error) {
	return elements, json.Unmarshal(data, &elements)
}

type msgpackCodec struct{}

func (msgpackCodec) message() int        { return websocket.BinaryMessage }
func (msgpackCodec) subprotocol() string { return "stockticker.v1.msgpack" }

func (msgpackCodec) encode(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := msgpack.NewEncoder(&buffer)
	encoder.SetCustomStructTag("json")
	encoder.UseCompactInts(true)
	err := encoder.Encode(value)
	return buffer.Bytes(), err
}

func (msgpackCodec) decode(data []byte, into any) error {
	if err := checkPacked(data); err != nil {
		return err
	}
	decoder := msgpack.NewDecoder(bytes.NewReader(data))
	decoder.SetCustomStructTag("json")
	return decoder.Decode(into)
}

func (msgpackCodec) list(data []byte) ([]raw, error) { return splitPacked(data) }

// errPositions is returned for a list that is no row.
var errPositions = errors.New("a row has not eight numbers, with a phase that is known")

// rowNumbers are how many numbers a row has; those after them are not known.
const rowNumbers = 8

func (c msgpackCodec) positions(data []byte) (r row, is bool, err error) {
	if len(data) == 0 || !isList(data[0]) {
		return r, false, nil
	}
	elements, err := c.list(data)
	if err != nil {
		return r, true, err
	}
	if len(elements) < rowNumbers {
		return r, true, errPositions
	}
	var reserved, sold, phase int64
	for i, into := range []any{&r.Number, &r.Epoch, &r.Stock, &r.Available, &reserved, &sold, &phase, &r.TimeMS} {
		if err := c.decode(elements[i], into); err != nil {
			return r, true, fmt.Errorf("number %d of a row: %w", i+1, err)
		}
	}
	if phase < 0 || int(phase) >= len(phases) {
		return r, true, errPositions
	}
	r.Reserved, r.Sold, r.Phase = &reserved, &sold, phases[phase]
	return r, true, nil
}

// updateKind begins an update that is a list.
const updateKind = 2

// readWire reads a message. One that is a list and no update is of a kind that is not known.
func readWire(c codec, data []byte) (*wire, error) {
	w := &wire{}
	if len(data) > 0 && c.message() == websocket.BinaryMessage && isList(data[0]) {
		return w, w.readList(c, data)
	}
	if err := c.decode(data, w); err != nil {
		return nil, fmt.Errorf("read a message: %w", err)
	}
	if len(w.Channel) > 0 && c.decode(w.Channel, &w.name) != nil {
		w.name = "" // it is a list of them
	}
	return w, nil
}

// isList reports whether a value in msgpack is a list.
func isList(first byte) bool { return first&0xf0 == 0x90 || first == 0xdc }

// readList reads an update that is a list.
func (w *wire) readList(c codec, data []byte) error {
	elements, err := c.list(data)
	if err != nil {
		return fmt.Errorf("read a message: %w", err)
	}
	var kind int64
	if len(elements) == 0 || c.decode(elements[0], &kind) != nil || kind != updateKind {
		return nil
	}
	w.Kind = "u"
	if w.row, _, err = c.positions(listOf(elements[1:])); err != nil {
		return fmt.Errorf("read an update: %w", err)
	}
	return nil
}

// listOf is a list in msgpack of elements.
func listOf(elements []raw) []byte {
	list := []byte{0xdc, byte(len(elements) >> 8), byte(len(elements))}
	for _, element := range elements {
		list = append(list, element...)
	}
	return list
}
