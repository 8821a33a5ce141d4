package secondfactor

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

const second = inventory.Instant(time.Second)

func newVault(t *testing.T) *Vault {
	vault, err := NewVault(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	return vault
}

// The codes are those of the standard (RFC 6238, appendix B, SHA-1, the last six digits).
func TestCodesAreThoseOfTheStandard(t *testing.T) {
	secret := encoding.EncodeToString([]byte("12345678901234567890"))
	for at, want := range map[inventory.Instant]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924",
		2000000000: "279037"} {
		code, err := CodeAt(secret, at*second)
		require.NoError(t, err)
		require.Equal(t, want, code)
	}
	_, err := CodeAt("not base32!", 0)
	require.Error(t, err)
}

// A code is good one step early and late, and no code is good twice.
func TestACodeIsGoodOnceAndInItsTime(t *testing.T) {
	vault, account := newVault(t), inventory.ID{1}
	sealed, secret := vault.New(account)
	const now = 1_800_000_000 * second
	accept := func(code string, last int64) (int64, bool) {
		step, ok, err := vault.Accept(account, sealed, code, now, last)
		require.NoError(t, err)
		return step, ok
	}
	for offset, good := range map[inventory.Instant]bool{-60: false, -30: true, 0: true, 30: true, 60: false} {
		code, err := CodeAt(secret, now+offset*second)
		require.NoError(t, err)
		step, ok := accept(code, 0)
		require.Equal(t, good, ok, "%d s", offset)
		if ok {
			_, again := accept(code, step)
			require.False(t, again, "it was used")
			_, older := accept(code, step+1)
			require.False(t, older, "a later one was used")
		}
	}
	for _, code := range []string{"", "0", "12345", "1234567", "abcdef", strings.Repeat("0", 1000)} {
		_, ok := accept(code, 0)
		require.False(t, ok, code)
	}
}

func TestASecretIsSealedForItsAccount(t *testing.T) {
	vault := newVault(t)
	sealed, secret := vault.New(inventory.ID{1})
	plain, err := encoding.DecodeString(secret)
	require.NoError(t, err)
	require.Len(t, plain, 20)
	require.NotContains(t, string(sealed), string(plain))
	require.NotContains(t, string(sealed), secret)
	code, err := CodeAt(secret, 0)
	require.NoError(t, err)
	_, _, err = vault.Accept(inventory.ID{2}, sealed, code, 0, -9)
	require.ErrorIs(t, err, ErrSealed)
	other, err := NewVault(bytes.Repeat([]byte{8}, 32))
	require.NoError(t, err)
	_, _, err = other.Accept(inventory.ID{1}, sealed, code, 0, -9)
	require.ErrorIs(t, err, ErrSealed)
	sealed[len(sealed)-1] ^= 1
	_, _, err = vault.Accept(inventory.ID{1}, sealed, code, 0, -9)
	require.ErrorIs(t, err, ErrSealed)
	_, err = NewVault([]byte("short"))
	require.Error(t, err)
}

func TestRecoveryCodes(t *testing.T) {
	codes, hashes := NewRecoveryCodes()
	require.Len(t, codes, RecoveryCodes)
	for i, code := range codes {
		require.Regexp(t, "^[a-z2-7]{6}-[a-z2-7]{6}-[a-z2-7]{6}-[a-z2-7]{6}$", code)
		left, ok := Spend(strings.ToUpper(strings.ReplaceAll(code, "-", " ")), hashes)
		require.True(t, ok)
		require.Len(t, left, RecoveryCodes-1)
		_, again := Spend(code, left)
		require.False(t, again)
		require.Len(t, hashes, RecoveryCodes, "the hashes that were given are as they were")
		require.NotContains(t, codes[:i], code)
	}
	_, ok := Spend("", hashes)
	require.False(t, ok)
}

func TestPicture(t *testing.T) {
	address := Address("Hold fast", "ada@example.com", "ABCDEFGH")
	require.Equal(t, "otpauth://totp/Hold%20fast:ada@example.com?issuer=Hold+fast&secret=ABCDEFGH", address)
	data, err := Picture(address)
	require.NoError(t, err)
	picture, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, pictureSide, picture.Bounds().Dx())
	_, err = Picture("otpauth://totp/" + strings.Repeat("x", 10_000))
	require.Error(t, err)
}
