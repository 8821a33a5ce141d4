// Package secondfactor is what people have besides a password: a device that makes codes
// of six digits from a shared secret and the time (TOTP, RFC 6238), and a few codes on
// paper for when the device is lost.
//
// # Invariants
//
//	F1  A secret has 160 random bits, is kept sealed (AES-256-GCM, bound to its account),
//	    and is shown once.
//	F2  A code is good in its time step of 30 seconds, and one step before and after it,
//	    since clocks of devices are not exact.
//	F3  No code of a step is good at or before the last step that was accepted: whoever
//	    overhears one cannot use it.
//	F4  A recovery code has 120 random bits, of which only the SHA-256 is kept. It is good
//	    once.
package secondfactor

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"holdfast/inventory"
)

const (
	secretBytes = 20
	// stepSeconds is how long a code is shown, and stepsOff how many steps a device may be
	// early or late.
	stepSeconds = 30
	stepsOff    = 1
	// CodeDigits is how many digits a code has.
	CodeDigits = 6
	// RecoveryCodes is how many codes on paper there are.
	RecoveryCodes = 10
	// recoveryBytes are those of one.
	recoveryBytes = 15
)

// ErrSealed is returned for a secret that was sealed with another key, or for another
// account.
var ErrSealed = errors.New("the secret of the second factor cannot be opened: the signing key is another one than when it was made")

// Vault seals the secrets of accounts.
type Vault struct{ aead cipher.AEAD }

// NewVault returns a vault with a key of 32 bytes that is used for nothing else.
func NewVault(key []byte) (*Vault, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("the key of second factors: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("the key of second factors: %w", err)
	}
	return &Vault{aead}, nil
}

// New returns a new secret of an account, sealed and as people type it into a device.
func (v *Vault) New(account inventory.ID) (sealed []byte, text string) {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	return v.aead.Seal(nil, nil, secret, account[:]), encoding.EncodeToString(secret)
}

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Accept returns the time step of a code, when it is one of the account's device that is
// good now and comes after the last step that was accepted.
func (v *Vault) Accept(account inventory.ID, sealed []byte, code string, now inventory.Instant, last int64) (step int64, ok bool, err error) {
	secret, err := v.aead.Open(nil, nil, sealed, account[:])
	if err != nil {
		return 0, false, ErrSealed
	}
	if len(code) != CodeDigits {
		return 0, false, nil
	}
	present := int64(now) / int64(stepSeconds*time.Second)
	for candidate := present - stepsOff; candidate <= present+stepsOff; candidate++ {
		want, err := codeOf(secret, candidate)
		if err != nil {
			return 0, false, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && candidate > last {
			step, ok = candidate, true
		}
	}
	return step, ok, nil
}

func codeOf(secret []byte, step int64) (string, error) {
	return hotp.GenerateCodeCustom(encoding.EncodeToString(secret), uint64(step), // #nosec G115 -- after 1970
		hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// CodeAt returns the code that a device with the secret shows at a moment. It is what
// tests and programs have in place of a device.
func CodeAt(text string, at inventory.Instant) (string, error) {
	secret, err := encoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("the secret: %w", err)
	}
	return codeOf(secret, int64(at)/int64(stepSeconds*time.Second))
}

// NewRecoveryCodes returns codes for paper, and their hashes.
func NewRecoveryCodes() (codes []string, hashes [][32]byte) {
	for range RecoveryCodes {
		random := make([]byte, recoveryBytes)
		_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
		text := strings.ToLower(encoding.EncodeToString(random))
		code := text[:6] + "-" + text[6:12] + "-" + text[12:18] + "-" + text[18:]
		codes, hashes = append(codes, code), append(hashes, hashOf(code))
	}
	return codes, hashes
}

// Spend returns the hashes without that of the code, if it is among them.
func Spend(code string, hashes [][32]byte) (left [][32]byte, ok bool) {
	wanted := hashOf(code)
	for i := range hashes {
		if subtle.ConstantTimeCompare(hashes[i][:], wanted[:]) == 1 {
			return append(append([][32]byte(nil), hashes[:i]...), hashes[i+1:]...), true
		}
	}
	return hashes, false
}

// hashOf is the hash of a code, however it is written.
func hashOf(code string) [32]byte {
	return sha256.Sum256([]byte(strings.Map(func(c rune) rune {
		switch {
		case c == '-' || c == ' ':
			return -1
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return c
	}, code)))
}
