package persistence

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/inventory"
)

// anyEvent draws an event in which exactly the fields of its kind are set.
func anyEvent() *rapid.Generator[inventory.Event] {
	return rapid.Custom(func(t *rapid.T) inventory.Event {
		kind := inventory.Kind(rapid.IntRange(1, 5).Draw(t, "kind"))
		event := inventory.Event{Kind: kind, At: inventory.Instant(rapid.Int64().Draw(t, "at")), By: drawBytes(t, "by")}
		if kind.OfOrder() {
			event.Order, event.Customer = drawBytes(t, "order"), drawBytes(t, "customer")
		}
		lineCount := rapid.IntRange(1, 5).Draw(t, "lines")
		switch kind {
		case inventory.OrderPlaced:
			event.ExpiresAt = inventory.Instant(rapid.Int64().Draw(t, "expires"))
			event.Currency = inventory.Currency{'E', 'U', 'R'}
			event.Key, event.Body = inventory.Fingerprint(drawBytes(t, "key")), inventory.Fingerprint(drawBytes(t, "body"))
		case inventory.OrderCancelled:
			event.From = inventory.State(rapid.IntRange(1, 2).Draw(t, "from"))
		case inventory.StockAdjusted:
			event.Key, event.Body = inventory.Fingerprint(drawBytes(t, "key")), inventory.Fingerprint(drawBytes(t, "body"))
			event.Reason = rapid.StringN(0, 10, inventory.ReasonBytesMax).Draw(t, "reason")
			event.Note = rapid.StringN(0, 40, inventory.NoteBytesMax).Draw(t, "note")
		}
		for range lineCount {
			line := inventory.Line{ProductID: drawBytes(t, "product"),
				Quantity: rapid.Int64Range(-inventory.StockQuantityMax, inventory.StockQuantityMax).Draw(t, "quantity")}
			if kind == inventory.OrderPlaced {
				line.Price = rapid.Int64Range(0, inventory.PriceMinorMax).Draw(t, "price")
				line.SKU = rapid.StringN(0, 12, inventory.SKUBytesMax).Draw(t, "sku")
			}
			event.Lines = append(event.Lines, line)
		}
		return event
	})
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

// The bytes of a record must never change their meaning: journals outlive
// programs.
func TestRecordGolden(t *testing.T) {
	placed := inventory.Event{Kind: inventory.OrderPlaced, At: 1, By: inventory.ID{2}, Order: inventory.ID{3},
		Customer: inventory.ID{4}, ExpiresAt: 5, Currency: inventory.Currency{'E', 'U', 'R'},
		Key: inventory.Fingerprint{6}, Body: inventory.Fingerprint{7},
		Lines: []inventory.Line{{ProductID: inventory.ID{8}, Quantity: 9, Price: 1000, SKU: "AB"}}}
	zeros := func(n int) string { return strings.Repeat("00", n) }
	want := "0101" + "01" + zeros(7) + "02" + zeros(15) + "03" + zeros(15) + "04" + zeros(15) +
		"05" + zeros(7) + "455552" + "06" + zeros(15) + "07" + zeros(15) +
		"01" + "08" + zeros(15) + "12" + "e807" + "024142"
	require.Equal(t, want, hex.EncodeToString(AppendEvent(nil, &placed)))

	adjusted := inventory.Event{Kind: inventory.StockAdjusted, At: 1, Reason: "r", Note: "n",
		Lines: []inventory.Line{{ProductID: inventory.ID{8}, Quantity: -9}}}
	want = "0105" + "01" + zeros(7) + zeros(16) + zeros(32) + "0172" + "016e" + "01" + "08" + zeros(15) + "11"
	require.Equal(t, want, hex.EncodeToString(AppendEvent(nil, &adjusted)))
}

func TestDecodeEventRefuses(t *testing.T) {
	event := inventory.Event{Kind: inventory.OrderExpired, Lines: []inventory.Line{{Quantity: 1}}}
	good := AppendEvent(nil, &event)
	change := func(at int, to byte) []byte {
		data := bytes.Clone(good)
		data[at] = to
		return data
	}
	const count = 2 + 8 + 16 + 16 + 16
	tests := map[string]struct {
		data []byte
		says string
	}{
		"empty":                      {nil, "bytes missing"},
		"another layout":             {change(0, 2), "layout 2"},
		"kind zero":                  {change(1, 0), "kind 0"},
		"a later kind":               {change(1, 77), "kind 77"},
		"no lines":                   {change(count, 0), "0 lines"},
		"more lines than bytes":      {change(count, 9), "9 lines"},
		"a count beyond its bound":   {append(good[:count:count], 0xff, 0xff, 0xff, 0xff, 0x7f), "bound"},
		"a quantity beyond bounds":   {append(good[:count+17:count+17], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), "bound"},
		"a quantity that never ends": {append(good[:count+17:count+17], bytes.Repeat([]byte{0xff}, 11)...), "cut off"},
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
// event; and the memory taken is bounded by the input.
func FuzzDecodeEvent(f *testing.F) {
	for kind := inventory.Kind(0); kind < 7; kind++ {
		event := inventory.Event{Kind: kind, Lines: []inventory.Line{{Quantity: 3, Price: 4, SKU: "x"}}, Reason: "r"}
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
