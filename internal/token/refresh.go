package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"holdfast/inventory"
)

// RefreshPrefix begins every refresh token.
const RefreshPrefix = "hfr_"

const (
	// refreshNamed are the bytes that say which token it is: session and generation.
	refreshNamed = len(inventory.ID{}) + 8
	refreshBytes = refreshNamed + sha256.Size
)

// Refresher makes and reads refresh tokens. One is the name of a session, a generation,
// and both under HMAC-SHA-256 with a key that is not in the database. So the store keeps
// a number and no secret, a stolen database opens nothing; a token that was used before
// is known for one, which a hash of the last alone could not tell from a forgery; and who
// lost an answer can be given the same token again.
type Refresher struct{ key []byte }

// NewRefresher returns a refresher with a copy of key, which has at least
// [SigningKeyBytesMin] bytes and is used for nothing else.
func NewRefresher(key []byte) (*Refresher, error) {
	if len(key) < SigningKeyBytesMin {
		return nil, fmt.Errorf("the key of refresh tokens has %d bytes and needs at least %d", len(key), SigningKeyBytesMin)
	}
	return &Refresher{key: append([]byte(nil), key...)}, nil
}

// Token returns the token of a session and generation.
func (r *Refresher) Token(session inventory.ID, generation int64) string {
	named := binary.BigEndian.AppendUint64(append(make([]byte, 0, refreshBytes), session[:]...), uint64(generation))
	return RefreshPrefix + base64.RawURLEncoding.EncodeToString(r.seal(named))
}

// seal appends the code of what is named.
func (r *Refresher) seal(named []byte) []byte {
	code := hmac.New(sha256.New, r.key)
	code.Write(named)
	return code.Sum(named)
}

// Read returns the session and the generation of a token that was made by Token, or
// [ErrInvalid].
func (r *Refresher) Read(text string) (session inventory.ID, generation int64, err error) {
	encoded, found := strings.CutPrefix(text, RefreshPrefix)
	if !found || len(encoded) != base64.RawURLEncoding.EncodedLen(refreshBytes) {
		return inventory.ID{}, 0, ErrInvalid
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || !hmac.Equal(sealed, r.seal(sealed[:refreshNamed:refreshNamed])) {
		return inventory.ID{}, 0, ErrInvalid
	}
	copy(session[:], sealed)
	return session, int64(binary.BigEndian.Uint64(sealed[len(session):])), nil
}
