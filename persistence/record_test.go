package persistence

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/inventory"
)

// anyEvent draws an event in which exactly the fields of its kind are set.
func anyEvent() *rapid.Generator[inventory.Event] {
	return rapid.Custom(func(t *rapid.T) inventory.Event {
		kind := inventory.Kind(rapid.IntRange(1, 10).Draw(t, "kind"))
		event := inventory.Event{Kind: kind, At: inventory.Instant(rapid.Int64().Draw(t, "at")), By: drawBytes(t, "by")}
		if kind.OfOrder() {
			event.Order, event.Customer = drawBytes(t, "order"), drawBytes(t, "customer")
		}
		drawDetails(t, &event)
		if kind.HasKey() {
			event.Key, event.Body = inventory.Fingerprint(drawBytes(t, "key")), inventory.Fingerprint(drawBytes(t, "body"))
		}
		if kind.HasLines() {
			partial := rapid.Bool().Draw(t, "partial")
			for range rapid.IntRange(1, 5).Draw(t, "lines") {
				event.Lines = append(event.Lines, drawLine(t, kind, partial))
			}
		}
		return event
	})
}

// drawDetails sets what only some kinds have.
func drawDetails(t *rapid.T, event *inventory.Event) {
	state := func(label string) inventory.State { return rapid.SampledFrom(inventory.States()).Draw(t, label) }
	switch event.Kind {
	case inventory.OrderPlaced:
		event.ExpiresAt = inventory.Instant(rapid.Int64().Draw(t, "expires"))
		event.Currency = inventory.Currency{'E', 'U', 'R'}
	case inventory.OrderCancelled, inventory.OrderReduced:
		event.From = state("from")
	case inventory.OrderFulfilled:
		event.To = state("to")
	case inventory.OrderReturned:
		event.To, event.Restock = state("to"), rapid.Bool().Draw(t, "restock")
	case inventory.OrderExtended:
		event.ExpiresAt = inventory.Instant(rapid.Int64().Draw(t, "expires"))
	case inventory.OrderRefundDue:
		event.Amount = rapid.Int64Range(0, math.MaxInt64).Draw(t, "amount")
	case inventory.StockAdjusted:
		event.Reason = rapid.StringN(0, 10, inventory.ReasonBytesMax).Draw(t, "reason")
		event.Note = rapid.StringN(0, 40, inventory.NoteBytesMax).Draw(t, "note")
	}
}

func drawLine(t *rapid.T, kind inventory.Kind, partial bool) inventory.Line {
	line := inventory.Line{ProductID: drawBytes(t, "product"),
		Quantity: rapid.Int64Range(-inventory.StockQuantityMax, inventory.StockQuantityMax).Draw(t, "quantity")}
	if kind != inventory.OrderPlaced {
		return line
	}
	line.Price = rapid.Int64Range(0, inventory.PriceMinorMax).Draw(t, "price")
	line.SKU = rapid.StringN(0, 12, inventory.SKUBytesMax).Draw(t, "sku")
	if partial {
		line.Dropped = rapid.Int32Range(0, inventory.LineQuantityMax).Draw(t, "dropped")
		line.DroppedFor = inventory.DropReason(rapid.ByteRange(0, 8).Draw(t, "dropped for"))
	}
	return line
}

func drawBytes(t *rapid.T, label string) inventory.ID {
	return inventory.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		event := anyEvent().Draw(t, "event")
		data := AppendEvent([]byte("before"), &event)[len("before"):]
		require.LessOrEqual(t, len(data), RecordBytesMax)
		decoded, err := DecodeEvent(data)
		require.NoError(t, err)
		require.Equal(t, event, decoded)

		for cut := range len(data) {
			_, err := DecodeEvent(data[:cut])
			require.ErrorIs(t, err, ErrRecord, "cut at %d", cut)
		}
		_, err = DecodeEvent(append(bytes.Clone(data), 0))
		require.ErrorIs(t, err, ErrRecord, "one byte more")
	})
}

