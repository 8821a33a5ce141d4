package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/inventory"
)

// readTwice fails when a body that the strict decoder accepts is not read by the
// lenient one of the standard library, or read differently. It returns what was read.
func readTwice[T any](t *testing.T, body []byte, standard T) (T, bool) {
	strict, lenient := standard, standard
	malformed, fields := decodeStrict(body, schemaOf(reflect.TypeFor[T]()), &strict)
	if malformed != "" || len(fields) > 0 {
		return standard, false
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&lenient), "%q", body)
	require.Equal(t, lenient, strict, "%q", body)
	return strict, true
}

// requireNamed fails when items are not between 1 and as many as an order has.
func requireNamed(t *testing.T, items int, body []byte) {
	if items > inventory.OrderLinesMax || items == 0 && bytes.Contains(body, []byte(`"items"`)) {
		t.Fatalf("%d items were accepted: %q", items, body)
	}
}

// requireUnits fails when an item has a quantity that no line can have.
func requireUnits(t *testing.T, items []orderItemBody, body []byte) {
	requireNamed(t, len(items), body)
	for _, line := range appendItems(nil, items) {
		if line.Quantity < 1 || line.Quantity > inventory.LineQuantityMax {
			t.Fatalf("a quantity of %d was accepted: %q", line.Quantity, body)
		}
	}
}

// changeCorpus is bodies of changes, good and bad.
var changeCorpus = []string{
	"{}", " { } ", "", "null", "[]", "{", `{"items":[]}`, `{"items":null}`, `{"items":{}}`, `{"items":[{}]}`, `{"items":[null]}`,
	named(someProduct), named(someProduct, someProduct), orderOf(someProduct, 1), orderOf(someProduct, 0), orderOf(someProduct, 1_000_001),
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"restock":false}`, `{"restock":true}`, `{"restock":null}`, `{"Restock":false}`,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1e0}]}`, `{"items":[{"product_id":"` + someProduct + `","product_id":"x"}]}`,
	`{"\u0069tems":[{"product_id":"` + someProduct + `","quantity":1}]}`, `{}{}`, "{\"\xff\":1}", `{"restock":false,"restock":true}`,
}

func addCorpus(f *testing.F) {
	for _, body := range changeCorpus {
		f.Add([]byte(body))
	}
}

func FuzzDecodeCancel(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if read, ok := readTwice(t, body, cancelBody{}); ok {
			requireNamed(t, len(read.Items), body)
		}
	})
}

func FuzzDecodeFulfill(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if read, ok := readTwice(t, body, fulfillBody{}); ok {
			requireUnits(t, read.Items, body)
		}
	})
}

func FuzzDecodeReturn(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if read, ok := readTwice(t, body, returnBody{Restock: true}); ok {
			requireUnits(t, read.Items, body)
			if !read.Restock && !bytes.Contains(body, []byte("false")) {
				t.Fatalf("units are written off by %q", body)
			}
		}
	})
}

// Items go to the engine ascending, each product once, with the sum of its units;
// and stay as they were for what is said of them afterwards.
func TestItemsOfChangesAreMerged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]inventory.Kind{inventory.OrderCancelled, inventory.OrderFulfilled, inventory.OrderReturned}).Draw(t, "kind")
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) inventory.Line {
			line := inventory.Line{ProductID: inventory.ID{rapid.Byte().Draw(t, "a") % 4, 15: rapid.Byte().Draw(t, "b") % 4}}
			if kind != inventory.OrderCancelled {
				line.Quantity = rapid.Int64Range(1, inventory.LineQuantityMax/8).Draw(t, "quantity")
			}
			return line
		}), 0, 8).Draw(t, "items")
		want := map[inventory.ID]int64{}
		for _, line := range items {
			want[line.ProductID] += line.Quantity
		}
		before := append([]inventory.Line(nil), items...)
		merged, refusal := mergeItems(kind, items)
		require.False(t, refusal.Refused())
		require.Equal(t, before, append([]inventory.Line(nil), items...))
		require.Len(t, merged, len(want))
		for i, line := range merged {
			require.Equal(t, want[line.ProductID], line.Quantity)
			require.True(t, i == 0 || bytes.Compare(merged[i-1].ProductID[:], line.ProductID[:]) < 0)
		}
	})
}
