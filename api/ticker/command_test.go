package ticker

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"holdfast/inventory"
)

const (
	oneChannel   = "p:01234567-89ab-7def-8123-456789abcdef"
	otherChannel = "p:01234567-89ab-7def-8123-456789abcde0"
)

// inMsgpack is a JSON object in msgpack, its members in order of their names.
func inMsgpack(t testing.TB, text string) []byte {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &members), text)
	encoder := msgpack.GetEncoder()
	defer msgpack.PutEncoder(encoder)
	var buffer bytes.Buffer
	encoder.Reset(&buffer)
	encoder.SetSortMapKeys(true)
	encoder.UseCompactInts(true)
	encoder.UseCompactFloats(true)
	require.NoError(t, encoder.Encode(members))
	return buffer.Bytes()
}

// A command means the same in both formats.
func TestCommandsAreDecoded(t *testing.T) {
	one, _ := parseChannel(oneChannel)
	other, _ := parseChannel(otherChannel)
	order, _ := parseChannel("o:" + oneChannel[2:])
	for text, want := range map[string]command{
		`{"id":1,"op":"sub","ch":["` + oneChannel + `"]}`:                   {id: 1, named: true, op: "sub", channels: []channel{one}, lane: laneDefault},
		`{"op":"unsub","ch":["` + otherChannel + `"]}`:                      {op: "unsub", channels: []channel{other}, lane: laneDefault},
		` {"id":0,"op":"snap","ch":"` + oneChannel + `"}`:                   {named: true, op: "snap", channels: []channel{one}, lane: laneDefault},
		`{"op":"sub","ch":["c:shoes & boots","*","sys"],"m":true,"hz":0.5}`: {op: "sub", channels: []channel{{kind: groupChannel, category: "shoes & boots"}, {kind: everyChannel}, {kind: systemChannel}}, lane: 7, slow: true},
		`{"op":"sub","ch":["o:` + oneChannel[2:] + `"]}`:                    {op: "sub", channels: []channel{order}, lane: laneDefault},
		`{"op":"sub","ch":["` + oneChannel + `","` + otherChannel + `"],"hz":5,"since":{"` + otherChannel + `":[3,9]}}`: {op: "sub",
			channels: []channel{one, other}, lane: 3, since: map[inventory.ID]version{other.id: {3, 9}}},
		`{"op":"ping"}`: {op: "ping", all: true, lane: laneDefault},
		`{"id":9007199254740991,"op":"ping","t":-5}`:              {id: idMax, named: true, op: "ping", all: true, lane: laneDefault, sent: -5, timed: true},
		`{"op":"rate","hz":0}`:                                    {op: "rate", all: true, lane: lanePaused},
		`{"op":"rate","hz":20,"ch":["` + oneChannel + `"]}`:       {op: "rate", channels: []channel{one}},
		`{"op":"auth","token":"abc"}`:                             {op: "auth", all: true, lane: laneDefault, token: "abc"},
		`{"op":"hist","ch":"` + oneChannel + `"}`:                 {op: "hist", channels: []channel{one}, lane: laneDefault, count: historyMax},
		`{"op":"hist","ch":"` + oneChannel + `","n":7,"id":null}`: {op: "hist", channels: []channel{one}, lane: laneDefault, count: 7},
		`{"op":"list"}`: {op: "list", all: true, lane: laneDefault},
	} {
		for f, data := range map[format][]byte{formatJSON: []byte(text), formatMsgpack: inMsgpack(t, text)} {
			got, refused, malformed := decode(f, data)
			require.Nil(t, refused, text)
			require.False(t, malformed)
			require.Equal(t, want, got, text)
		}
	}
}