// The largest order fits into the bound that readers and writers rely on.
func TestRecordBytesMax(t *testing.T) {
	event := inventory.Event{Kind: inventory.OrderPlaced, Lines: make([]inventory.Line, inventory.OrderLinesMax)}
	for i := range event.Lines {
		event.Lines[i] = inventory.Line{Quantity: inventory.LineQuantityMax, Price: inventory.PriceMinorMax,
			SKU: strings.Repeat("x", inventory.SKUBytesMax), Dropped: inventory.LineQuantityMax, DroppedFor: 8}
	}
	data := AppendEvent(nil, &event)
	require.LessOrEqual(t, len(data), RecordBytesMax)
	decoded, err := DecodeEvent(data)
	require.NoError(t, err)
	require.Equal(t, event, decoded)
}

// The bytes of a record must never change their meaning: journals outlive
// programs.
func TestRecordGolden(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat("00", n) }
	id := func(first string) string { return first + zeros(15) }
	head := func(kind string) string { return "01" + kind + "01" + zeros(7) + id("02") }
	order := id("03") + id("04")
	keyAndBody := id("06") + id("07")
	oneLine := "01" + id("08") + "12"
	of := func(event inventory.Event, kind inventory.Kind) inventory.Event {
		event.Kind, event.At, event.By = kind, 1, inventory.ID{2}
		if kind.OfOrder() {
			event.Order, event.Customer = inventory.ID{3}, inventory.ID{4}
		}
		if kind.HasKey() {
			event.Key, event.Body = inventory.Fingerprint{6}, inventory.Fingerprint{7}
		}
		if kind.HasLines() && event.Lines == nil {
			event.Lines = []inventory.Line{{ProductID: inventory.ID{8}, Quantity: 9}}
		}
		return event
	}
	euro := inventory.Currency{'E', 'U', 'R'}
	sold := []inventory.Line{{ProductID: inventory.ID{8}, Quantity: 9, Price: 1000, SKU: "AB"}}
	short := append([]inventory.Line{{ProductID: inventory.ID{7}, Price: 1, Dropped: 300, DroppedFor: 4}}, sold...)
	tests := []struct {
		name  string
		event inventory.Event
		want  string
	}{
		{"placed", of(inventory.Event{ExpiresAt: 5, Currency: euro, Lines: sold}, inventory.OrderPlaced),
			head("01") + order + "05" + zeros(7) + "455552" + keyAndBody + "01" + id("08") + "12" + "e807" + "024142"},
		{"placed in part", of(inventory.Event{ExpiresAt: 5, Currency: euro, Lines: short}, inventory.OrderPlaced),
			"02" + head("01")[2:] + order + "05" + zeros(7) + "455552" + keyAndBody + "02" +
				id("07") + "00" + "01" + "00" + "ac02" + "04" + id("08") + "12" + "e807" + "024142" + "00" + "00"},
		{"confirmed", of(inventory.Event{}, inventory.OrderConfirmed), head("02") + order + oneLine},
		{"cancelled", of(inventory.Event{From: inventory.Confirmed}, inventory.OrderCancelled), head("03") + order + "02" + oneLine},
		{"expired", of(inventory.Event{}, inventory.OrderExpired), head("04") + order + oneLine},
		{"adjusted", of(inventory.Event{Reason: "r", Note: "n"}, inventory.StockAdjusted),
			head("05") + keyAndBody + "0172" + "016e" + oneLine},
		{"fulfilled", of(inventory.Event{To: inventory.Fulfilled}, inventory.OrderFulfilled), head("06") + order + "06" + keyAndBody + oneLine},
		{"returned", of(inventory.Event{To: inventory.PartiallyReturned, Restock: true}, inventory.OrderReturned),
			head("07") + order + "07" + "01" + keyAndBody + oneLine},
		{"written off", of(inventory.Event{To: inventory.Returned}, inventory.OrderReturned),
			head("07") + order + "08" + "00" + keyAndBody + oneLine},
		{"extended", of(inventory.Event{ExpiresAt: 5}, inventory.OrderExtended), head("08") + order + "05" + zeros(7)},
		{"reduced", of(inventory.Event{From: inventory.Reserved}, inventory.OrderReduced), head("09") + order + "01" + oneLine},
		{"refund due", of(inventory.Event{Amount: 1000}, inventory.OrderRefundDue), head("0a") + order + "e807"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, hex.EncodeToString(AppendEvent(nil, &test.event)))
			data, err := hex.DecodeString(test.want)
			require.NoError(t, err)
			decoded, err := DecodeEvent(data)
			require.NoError(t, err)
			require.Equal(t, test.event, decoded)
		})
	}
}

