package crowd

import (
	"bytes"
	"fmt"
)

// The beginnings of the members that are looked for. Within a string the quotes would be
// escaped, so that they are found only where they are members.
var (
	memberEpoch     = []byte(`,"e":`)
	memberVersion   = []byte(`,"s":`)
	memberAvailable = []byte(`,"a":`)
)

// The beginnings of messages of stockticker.v1.json.
var (
	updateHead   = []byte(`{"t":"u"`)
	snapshotHead = []byte(`{"t":"s"`)
	errorHead    = []byte(`{"t":"err"`)
	objectHead   = []byte(`{"t":"`)
)

// JSON is stockticker.v1.json: it watches a product, at most hertz times a second.
func JSON(product string, hertz float64) Dialect {
	return Dialect{Path: "/api/ws", Subprotocol: "stockticker.v1.json", Hear: hearJSON,
		Opening: []string{fmt.Sprintf(`{"id":1,"op":"sub","ch":["p:%s"],"hz":%g}`, product, hertz)}}
}

func hearJSON(message []byte) Heard {
	switch {
	case bytes.HasPrefix(message, updateHead), bytes.HasPrefix(message, snapshotHead):
		state, found := findState(message)
		if !found {
			return Heard{Kind: Unreadable}
		}
		return Heard{Shown, state}
	case bytes.HasPrefix(message, errorHead):
		return Heard{Kind: Refused}
	case bytes.HasPrefix(message, objectHead):
		return Heard{Kind: Other}
	}
	return Heard{Kind: Unreadable}
}

// findState finds the three numbers of a state in JSON.
func findState(message []byte) (state State, found bool) {
	epoch, rest, found := findNumber(message, memberEpoch)
	if !found {
		return state, false
	}
	version, rest, found := findNumber(rest, memberVersion)
	if !found {
		return state, false
	}
	available, _, found := findNumber(rest, memberAvailable)
	return State{uint32(epoch), version, int64(available)}, found && epoch <= 1<<32-1 && available <= 1<<62
}

// findNumber reads the digits after a name, and returns what follows them.
func findNumber(message, name []byte) (value uint64, rest []byte, found bool) {
	begin := bytes.Index(message, name)
	if begin < 0 {
		return 0, nil, false
	}
	rest = message[begin+len(name):]
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' && digits < 19 {
		value = 10*value + uint64(rest[digits]-'0')
		digits++
	}
	return value, rest[digits:], digits > 0
}
