package ticker

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonCommand is a command in JSON. A member that it does not have is refused: what a
// client asks for and does not get, it must learn of.
type jsonCommand struct {
	ID    *int64               `json:"id"`
	Op    *string              `json:"op"`
	Ch    *oneOrMore           `json:"ch"`
	Hz    *float64             `json:"hz"`
	Since map[string][2]uint64 `json:"since"`
	M     *bool                `json:"m"`
	Token *string              `json:"token"`
	T     *int64               `json:"t"`
	N     *int64               `json:"n"`
}

// oneOrMore is a text, or a list of them.
type oneOrMore []string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (o *oneOrMore) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	if decoder.PeekKind() != '"' {
		return json.UnmarshalDecode(decoder, (*[]string)(o))
	}
	*o = make([]string, 1)
	return json.UnmarshalDecode(decoder, &(*o)[0])
}

// readJSON reads a command in JSON: see [decode].
func readJSON(data []byte) (wire wireCommand, refused *refusal, malformed bool) {
	if tooDeep(data) || jsontext.Value(data).Kind() != '{' || !jsontext.Value(data).IsValid() {
		return wire, &refusal{code: errBadRequest, message: "A message must be one strict JSON object, not deep and with no member twice."}, true
	}
	var given jsonCommand
	switch err := json.Unmarshal(data, &given, json.RejectUnknownMembers(true)); {
	case errors.Is(err, json.ErrUnknownName):
		return jsonName(data), &refusal{code: errBadRequest, message: "There are only the members id, op, ch, hz, since, m, token, t and n."}, false
	case err != nil:
		return jsonName(data), &refusal{code: errBadRequest, message: "A member has a value of the wrong type."}, false
	}
	take(&wire, memberID, &wire.id, given.ID)
	take(&wire, memberOp, &wire.op, given.Op)
	take(&wire, memberHertz, &wire.hertz, given.Hz)
	take(&wire, memberSlow, &wire.slow, given.M)
	take(&wire, memberToken, &wire.token, given.Token)
	take(&wire, memberTime, &wire.time, given.T)
	take(&wire, memberCount, &wire.count, given.N)
	if given.Ch != nil {
		wire.has, wire.channels = wire.has|memberChannels, *given.Ch
	}
	if given.Since != nil {
		wire.has, wire.since = wire.has|memberSince, given.Since
	}
	return wire, nil, false
}

// take takes over a member that is there.
func take[T any](wire *wireCommand, member memberSet, to, from *T) {
	if from != nil {
		*to = *from
		wire.has |= member
	}
}

// jsonName reads the name of a command whose other members cannot be read.
func jsonName(data []byte) (wire wireCommand) {
	var given struct {
		ID *int64 `json:"id"`
	}
	if json.Unmarshal(data, &given) == nil {
		take(&wire, memberID, &wire.id, given.ID)
	}
	return wire
}

// tooDeep reports whether brackets are nested deeper than a command needs, without
// following them.
func tooDeep(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > depthMax {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
