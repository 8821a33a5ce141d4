package api

import "holdfast/inventory"

// idempotencyKey reads the Idempotency-Key, quoted or bare: the same key in either
// form. It lies in the request. given is false when there is none; one that is
// malformed is refused, and then ok is false.
func (x *exchange) idempotencyKey() (key []byte, given, ok bool) {
	value, count := x.given.key.value, x.given.key.count
	if count == 0 || count == 1 && len(value) == 0 {
		return nil, false, true
	}
	if count > 1 {
		x.fail(codeKeyInvalid, "Only one Idempotency-Key may be sent.")
		return nil, true, false
	}
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	if !isKey(value) {
		x.fail(codeKeyInvalid, "An Idempotency-Key has 16 to 128 visible characters without quotes and backslashes.")
		return nil, true, false
	}
	return value, true, true
}

// requireKey is idempotencyKey for routes that cannot do without.
func (x *exchange) requireKey() ([]byte, bool) {
	key, given, ok := x.idempotencyKey()
	if !given {
		x.fail(codeKeyRequired, "Send an Idempotency-Key of your own making, and the same one when you try again.")
		return nil, false
	}
	return key, ok
}

func isKey(value []byte) bool {
	if len(value) < idempotencyKeyMin || len(value) > idempotencyKeyMax || !isVisible(value) {
		return false
	}
	for _, c := range value {
		if c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// keyFingerprint is the fingerprint of caller, route and key. The caller has a
// fixed length and a key no byte 0, so no two triples give the same input.
func keyFingerprint(caller inventory.ID, route string, key []byte) inventory.Fingerprint {
	var buffer [256]byte
	input := append(buffer[:0], caller[:]...)
	input = append(append(input, route...), 0)
	return inventory.FingerprintOf(append(input, key...))
}