// What a command does not say strictly is refused, under its own name when it has one.
func TestCommandsAreRefused(t *testing.T) {
	for _, c := range []struct {
		text             string
		code             errorCode
		named, malformed bool
	}{
		{``, errBadRequest, false, true},
		{`[]`, errBadRequest, false, true},
		{`"sub"`, errBadRequest, false, true},
		{`{"id":5,"op":"ping"`, errBadRequest, false, true},
		{`{"id":5,"op":"ping"} {}`, errBadRequest, false, true},
		{`{"id":5,"id":5,"op":"ping"}`, errBadRequest, false, true},
		{`{"id":5,"op":"ping","x":{"a":1,"a":2}}`, errBadRequest, false, true},
		{`{"id":5,"op":"ping","x":[[[[1]]]]}`, errBadRequest, false, true},
		{strings.Repeat(`{"a":`, 800), errBadRequest, false, true},
		{`{"id":5,"op":"ping","x":1}`, errBadRequest, true, false},
		{`{"id":5,"OP":"ping"}`, errBadRequest, true, false},
		{`{"op":7,"id":5}`, errBadRequest, true, false},
		{`{"op":"ping","id":"5"}`, errBadRequest, false, false},
		{`{"op":"ping","id":1.5}`, errBadRequest, false, false},
		{`{"op":"ping","id":-1}`, errBadRequest, false, false},
		{`{"op":"ping","id":9007199254740992}`, errBadRequest, false, false},
		{`{"id":5}`, errUnknownOp, true, false},
		{`{"id":5,"op":"order"}`, errUnknownOp, true, false},
		{`{"id":5,"op":"rate"}`, errBadRequest, true, false},
		{`{"id":5,"op":"auth"}`, errBadRequest, true, false},
		{`{"id":5,"op":"auth","token":"` + strings.Repeat("a", tokenBytesMax+1) + `"}`, errBadRequest, true, false},
		{`{"id":5,"op":"hist"}`, errBadRequest, true, false},
		{`{"id":5,"op":"hist","ch":["` + oneChannel + `","` + otherChannel + `"]}`, errBadRequest, true, false},
		{`{"id":5,"op":"hist","ch":"c:shoes"}`, errBadRequest, true, false},
		{`{"id":5,"op":"hist","ch":"` + oneChannel + `","n":0}`, errBadRequest, true, false},
		{`{"id":5,"op":"hist","ch":"` + oneChannel + `","n":301}`, errBadRequest, true, false},
		{`{"id":5,"op":"list","ch":["` + oneChannel + `"]}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub","ch":["p:"]}`, errUnknownChannel, true, false},
		{`{"id":5,"op":"sub","ch":["o:me"]}`, errUnknownChannel, true, false},
		{`{"id":5,"op":"sub","ch":[7]}`, errBadRequest, true, false},
		{`{"id":5,"op":"ping","hz":1}`, errBadRequest, true, false},
		{`{"id":5,"op":"snap","ch":["` + oneChannel + `"],"hz":1}`, errBadRequest, true, false},
		{`{"id":5,"op":"unsub","ch":["` + oneChannel + `"],"since":{}}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub"}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub","ch":[]}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub","ch":null}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub","ch":["` + oneChannel + `","` + strings.ToUpper(oneChannel[:20]) + oneChannel[20:] + `"]}`, errUnknownChannel, true, false},
		{`{"id":5,"op":"sub","ch":["` + oneChannel + `","p:` + strings.ToUpper(oneChannel[2:]) + `"]}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub","ch":["c:"]}`, errUnknownChannel, true, false},
		{`{"id":5,"op":"sub","ch":["c:` + strings.Repeat("x", categoryBytesMax+1) + `"]}`, errUnknownChannel, true, false},
		{`{"id":5,"op":"sub","ch":["x"]}`, errUnknownChannel, true, false},
	} {
		requireRefused(t, c.text, c.code, c.named, c.malformed)
	}
}

// A subscription whose rate or versions make no sense is refused.
func TestSubscriptionsAreRefused(t *testing.T) {
	for _, members := range []string{
		`,"m":1`, `,"since":{"c:shoes":[1,1]}`, `,"hz":-1`, `,"hz":1e300`, `,"hz":"5"`,
		`,"since":{"` + otherChannel + `":[1,1]}`, `,"since":{"` + oneChannel + `":[1]}`, `,"since":{"` + oneChannel + `":[1,2,3]}`,
		`,"since":{"` + oneChannel + `":[4294967296,2]}`, `,"since":{"` + oneChannel + `":[-1,2]}`,
	} {
		requireRefused(t, `{"id":5,"op":"sub","ch":["`+oneChannel+`"]`+members+`}`, errBadRequest, true, false)
	}
}

// requireRefused requires that a command is refused in both formats, or malformed in JSON.
func requireRefused(t *testing.T, text string, code errorCode, named, malformed bool) {
	t.Helper()
	formats := map[format][]byte{formatJSON: []byte(text)}
	if !malformed {
		formats[formatMsgpack] = inMsgpack(t, text)
	}
	for f, data := range formats {
		got, refused, wasMalformed := decode(f, data)
		require.NotNil(t, refused, text)
		require.Equal(t, code, refused.code, "%s: %s", text, refused.message)
		require.Equal(t, named, got.named, text)
		require.Equal(t, malformed, wasMalformed, text)
		require.NotEmpty(t, refused.message)
	}
}

