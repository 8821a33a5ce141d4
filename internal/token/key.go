package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// KeyPrefix begins every API key, so that people and secret scanners know one.
const KeyPrefix = "hfk_"

const keyRandomBytes = 32

// keyLength is the length of an API key in text.
var keyLength = len(KeyPrefix) + base64.RawURLEncoding.EncodedLen(keyRandomBytes)

// NewKey returns a fresh API key and the hash to store. The key itself is shown
// once and kept nowhere.
func NewKey() (key string, hash [32]byte) {
	var random [keyRandomBytes]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	key = KeyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	return key, sha256.Sum256([]byte(key))
}

// LooksLikeKey reports whether text has the form of an API key.
func LooksLikeKey(text string) bool {
	return len(text) == keyLength && strings.HasPrefix(text, KeyPrefix)
}

// HashKey returns the hash under which an API key is stored.
func HashKey(key []byte) [32]byte { return sha256.Sum256(key) }
