package token

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"holdfast/inventory"
)

const (
	pendingNonceBytes = 8
	// pendingNamed are the bytes before the code: account, version, end and nonce.
	pendingNamed = len(inventory.ID{}) + 8 + 8 + pendingNonceBytes
	pendingBytes = pendingNamed + sha256.Size
)

// Pending is what an account may do once, until a moment: the second step of a login, or
// a new password. It ends with the version of the account too, so whoever raises that in
// the same transaction makes it good once.
type Pending struct {
	Account inventory.ID
	Version int64
	Until   inventory.Instant
}

// Pender makes and reads the tokens of one purpose. They carry all that they say, under
// HMAC-SHA-256 with a key of that purpose, so that none is good for another and nothing is
// stored.
type Pender struct {
	prefix string
	key    []byte
}

// NewPender returns a pender whose tokens begin with the prefix, with a copy of a key that
// has at least [SigningKeyBytesMin] bytes and is used for nothing else.
func NewPender(prefix string, key []byte) (*Pender, error) {
	if len(key) < SigningKeyBytesMin {
		return nil, fmt.Errorf("the key of tokens %s has %d bytes and needs at least %d", prefix, len(key), SigningKeyBytesMin)
	}
	return &Pender{prefix: prefix, key: append([]byte(nil), key...)}, nil
}

// Token returns a token, which is another one each time.
func (p *Pender) Token(pending Pending) string {
	named := append(make([]byte, 0, pendingBytes), pending.Account[:]...)
	named = binary.BigEndian.AppendUint64(named, uint64(pending.Version)) // #nosec G115 -- bits are bits
	named = binary.BigEndian.AppendUint64(named, uint64(pending.Until))   // #nosec G115 -- bits are bits
	var nonce [pendingNonceBytes]byte
	_, _ = rand.Read(nonce[:]) // never fails: crypto/rand ends the process instead
	named = append(named, nonce[:]...)
	return p.prefix + base64.RawURLEncoding.EncodeToString(p.seal(named))
}

func (p *Pender) seal(named []byte) []byte {
	code := hmac.New(sha256.New, p.key)
	code.Write([]byte(p.prefix))
	code.Write(named)
	return code.Sum(named)
}

// Read returns what a token says that was made by Token and has not ended, or [ErrInvalid].
func (p *Pender) Read(text string, now inventory.Instant) (pending Pending, err error) {
	encoded, found := strings.CutPrefix(text, p.prefix)
	if !found || len(encoded) != base64.RawURLEncoding.EncodedLen(pendingBytes) {
		return pending, ErrInvalid
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || !hmac.Equal(sealed, p.seal(sealed[:pendingNamed:pendingNamed])) {
		return pending, ErrInvalid
	}
	copy(pending.Account[:], sealed)
	pending.Version = int64(binary.BigEndian.Uint64(sealed[16:]))           // #nosec G115 -- bits are bits
	pending.Until = inventory.Instant(binary.BigEndian.Uint64(sealed[24:])) // #nosec G115 -- bits are bits
	if now >= pending.Until {
		return Pending{}, ErrInvalid
	}
	return pending, nil
}
