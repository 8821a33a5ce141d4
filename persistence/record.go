package persistence

import (
	"encoding/binary"
	"errors"
	"fmt"

	"holdfast/inventory"
)

// A record is one event in bytes. Integers are little-endian; a uvarint is as in
// encoding/binary; text is its length as a uvarint and its bytes.
//
//	1  layout (1)       1  kind            8  at          16  by
//	order kinds:        16 order           16 customer
//	order_placed:       8  expires_at      3  currency    16 key   16 body
//	order_cancelled:    1  from
//	stock_adjusted:     16 key  16 body    text reason    text note
//	uvarint lines, each:
//	  16 product        varint quantity
//	  order_placed:     uvarint price      text sku
const recordLayout = 1

// RecordBytesMax bounds one encoded record: the largest order fits.
const RecordBytesMax = 256 + inventory.OrderLinesMax*(16+10+10+2+inventory.SKUBytesMax)

// ErrRecord is wrapped by every error of [DecodeEvent].
var ErrRecord = errors.New("record cannot be decoded")

// AppendEvent appends the encoded event to dst.
func AppendEvent(dst []byte, event *inventory.Event) []byte {
	dst = append(dst, recordLayout, byte(event.Kind))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(event.At))
	dst = append(dst, event.By[:]...)
	if event.Kind.OfOrder() {
		dst = append(dst, event.Order[:]...)
		dst = append(dst, event.Customer[:]...)
	}
	switch event.Kind {
	case inventory.OrderPlaced:
		dst = binary.LittleEndian.AppendUint64(dst, uint64(event.ExpiresAt))
		dst = append(dst, event.Currency[:]...)
		dst = append(dst, event.Key[:]...)
		dst = append(dst, event.Body[:]...)
	case inventory.OrderCancelled:
		dst = append(dst, byte(event.From))
	case inventory.StockAdjusted:
		dst = append(dst, event.Key[:]...)
		dst = append(dst, event.Body[:]...)
		dst = appendText(dst, event.Reason)
		dst = appendText(dst, event.Note)
	}
	dst = binary.AppendUvarint(dst, uint64(len(event.Lines)))
	for i := range event.Lines {
		line := &event.Lines[i]
		dst = append(dst, line.ProductID[:]...)
		dst = binary.AppendVarint(dst, line.Quantity)
		if event.Kind == inventory.OrderPlaced {
			dst = binary.AppendUvarint(dst, uint64(line.Price))
			dst = appendText(dst, line.SKU)
		}
	}
	return dst
}

func appendText(dst []byte, text string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// DecodeEvent reads one record. The result shares no memory with data. Every
// length is checked against the bytes that are left before anything is
// allocated; trailing bytes are an error. Errors wrap [ErrRecord].
func DecodeEvent(data []byte) (inventory.Event, error) {
	d := decoder{data: data}
	var event inventory.Event
	if layout := d.byte(); layout != recordLayout && d.err == nil {
		return event, fmt.Errorf("%w: layout %d is not known to this version", ErrRecord, layout)
	}
	event.Kind = inventory.Kind(d.byte())
	event.At = inventory.Instant(d.uint64())
	event.By = d.id()
	if event.Kind.OfOrder() {
		event.Order, event.Customer = d.id(), d.id()
	}
	switch event.Kind {
	case inventory.OrderPlaced:
		event.ExpiresAt = inventory.Instant(d.uint64())
		d.copy(event.Currency[:])
		d.copy(event.Key[:])
		d.copy(event.Body[:])
	case inventory.OrderCancelled:
		event.From = inventory.State(d.byte())
	case inventory.StockAdjusted:
		d.copy(event.Key[:])
		d.copy(event.Body[:])
		event.Reason, event.Note = d.text(inventory.ReasonBytesMax), d.text(inventory.NoteBytesMax)
	case inventory.OrderConfirmed, inventory.OrderExpired:
	default:
		d.fail("kind %d is not known to this version", event.Kind)
	}
	event.Lines = d.lines(event.Kind)
	if len(d.data) > 0 {
		d.fail("%d bytes too many", len(d.data))
	}
	return event, d.err
}

// decoder consumes data from the front. After the first error every read
// returns zero values.
type decoder struct {
	data []byte
	err  error
}

func (d *decoder) fail(format string, arguments ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrRecord, fmt.Sprintf(format, arguments...))
	}
	d.data = nil
}

func (d *decoder) take(n int) []byte {
	if len(d.data) < n {
		d.fail("%d bytes missing", n-len(d.data))
		return nil
	}
	taken := d.data[:n]
	d.data = d.data[n:]
	return taken
}

func (d *decoder) copy(dst []byte) { copy(dst, d.take(len(dst))) }

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) id() (id inventory.ID) {
	d.copy(id[:])
	return id
}

func (d *decoder) uvarint(limit uint64) uint64 {
	value, n := binary.Uvarint(d.data)
	if n <= 0 || value > limit {
		d.fail("a number is cut off or beyond its bound %d", limit)
		return 0
	}
	d.data = d.data[n:]
	return value
}

func (d *decoder) quantity() int64 {
	value, n := binary.Varint(d.data)
	if n <= 0 || value > inventory.StockQuantityMax || value < -inventory.StockQuantityMax {
		d.fail("a quantity is cut off or beyond its bound %d", int64(inventory.StockQuantityMax))
		return 0
	}
	d.data = d.data[n:]
	return value
}

func (d *decoder) text(limit int) string { return string(d.take(int(d.uvarint(uint64(limit))))) }

// lineBytesMin is the least that one line takes; it bounds what a declared count
// may make the decoder allocate.
const lineBytesMin = 17

func (d *decoder) lines(kind inventory.Kind) []inventory.Line {
	count := int(d.uvarint(inventory.OrderLinesMax))
	if count == 0 || count*lineBytesMin > len(d.data) {
		d.fail("%d lines do not fit in %d bytes", count, len(d.data))
		return nil
	}
	lines := make([]inventory.Line, count)
	for i := range lines {
		lines[i].ProductID = d.id()
		lines[i].Quantity = d.quantity()
		if kind == inventory.OrderPlaced {
			lines[i].Price = int64(d.uvarint(inventory.PriceMinorMax))
			lines[i].SKU = d.text(inventory.SKUBytesMax)
		}
	}
	return lines
}