// changed returns data with the byte at a place replaced and the rest cut off or
// followed by more.
func changed(data []byte, at int, to ...byte) []byte { return append(data[:at:at], to...) }

func TestDecodeEventRefuses(t *testing.T) {
	encode := func(event inventory.Event) []byte { return AppendEvent(nil, &event) }
	line := []inventory.Line{{Quantity: 1}}
	expired := encode(inventory.Event{Kind: inventory.OrderExpired, Lines: line})
	returned := encode(inventory.Event{Kind: inventory.OrderReturned, Lines: line})
	refund := encode(inventory.Event{Kind: inventory.OrderRefundDue})
	partial := encode(inventory.Event{Kind: inventory.OrderPlaced, Lines: []inventory.Line{{Quantity: 1, Dropped: 1, DroppedFor: 1}}})
	with := func(data []byte, at int, to byte) []byte {
		data = bytes.Clone(data)
		data[at] = to
		return data
	}
	const details = 2 + 8 + 16 + 16 + 16
	const placedCount = details + 8 + 3 + 16 + 16
	endless := bytes.Repeat([]byte{0xff}, 11)
	tests := map[string]struct {
		data []byte
		says string
	}{
		"empty":                             {nil, "bytes missing"},
		"layout zero":                       {with(expired, 0, 0), "layout 0"},
		"another layout":                    {with(expired, 0, 3), "layout 3"},
		"a layout of another kind":          {with(expired, 0, 2), "layout 2 of kind 4"},
		"kind zero":                         {with(expired, 1, 0), "kind 0"},
		"the next kind":                     {with(expired, 1, 11), "kind 11"},
		"a later kind":                      {with(expired, 1, 77), "kind 77"},
		"no lines":                          {with(expired, details, 0), "0 lines"},
		"more lines than bytes":             {with(expired, details, 9), "9 lines"},
		"a count beyond its bound":          {changed(expired, details, 0xff, 0xff, 0xff, 0xff, 0x7f), "bound"},
		"a quantity beyond bounds":          {changed(expired, details+17, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), "bound"},
		"a quantity that never ends":        {changed(expired, details+17, endless...), "cut off"},
		"half a yes":                        {with(returned, details+1, 2), "neither yes nor no"},
		"an amount beyond its bound":        {changed(refund, details, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), "bound"},
		"lines where none belong":           {append(bytes.Clone(refund), expired[details:]...), "bytes too many"},
		"a reason that is not known":        {with(partial, len(partial)-1, 9), "drop reason 9"},
		"more dropped than a line may have": {changed(partial, placedCount+1+16+1+1+1, 0xc1, 0x84, 0x3d, 1), "bound"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeEvent(test.data)
			require.ErrorIs(t, err, ErrRecord)
			require.ErrorContains(t, err, test.says)
		})
	}
}

// Whatever the bytes are, decoding returns; what decodes encodes to an equal
// event; and the memory taken is bounded by the input. The corpus in testdata has
// records that are correct but unusual.
func FuzzDecodeEvent(f *testing.F) {
	for kind := inventory.Kind(0); kind <= inventory.OrderRefundDue+1; kind++ {
		event := inventory.Event{Kind: kind, Lines: []inventory.Line{{Quantity: 3, Price: 4, SKU: "x"}}, Reason: "r",
			From: inventory.Confirmed, To: inventory.Returned, Restock: true, Amount: 1 << 40, ExpiresAt: -1}
		f.Add(AppendEvent(nil, &event))
		event.Lines = append(event.Lines, inventory.Line{Dropped: 7, DroppedFor: 3})
		f.Add(AppendEvent(nil, &event))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		event, err := DecodeEvent(data)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		if len(event.Lines)*lineBytesMin > len(data) {
			t.Fatalf("%d lines from %d bytes", len(event.Lines), len(data))
		}
		again, err := DecodeEvent(AppendEvent(nil, &event))
		if err != nil {
			t.Fatal(err)
		}
		require.Equal(t, event, again)
	})
}

func BenchmarkAppendEvent(b *testing.B) {
	event := inventory.Event{Kind: inventory.OrderPlaced, Lines: []inventory.Line{{Quantity: 1, Price: 999, SKU: "SKU-00001"}}}
	buffer := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buffer = AppendEvent(buffer[:0], &event)
	}
	b.ReportMetric(float64(len(buffer)), "bytes/record")
}
