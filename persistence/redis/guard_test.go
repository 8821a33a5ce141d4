package redis

import (
	"bytes"
	"encoding/hex"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

func unhex(t testing.TB, text string) []byte {
	data, err := hex.DecodeString(text)
	require.NoError(t, err)
	return data
}

// hostile are payloads that make the decoder allocate a gigabyte or overflow its stack.
func hostile(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"an array of a gigabyte":    unhex(t, "dd04000000"),
		"an array of 34 gigabytes":  unhex(t, "ddffffffff"),
		"bytes of a gigabyte":       unhex(t, "c640000000"),
		"text of a gigabyte":        unhex(t, "db40000000"),
		"a map of a gigabyte":       unhex(t, "df04000000"),
		"a key of a gigabyte":       unhex(t, "9501c640000000"),
		"a product of a gigabyte":   unhex(t, "970201010101009199c640000000"),
		"an extension":              unhex(t, "c94000000001"),
		"two million nested arrays": bytes.Repeat([]byte{0x91}, 2_000_000),
		"nested within an entry":    append(unhex(t, "9501c40161c40161c2"), bytes.Repeat([]byte{0x91}, 100_000)...),
		"array in array in array":   unhex(t, "970201010101019199dd04000000"),
		"rules of a gigabyte":       append(unhex(t, "970201010101019199c410"), append(make([]byte, 23), 0xdd, 4, 0, 0, 0)...),
	}
}

// TestHostileBytesCostNothing gives to the decoder what it could not take without the guard,
// with a seal, as from somebody who knows the secret.
func TestHostileBytesCostNothing(t *testing.T) {
	seal := sealer{secret: testSecret}
	for name, payload := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			sealedEntry, sealedMessage := seal.put(entryPurpose, bytes.Clone(payload)), seal.put(messagePurpose, bytes.Clone(payload))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := seal.entry(sealedEntry, "a", []byte("a"))
			require.Error(t, err)
			_, err = seal.message(sealedMessage)
			require.Error(t, err)
			require.Error(t, checkForm(payload))
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "bytes")
		})
	}
}

func TestTheGuardKnowsTheForm(t *testing.T) {
	tests := map[string]struct {
		data string
		good bool
	}{
		"nothing":              {"", false},
		"a number":             {"07", true},
		"a negative number":    {"ff", true},
		"each width":           {"98cc01cd0001ce00000001cf0000000000000001d001d10001d200000001d30000000000000001", true},
		"a number cut off":     {"cd00", false},
		"text":                 {"a3616263", true},
		"text cut off":         {"a36162", false},
		"long text":            {"d903616263", true},
		"bytes":                {"c403616263", true},
		"16-bit bytes":         {"c50003616263", true},
		"32-bit bytes":         {"c600000003616263", true},
		"bytes cut off":        {"c600000004616263", false},
		"a length cut off":     {"c60000", false},
		"true and false":       {"92c3c2", true},
		"an array cut off":     {"93c3c2", false},
		"a 16-bit array":       {"dc0002c3c2", true},
		"a 32-bit array":       {"dd00000002c3c2", true},
		"something after it":   {"0707", false},
		"nil":                  {"c0", false},
		"a map":                {"810101", false},
		"a float":              {"ca00000000", false},
		"an extension":         {"d40000", false},
		"a code of nobody":     {"c1", false},
		"as deep as may be":    {"91919191c3", true},
		"a level deeper":       {"9191919191c3", false},
		"empty arrays, deeper": {"9191919190", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.good, checkForm(unhex(t, test.data)) == nil) })
	}
}

func someRules(product inventory.ID) *rapid.Generator[*inventory.Product] {
	return rapid.Custom(func(t *rapid.T) *inventory.Product {
		return &inventory.Product{ID: product, SKU: rapid.StringN(0, -1, inventory.SKUBytesMax).Draw(t, "sku"),
			Name:     rapid.StringN(0, -1, persistence.BusNameBytesMax).Draw(t, "name"),
			Category: rapid.StringN(0, -1, persistence.BusCategoryBytesMax).Draw(t, "category"),
			Price: inventory.Money{Minor: rapid.Int64().Draw(t, "price"),
				Currency: inventory.Currency(rapid.SliceOfN(rapid.ByteRange('A', 'Z'), 3, 3).Draw(t, "currency"))},
			SaleStartsAt: inventory.Instant(rapid.Int64().Draw(t, "starts")), SaleEndsAt: inventory.Instant(rapid.Int64().Draw(t, "ends")),
			Paused: rapid.Bool().Draw(t, "paused"), Deleted: rapid.Bool().Draw(t, "deleted")}
	})
}

