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
//	1  layout           1  kind            8  at          16  by
//	order kinds:        16 order           16 customer
//	order_placed:       8  expires_at      3  currency    16 key   16 body
//	order_cancelled, order_reduced:        1  from
//	order_fulfilled:    1  to              16 key   16 body
//	order_returned:     1  to              1  restock (0, 1)       16 key   16 body
//	order_extended:     8  expires_at
//	order_refund_due:   uvarint amount
//	stock_adjusted:     16 key  16 body    text reason    text note
//	kinds with lines:   uvarint lines, each:
//	  16 product        varint quantity
//	  order_placed:     uvarint price      text sku
//	  in layout 2:      uvarint dropped    1  reason
//
// Layout 2 is written for an order that did not get all that it asked for: the
// usual order, which did, has shorter records.
const (
	recordLayout        = 1
	recordLayoutDropped = 2
)

// RecordBytesMax bounds one encoded record: the largest order fits.
const RecordBytesMax = 256 + inventory.OrderLinesMax*(16+10+10+2+inventory.SKUBytesMax+4)

// ErrRecord is wrapped by every error of [DecodeEvent].
var ErrRecord = errors.New("record cannot be decoded")

// AppendEvent appends the encoded event to dst.
func AppendEvent(dst []byte, event *inventory.Event) []byte {
	layout := layoutOf(event)
	dst = append(dst, layout, byte(event.Kind))
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
	case inventory.OrderCancelled, inventory.OrderReduced:
		dst = append(dst, byte(event.From))
	case inventory.OrderFulfilled:
		dst = append(dst, byte(event.To))
		dst = append(dst, event.Key[:]...)
		dst = append(dst, event.Body[:]...)
	case inventory.OrderReturned:
		dst = append(dst, byte(event.To), boolByte(event.Restock))
		dst = append(dst, event.Key[:]...)
		dst = append(dst, event.Body[:]...)
	case inventory.OrderExtended:
		dst = binary.LittleEndian.AppendUint64(dst, uint64(event.ExpiresAt))
	case inventory.OrderRefundDue:
		dst = binary.AppendUvarint(dst, uint64(event.Amount))
	case inventory.StockAdjusted:
		dst = append(dst, event.Key[:]...)
		dst = append(dst, event.Body[:]...)
		dst = appendText(dst, event.Reason)
		dst = appendText(dst, event.Note)
	}
	if event.Kind.HasLines() {
		dst = appendLines(dst, event, layout)
	}
	return dst
}

// layoutOf returns the layout that the event needs.
func layoutOf(event *inventory.Event) byte {
	if event.Kind == inventory.OrderPlaced {
		for i := range event.Lines {
			if event.Lines[i].Dropped != 0 || event.Lines[i].DroppedFor != 0 {
				return recordLayoutDropped
			}
		}
	}
	return recordLayout
}

func appendLines(dst []byte, event *inventory.Event, layout byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(event.Lines)))
	for i := range event.Lines {
		line := &event.Lines[i]
		dst = append(dst, line.ProductID[:]...)
		dst = binary.AppendVarint(dst, line.Quantity)
		if event.Kind == inventory.OrderPlaced {
			dst = binary.AppendUvarint(dst, uint64(line.Price))
			dst = appendText(dst, line.SKU)
		}
		if layout == recordLayoutDropped {
			dst = binary.AppendUvarint(dst, uint64(line.Dropped))
			dst = append(dst, byte(line.DroppedFor))
		}
	}
	return dst
}

func boolByte(value bool) byte {
	if value {
		return 1
	}
	return 0
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
	layout := d.byte()
	event.Kind = inventory.Kind(d.byte())
	known := layout == recordLayout || layout == recordLayoutDropped && event.Kind == inventory.OrderPlaced
	if !known && d.err == nil {
		return event, fmt.Errorf("%w: layout %d of kind %d is not known to this version", ErrRecord, layout, event.Kind)
	}
	event.At = inventory.Instant(d.uint64())
	event.By = d.id()
	if event.Kind.OfOrder() {
		event.Order, event.Customer = d.id(), d.id()
	}
	d.details(&event)
	if event.Kind.HasLines() {
		event.Lines = d.lines(event.Kind, layout)
	}
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

// details reads what only some kinds have.
func (d *decoder) details(event *inventory.Event) {
	switch event.Kind {
	case inventory.OrderPlaced:
		event.ExpiresAt = inventory.Instant(d.uint64())
		d.copy(event.Currency[:])
	case inventory.OrderCancelled, inventory.OrderReduced:
		event.From = inventory.State(d.byte())
	case inventory.OrderFulfilled:
		event.To = inventory.State(d.byte())
	case inventory.OrderReturned:
		event.To, event.Restock = inventory.State(d.byte()), d.boolean()
	case inventory.OrderExtended:
		event.ExpiresAt = inventory.Instant(d.uint64())
	case inventory.OrderRefundDue:
		event.Amount = int64(d.uvarint(1<<63 - 1))
	case inventory.OrderConfirmed, inventory.OrderExpired, inventory.StockAdjusted:
	default:
		d.fail("kind %d is not known to this version", event.Kind)
	}
	if event.Kind.HasKey() {
		d.copy(event.Key[:])
		d.copy(event.Body[:])
	}
	if event.Kind == inventory.StockAdjusted {
		event.Reason, event.Note = d.text(inventory.ReasonBytesMax), d.text(inventory.NoteBytesMax)
	}
}

func (d *decoder) boolean() bool {
	value := d.byte()
	if value > 1 {
		d.fail("%d is neither yes nor no", value)
	}
	return value == 1
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

func (d *decoder) lines(kind inventory.Kind, layout byte) []inventory.Line {
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
		if layout == recordLayoutDropped {
			lines[i].Dropped = int32(d.uvarint(inventory.LineQuantityMax))
			lines[i].DroppedFor = inventory.DropReason(d.byte())
			if !lines[i].DroppedFor.Valid() {
				d.fail("drop reason %d is not known to this version", lines[i].DroppedFor)
			}
		}
	}
	return lines
}
