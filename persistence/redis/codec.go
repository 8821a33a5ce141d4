package redis

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// format is the version of all that we write; what has another one is refused.
const format = 1

// sealBytes is what a seal takes at the end of a value.
const sealBytes = 16

// errForeign is told of what is not what this version of ours writes with our secret.
var errForeign = errors.New("not written by us")

// sealer puts seals on values. A seal of one purpose is none for another.
type sealer struct{ secret []byte }

func (s sealer) of(purpose string, data []byte) []byte {
	code := hmac.New(sha256.New, s.secret)
	code.Write([]byte(purpose))
	code.Write([]byte{0})
	code.Write(data)
	return code.Sum(nil)[:sealBytes]
}

// put appends the seal to data.
func (s sealer) put(purpose string, data []byte) []byte { return append(data, s.of(purpose, data)...) }

// take returns the data before a seal, or errForeign.
func (s sealer) take(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < sealBytes {
		return nil, errForeign
	}
	data := sealed[:len(sealed)-sealBytes]
	if !hmac.Equal(s.of(purpose, data), sealed[len(data):]) {
		return nil, errForeign
	}
	return data, nil
}

// wire is what is written. visit names its fields in order to a writer or a reader; this
// one list keeps the two from differing.
type wire interface{ visit(v visitor) }

// visitor writes fields, or reads into them.
type visitor interface {
	array(length *int, most int)
	uint64(*uint64)
	int64(*int64)
	bool(*bool)
	bytes(field *[]byte, most int)
}

// writer writes fields to memory, which does not fail.
type writer struct {
	buffer  bytes.Buffer
	encoder *msgpack.Encoder
}

func (w *writer) array(length *int, _ int) { _ = w.encoder.EncodeArrayLen(*length) }
func (w *writer) uint64(n *uint64)         { _ = w.encoder.EncodeUint(*n) }
func (w *writer) int64(n *int64)           { _ = w.encoder.EncodeInt(*n) }
func (w *writer) bool(b *bool)             { _ = w.encoder.EncodeBool(*b) }
func (w *writer) bytes(b *[]byte, _ int) {
	if *b == nil {
		*b = []byte{} // nil would be another type
	}
	_ = w.encoder.EncodeBytes(*b)
}

// encode returns the bytes of a value.
func encode(value wire) []byte {
	w := &writer{}
	w.encoder = msgpack.NewEncoder(&w.buffer)
	value.visit(w)
	return w.buffer.Bytes()
}

// reader reads fields until one does not fit.
type reader struct {
	decoder *msgpack.Decoder
	err     error
}

// read keeps the first error.
func read[T any](r *reader, into *T, next func() (T, error)) {
	if r.err == nil {
		*into, r.err = next()
	}
}

func (r *reader) array(length *int, most int) {
	read(r, length, r.decoder.DecodeArrayLen)
	if r.err == nil && (*length < 0 || *length > most) {
		r.err = fmt.Errorf("a list of %d: %w", *length, errForeign)
	}
	if r.err != nil {
		*length = 0
	}
}
func (r *reader) uint64(n *uint64) { read(r, n, r.decoder.DecodeUint64) }
func (r *reader) int64(n *int64)   { read(r, n, r.decoder.DecodeInt64) }
func (r *reader) bool(b *bool)     { read(r, b, r.decoder.DecodeBool) }
func (r *reader) bytes(b *[]byte, most int) {
	read(r, b, r.decoder.DecodeBytes)
	if r.err == nil && len(*b) > most {
		r.err = fmt.Errorf("%d bytes: %w", len(*b), errForeign)
	}
}

// decode reads data into value, or returns errMalformed or errForeign. What passes is byte
// for byte what encode writes: no number in a longer form, no nil, nothing left out or
// added.
func decode(data []byte, value wire) error {
	if err := checkForm(data); err != nil {
		return err
	}
	r := &reader{decoder: msgpack.NewDecoder(bytes.NewReader(data))}
	value.visit(r)
	if r.err != nil {
		return fmt.Errorf("%w: %w", errForeign, r.err)
	}
	if !bytes.Equal(encode(value), data) {
		return errForeign
	}
	return nil
}
