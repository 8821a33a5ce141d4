package ticker

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// errMalformed is returned for a message that is no strict map, errWrongType for a value
// that its member cannot have, errUnknownMember for a member that there is not.
var (
	errMalformed     = errors.New("not a strict map")
	errWrongType     = errors.New("a value of the wrong type")
	errUnknownMember = errors.New("an unknown member")
)

// msgpackReader reads a command that is well-formed.
type msgpackReader struct {
	*msgpack.Decoder
	wire wireCommand
	// seen are the members that came, nil ones too.
	seen memberSet
}

// readMsgpack reads a command in msgpack: see [decode].
func readMsgpack(data []byte) (wire wireCommand, refused *refusal, malformed bool) {
	malformation := &refusal{code: errBadRequest, message: "A message must be one map, not deep, with keys of text and no member twice."}
	if !wellFormed(data) {
		return wire, malformation, true
	}
	r := msgpackReader{Decoder: msgpack.NewDecoder(bytes.NewReader(data))}
	switch err := r.read(); {
	case err == nil:
		return r.wire, nil, false
	case errors.Is(err, errUnknownMember):
		return r.wire, &refusal{code: errBadRequest, message: "There are only the members id, op, ch, hz, since, m, token, t and n."}, false
	case errors.Is(err, errWrongType):
		return r.wire, &refusal{code: errBadRequest, message: "A member has a value of the wrong type."}, false
	}
	return wire, malformation, true
}

// read reads the map. What is wrong in it is told at its end, so that a command that is
// refused still has its name.
func (r *msgpackReader) read() error {
	members, err := r.members()
	if err != nil {
		return err
	}
	var wrong error
	for range members {
		name, err := r.text()
		if err != nil {
			return errMalformed
		}
		member, known := memberNames[name]
		switch {
		case known && r.seen&member != 0:
			return errMalformed // twice
		case !known:
			wrong = errors.Join(wrong, errUnknownMember)
			err = r.Skip()
		default:
			r.seen |= member
			err = r.member(member)
		}
		if errors.Is(err, errWrongType) {
			wrong, err = errors.Join(wrong, err), nil
		}
		if err != nil {
			return errMalformed
		}
	}
	return wrong
}

// members reads how many members the map has.
func (r *msgpackReader) members() (int, error) {
	code, err := r.PeekCode()
	if err != nil || !(msgpcode.IsFixedMap(code) || code == msgpcode.Map16 || code == msgpcode.Map32) {
		return 0, errMalformed
	}
	return r.DecodeMapLen()
}

// member reads the value of a member. nil is as if it was not there.
func (r *msgpackReader) member(member memberSet) error {
	if code, err := r.PeekCode(); err != nil || code == msgpcode.Nil {
		return r.Skip()
	}
	var err error
	switch member {
	case memberID:
		r.wire.id, err = r.whole()
	case memberOp:
		r.wire.op, err = r.text()
	case memberChannels:
		r.wire.channels, err = r.texts()
	case memberHertz:
		r.wire.hertz, err = r.real()
	case memberSince:
		r.wire.since, err = r.versions()
	case memberSlow:
		r.wire.slow, err = r.truth()
	case memberToken:
		r.wire.token, err = r.text()
	case memberTime:
		r.wire.time, err = r.whole()
	case memberCount:
		r.wire.count, err = r.whole()
	}
	if err == nil {
		r.wire.has |= member
	}
	return err
}

// wrong steps over a value that is not of the type that is wanted.
func (r *msgpackReader) wrong() error {
	if err := r.Skip(); err != nil {
		return err
	}
	return errWrongType
}

func (r *msgpackReader) text() (string, error) {
	code, err := r.PeekCode()
	switch {
	case err != nil:
		return "", err
	case !msgpcode.IsString(code):
		return "", r.wrong()
	}
	text, err := r.DecodeString()
	if err == nil && !utf8.ValidString(text) {
		err = errMalformed
	}
	return text, err
}