// What is no strict map of msgpack is malformed.
func TestMalformedMsgpackIsRefused(t *testing.T) {
	ping := inMsgpack(t, `{"op":"ping"}`)
	for name, data := range map[string][]byte{
		"nothing":             {},
		"a list":              {0x91, 0x01},
		"a text":              {0xa1, 'a'},
		"an end too early":    ping[:len(ping)-1],
		"something behind it": append(slices.Clone(ping), 0x01),
		"a member twice":      {0x82, 0xa1, 't', 0x01, 0xa1, 't', 0x01},
		"an unknown one deep": {0x81, 0xa1, 'x', 0x91, 0x91, 0x91, 0x91, 0x01},
		"a key that is none":  {0x81, 0x01, 0x01},
		"an extension":        {0x81, 0xa1, 't', 0xd4, 0x01, 0x01},
		"bad UTF-8":           {0x81, 0xa2, 'o', 'p', 0xa1, 0xff},
		"a length of 4 GiB":   {0x81, 0xa2, 'c', 'h', 0xdd, 0xff, 0xff, 0xff, 0xff},
		"a map of 4 G":        {0xdf, 0xff, 0xff, 0xff, 0xff},
		"a reserved code":     {0x81, 0xa1, 't', 0xc1},
		"since twice":         {0x81, 0xa5, 's', 'i', 'n', 'c', 'e', 0x82, 0xa1, 'a', 0x92, 1, 1, 0xa1, 'a', 0x92, 1, 1},
	} {
		_, refused, malformed := decode(formatMsgpack, data)
		require.NotNil(t, refused, name)
		require.True(t, malformed, name)
	}
}

func TestLanesAreRoundedDown(t *testing.T) {
	for hz, want := range map[float64]float64{0: 0, 0.001: 0.2, 0.2: 0.2, 0.49: 0.2, 0.5: 0.5, 1: 1, 1.9: 1, 3.9: 2, 4: 4, 7.9: 5, 9.99: 8,
		10: 10, 19: 10, 20: 20, 1000: 20} {
		require.InDelta(t, want, lanes[laneOf(hz)].hz, 0, "%v", hz)
	}
}

// Whatever is sent, decoding ends, takes little, and either is a command within its
// bounds or a refusal.
func FuzzCommand(f *testing.F) {
	for _, text := range []string{`{"id":1,"op":"sub","ch":["` + oneChannel + `"],"hz":5,"since":{"` + oneChannel + `":[1,2]}}`,
		`{"op":"ping","t":1}`, `{"id":1,"id":2}`, `[[[[[[`, `{"op":"` + strings.Repeat(`\u0000`, 600) + `"}`,
		`{"since":{` + strings.Repeat(`"a":[1,2],`, 300) + `"b":[1,2]}}`, `{"ch":[` + strings.Repeat(`"",`, 1300) + `""]}`, "\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) { decodeWithin(t, formatJSON, data) })
}

// FuzzMsgpackCommand is as FuzzCommand.
func FuzzMsgpackCommand(f *testing.F) {
	for _, text := range []string{`{"id":1,"op":"sub","ch":["` + oneChannel + `"],"hz":0.5,"m":true,"since":{"` + oneChannel + `":[1,2]}}`,
		`{"op":"ping","t":1}`, `{"op":"hist","ch":"` + oneChannel + `","n":3}`, `{"op":"auth","token":"a"}`} {
		f.Add(inMsgpack(f, text))
	}
	f.Add([]byte{0x81, 0xa2, 'c', 'h', 0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) { decodeWithin(t, formatMsgpack, data) })
}

func decodeWithin(t *testing.T, form format, data []byte) {
	const takenMax = 256 << 10
	if len(data) > messageBytesMax {
		data = data[:messageBytesMax]
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, refused, malformed := decode(form, data)
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > takenMax {
		t.Fatalf("decoding %d bytes took %d", len(data), taken)
	}
	if malformed && refused == nil {
		t.Fatal("what is malformed is not refused")
	}
	if refused == nil && (got.lane >= len(lanes) || len(got.channels) > subscriptionsMax || len(got.channels) == 0 && !got.all) {
		t.Fatalf("a command beyond its bounds: %+v", got)
	}
	_ = errFrame(form, &got, &refusal{code: errBadRequest, message: fmt.Sprint(got.op)})
}