// someState has rules, or, of a batch, perhaps none.
func someState(k kind) *rapid.Generator[persistence.StockState] {
	return rapid.Custom(func(t *rapid.T) persistence.StockState {
		state := persistence.StockState{
			Product: inventory.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "product")),
			Epoch:   rapid.Uint32().Draw(t, "epoch"), Version: rapid.Uint64().Draw(t, "version"), Revision: rapid.Uint64().Draw(t, "revision"),
			Available: rapid.Int64().Draw(t, "available"), Reserved: rapid.Int64().Draw(t, "reserved"),
			Sold: rapid.Int64().Draw(t, "sold"), At: inventory.Instant(rapid.Int64().Draw(t, "at")),
		}
		if k == part || rapid.Bool().Draw(t, "whole") {
			state.Rules = someRules(state.Product).Draw(t, "rules")
		}
		return state
	})
}

func TestMessagesRoundTrip(t *testing.T) {
	seal := sealer{secret: testSecret}
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom([]kind{batch, beacon, part}).Draw(t, "kind")
		sent := &message{kind: k, moment: rapid.Uint64().Draw(t, "moment"),
			publisher: persistence.Publisher(rapid.Uint64Min(1).Draw(t, "publisher")), sequence: rapid.Uint64().Draw(t, "sequence"),
			parts: rapid.Uint64Max(partsMax).Draw(t, "parts"), states: rapid.SliceOfN(someState(k), 0, 20).Draw(t, "states")}
		sealed := seal.sealMessage(sent)
		received, err := seal.message(sealed)
		require.NoError(t, err)
		require.Equal(t, sent, received)
		moment, is := momentOf(sealed[:min(len(sealed), headBytesMax)], sent.publisher)
		require.Equal(t, k == part, is)
		require.Equal(t, sent.moment, moment)
		_, is = momentOf(sealed, sent.publisher+1)
		require.False(t, is, "it is of another publisher")
		one := rapid.IntRange(0, len(sealed)-1).Draw(t, "byte")
		sealed[one] ^= rapid.Byte().Filter(func(b byte) bool { return b != 0 }).Draw(t, "change")
		_, err = seal.message(sealed)
		require.Error(t, err)
	})
}

// The largest batch and the largest part fit in the bound of messages.
func TestTheLargestMessageFits(t *testing.T) {
	largest := func(product byte) *persistence.StockState {
		rules := &inventory.Product{ID: inventory.ID{product}, SKU: strings.Repeat("s", inventory.SKUBytesMax),
			Name: strings.Repeat("n", persistence.BusNameBytesMax), Category: strings.Repeat("c", persistence.BusCategoryBytesMax),
			Price:        inventory.Money{Minor: -1 << 63, Currency: inventory.Currency{'E', 'U', 'R'}},
			SaleStartsAt: -1 << 63, SaleEndsAt: 1<<63 - 1, Paused: true, Deleted: true}
		return &persistence.StockState{Product: rules.ID, Rules: rules, Epoch: 1<<32 - 1, Version: 1<<64 - 1, Revision: 1<<64 - 1,
			Available: 1<<63 - 1, Reserved: 1<<63 - 1, Sold: -1 << 63, At: 1<<63 - 1}
	}
	full := map[kind]*message{}
	for k, states := range map[kind]int{batch: persistence.BusStatesMax, part: partStatesMax} {
		m := &message{kind: k, publisher: 1<<64 - 1, moment: 1<<64 - 1, sequence: 1<<64 - 1, parts: partsMax}
		room := rulesBytesMax
		for range states {
			state := largest(1)
			if room -= rulesBytes(state.Rules); k == batch && room < 0 {
				state.Rules = nil
			}
			m.states = append(m.states, *state)
		}
		full[k] = m
		sealed := sealer{}.sealMessage(m)
		require.LessOrEqual(t, len(sealed), messageBytesMax)
		read, err := sealer{}.message(sealed)
		require.NoError(t, err)
		require.Equal(t, m, read)
	}
	one := &message{kind: batch, publisher: 1, states: []persistence.StockState{*largest(1)}}
	bare := &message{kind: batch, publisher: 1, states: []persistence.StockState{*largest(1)}}
	bare.states[0].Rules = nil
	require.LessOrEqual(t, len(encode(one))-len(encode(bare)), rulesBytes(one.states[0].Rules), "rules take more than is reckoned")
}