// isWhole reports whether a code is that of a whole number.
func isWhole(code byte) bool {
	return msgpcode.IsFixedNum(code) || code >= msgpcode.Uint8 && code <= msgpcode.Int64
}

func (r *msgpackReader) whole() (int64, error) {
	code, err := r.PeekCode()
	switch {
	case err != nil:
		return 0, err
	case !isWhole(code):
		return 0, r.wrong()
	case code != msgpcode.Uint64:
		return r.DecodeInt64()
	}
	value, err := r.DecodeUint64()
	if err == nil && value > 1<<63-1 {
		err = errWrongType
	}
	return int64(value), err // #nosec G115 -- checked
}

func (r *msgpackReader) unsigned() (uint64, error) {
	if code, err := r.PeekCode(); err == nil && code == msgpcode.Uint64 {
		return r.DecodeUint64()
	}
	value, err := r.whole()
	if err == nil && value < 0 {
		err = errWrongType
	}
	return uint64(value), err // #nosec G115 -- checked
}

func (r *msgpackReader) real() (float64, error) {
	code, err := r.PeekCode()
	switch {
	case err != nil:
		return 0, err
	case isWhole(code):
		value, err := r.whole()
		return float64(value), err
	case code != msgpcode.Float && code != msgpcode.Double:
		return 0, r.wrong()
	}
	return r.DecodeFloat64()
}

func (r *msgpackReader) truth() (bool, error) {
	code, err := r.PeekCode()
	switch {
	case err != nil:
		return false, err
	case code != msgpcode.True && code != msgpcode.False:
		return false, r.wrong()
	}
	return r.DecodeBool()
}

// isList reports whether a code is that of a list.
func isList(code byte) bool {
	return msgpcode.IsFixedArray(code) || code == msgpcode.Array16 || code == msgpcode.Array32
}

// texts reads one text, or a list of them.
func (r *msgpackReader) texts() ([]string, error) {
	code, err := r.PeekCode()
	switch {
	case err != nil:
		return nil, err
	case msgpcode.IsString(code):
		one, err := r.text()
		return []string{one}, err
	case !isList(code):
		return nil, r.wrong()
	}
	count, err := r.DecodeArrayLen()
	if err != nil {
		return nil, err
	}
	all := make([]string, 0, min(count, messageBytesMax))
	var wrong error
	for range count {
		one, err := r.text()
		if errors.Is(err, errWrongType) {
			wrong, err = err, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, wrong
}

// versions reads a map of channels, each with [e, s].
func (r *msgpackReader) versions() (map[string][2]uint64, error) {
	code, err := r.PeekCode()
	switch {
	case err != nil:
		return nil, err
	case !(msgpcode.IsFixedMap(code) || code == msgpcode.Map16 || code == msgpcode.Map32):
		return nil, r.wrong()
	}
	count, err := r.DecodeMapLen()
	if err != nil {
		return nil, err
	}
	all := make(map[string][2]uint64, min(count, subscriptionsMax))
	var wrong error
	for range count {
		channel, err := r.text()
		if err != nil {
			return nil, errMalformed
		}
		at, err := r.version()
		if errors.Is(err, errWrongType) {
			wrong, err = err, nil
		}
		if _, twice := all[channel]; err != nil || twice {
			return nil, errMalformed
		}
		all[channel] = at
	}
	return all, wrong
}

func (r *msgpackReader) version() (at [2]uint64, err error) {
	code, err := r.PeekCode()
	switch {
	case err != nil:
		return at, err
	case !isList(code):
		return at, r.wrong()
	}
	count, err := r.DecodeArrayLen()
	if err != nil {
		return at, err
	}
	var wrong error
	for i := range count {
		value, err := r.unsigned()
		if errors.Is(err, errWrongType) {
			wrong, err = err, nil
		}
		if err != nil {
			return at, err
		}
		if i < len(at) {
			at[i] = value
		}
	}
	if count != len(at) {
		wrong = errWrongType
	}
	return at, wrong
}
