package ticker

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

const (
	oneChannel   = "p:01234567-89ab-7def-8123-456789abcdef"
	otherChannel = "p:01234567-89ab-7def-8123-456789abcde0"
)

func TestCommandsAreDecoded(t *testing.T) {
	one, _ := productOf(oneChannel)
	other, _ := productOf(otherChannel)
	for text, want := range map[string]command{
		`{"id":1,"op":"sub","ch":["` + oneChannel + `"]}`:   {id: 1, named: true, op: "sub", products: []inventory.ID{one}, lane: laneDefault},
		`{"op":"unsub","ch":["` + otherChannel + `"]}`:      {op: "unsub", products: []inventory.ID{other}, lane: laneDefault},
		` {"id":0,"op":"snap","ch":["` + oneChannel + `"]}`: {named: true, op: "snap", products: []inventory.ID{one}, lane: laneDefault},
		`{"op":"sub","ch":["` + oneChannel + `","` + otherChannel + `"],"hz":5,"since":{"` + otherChannel + `":[3,9]}}`: {op: "sub",
			products: []inventory.ID{one, other}, lane: 2, since: map[inventory.ID]version{other: {3, 9}}},
		`{"op":"ping"}`: {op: "ping"},
		`{"id":9007199254740991,"op":"ping","t":-5}`: {id: idMax, named: true, op: "ping", sent: -5, timed: true},
	} {
		got, refused, malformed := decode([]byte(text))
		require.Nil(t, refused, text)
		require.False(t, malformed)
		require.Equal(t, want, got, text)
	}
}

// What a command does not say strictly is refused, under its own name when it has one.
func TestCommandsAreRefused(t *testing.T) {
	sub := func(members string) string { return `{"id":5,"op":"sub","ch":["` + oneChannel + `"]` + members + `}` }
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
		{`{"id":5,"op":"rate","hz":1}`, errUnknownOp, true, false},
		{`{"id":5,"op":"ping","hz":1}`, errBadRequest, true, false},
		{`{"id":5,"op":"snap","ch":["` + oneChannel + `"],"hz":1}`, errBadRequest, true, false},
		{`{"id":5,"op":"unsub","ch":["` + oneChannel + `"],"since":{}}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub"}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub","ch":[]}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub","ch":null}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub","ch":["` + oneChannel + `","` + strings.ToUpper(oneChannel[:20]) + oneChannel[20:] + `"]}`, errUnknownChannel, true, false},
		{`{"id":5,"op":"sub","ch":["` + oneChannel + `","p:` + strings.ToUpper(oneChannel[2:]) + `"]}`, errBadRequest, true, false},
		{`{"id":5,"op":"sub","ch":["c:shoes"]}`, errUnknownChannel, true, false},
		{`{"id":5,"op":"sub","ch":["o:01234567-89ab-7def-8123-456789abcdef"]}`, errUnknownChannel, true, false},
		{`{"id":5,"op":"sub","ch":["*"]}`, errUnknownChannel, true, false},
		{sub(`,"hz":-1`), errBadRequest, true, false},
		{sub(`,"hz":1e300`), errBadRequest, true, false},
		{sub(`,"hz":"5"`), errBadRequest, true, false},
		{sub(`,"since":{"` + otherChannel + `":[1,1]}`), errBadRequest, true, false},
		{sub(`,"since":{"` + oneChannel + `":[1]}`), errBadRequest, true, false},
		{sub(`,"since":{"` + oneChannel + `":[1,2,3]}`), errBadRequest, true, false},
		{sub(`,"since":{"` + oneChannel + `":[4294967296,2]}`), errBadRequest, true, false},
		{sub(`,"since":{"` + oneChannel + `":[-1,2]}`), errBadRequest, true, false},
	} {
		got, refused, malformed := decode([]byte(c.text))
		require.NotNil(t, refused, c.text)
		require.Equal(t, c.code, refused.code, "%s: %s", c.text, refused.message)
		require.Equal(t, c.named, got.named, c.text)
		require.Equal(t, c.malformed, malformed, c.text)
		require.NotEmpty(t, refused.message)
	}
}

func TestLanesAreRoundedDown(t *testing.T) {
	for hz, want := range map[float64]string{0: "0", 0.001: "0.2", 0.2: "0.2", 0.49: "0.2", 0.5: "0.5", 1: "1", 1.9: "1", 4: "2", 9.99: "5",
		10: "10", 19: "10", 20: "20", 1000: "20"} {
		require.Equal(t, want, lanes[laneOf(hz)].text, "%v", hz)
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
	const takenMax = 256 << 10
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > messageBytesMax {
			data = data[:messageBytesMax]
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, refused, malformed := decode(data)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > takenMax {
			t.Fatalf("decoding %d bytes took %d", len(data), taken)
		}
		if malformed && refused == nil {
			t.Fatal("what is malformed is not refused")
		}
		if refused == nil && (got.lane >= len(lanes) || len(got.products) > subscriptionsMax || got.op != opPing && len(got.products) == 0) {
			t.Fatalf("a command beyond its bounds: %+v", got)
		}
		_ = errFrame(&got, &refusal{code: errBadRequest, message: fmt.Sprint(got.op)})
	})
}