// ruled puts one state into a message whose rules are spoiled.
func ruled(spoil func(*inventory.Product)) func(*message) {
	return func(m *message) {
		state := persistencetest.BusState(1, 1, 1)
		spoil(state.Rules)
		m.kind, m.states = batch, []persistence.StockState{state}
	}
}

// What is not exactly as we write it is refused, seal or not.
func TestForeignMessagesAreRefused(t *testing.T) {
	seal := sealer{secret: testSecret}
	good := &message{kind: beacon, publisher: 5, sequence: 7, parts: 1}
	data := encode(good)
	_, err := seal.message(seal.put(messagePurpose, bytes.Clone(data)))
	require.NoError(t, err)
	other := func(change func(m *message)) []byte {
		m := *good
		change(&m)
		return seal.sealMessage(&m)
	}
	foreign := map[string][]byte{
		"nothing":              nil,
		"a seal only":          seal.put(messagePurpose, nil),
		"no seal":              data,
		"another secret":       sealer{secret: []byte("another")}.put(messagePurpose, bytes.Clone(data)),
		"another purpose":      seal.put(entryPurpose, bytes.Clone(data)),
		"the format of before": seal.put(messagePurpose, append([]byte{0x97, 1}, data[2:]...)),
		"a field more":         seal.put(messagePurpose, append(append([]byte{0x98}, data[1:]...), 1)),
		"a field less":         seal.put(messagePurpose, append([]byte{0x96}, data[1:len(data)-1]...)),
		"a longer number":      seal.put(messagePurpose, append([]byte{0x97, 2, 2, 5, 0xcc, 0}, data[5:]...)),
		"a kind of nobody":     other(func(m *message) { m.kind = 4 }),
		"no kind":              other(func(m *message) { m.kind = 0 }),
		"no publisher":         other(func(m *message) { m.publisher = 0 }),
		"too many parts":       other(func(m *message) { m.parts = partsMax + 1 }),
		"too many states":      other(func(m *message) { m.states = make([]persistence.StockState, persistence.BusStatesMax+1) }),
		"a later format":       seal.put(messagePurpose, append([]byte{0x97, 3}, data[2:]...)),
		"a part without rules": other(func(m *message) { m.kind, m.states = part, []persistence.StockState{{}} }),
		"a name too long":      other(ruled(func(p *inventory.Product) { p.Name = strings.Repeat("n", persistence.BusNameBytesMax+1) })),
		"a category too long":  other(ruled(func(p *inventory.Product) { p.Category = strings.Repeat("c", persistence.BusCategoryBytesMax+1) })),
		"an SKU too long":      other(ruled(func(p *inventory.Product) { p.SKU = strings.Repeat("s", inventory.SKUBytesMax+1) })),
		"a name that is none":  other(ruled(func(p *inventory.Product) { p.Name = "\xff" })),
		"no currency":          other(ruled(func(p *inventory.Product) { p.Price.Currency = inventory.Currency{'e', 'u', 'r'} })),
		"more than is allowed": make([]byte, messageBytesMax+1),
	}
	for name, sealed := range foreign {
		t.Run(name, func(t *testing.T) {
			_, err := seal.message(sealed)
			require.Error(t, err)
		})
	}
}

// FuzzDecode gives any bytes to the decoders, with the right seal: they do not panic, do
// not allocate much, and what they accept they write the same.
func FuzzDecode(f *testing.F) {
	f.Add(encode(&entry{key: []byte("key"), mark: make([]byte, markBytes), value: []byte("value")}))
	f.Add(encode(&message{kind: batch, publisher: 1, sequence: 2, states: make([]persistence.StockState, 3)}))
	f.Add(encode(&message{kind: part, publisher: 1, parts: 1, states: []persistence.StockState{persistencetest.BusRevised(1, 2, 3, 4)}}))
	for _, payload := range hostile(f) {
		if len(payload) < 1000 {
			f.Add(payload)
		}
	}
	seal := sealer{secret: testSecret}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = momentOf(data, 1)
		if m, err := seal.message(seal.put(messagePurpose, bytes.Clone(data))); err == nil {
			require.Equal(t, data, encode(m))
		}
		found := &entry{}
		if decode(data, found) == nil {
			require.Equal(t, data, encode(found))
		}
		if checkForm(data) == nil {
			// What the guard lets pass, the decoder can walk to its end.
			var whole msgpack.RawMessage
			require.NoError(t, msgpack.NewDecoder(bytes.NewReader(data)).Decode(&whole))
			require.Equal(t, data, []byte(whole))
		}
	})
}
