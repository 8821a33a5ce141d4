package token

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

func TestPendingTokens(t *testing.T) {
	key := bytes.Repeat([]byte{7}, SigningKeyBytesMin)
	p, err := NewPender("hfx_", key)
	require.NoError(t, err)
	pending := Pending{Account: inventory.ID{1, 15: 2}, Version: 3, Until: 100}
	text := p.Token(pending)
	require.NotEqual(t, text, p.Token(pending))
	found, err := p.Read(text, 99)
	require.NoError(t, err)
	require.Equal(t, pending, found)
	_, err = p.Read(text, 100)
	require.ErrorIs(t, err, ErrInvalid)

	other, err := NewPender("hfy_", key)
	require.NoError(t, err)
	otherKey, err := NewPender("hfx_", bytes.Repeat([]byte{8}, SigningKeyBytesMin))
	require.NoError(t, err)
	for _, forged := range []string{"", "hfx_", text[1:], text + "A", text[:len(text)-1], "hfy_" + text[4:], strings.ToUpper(text),
		text[:20] + "A" + text[21:], other.Token(pending), otherKey.Token(pending)} {
		if forged == text {
			continue
		}
		_, err := p.Read(forged, 0)
		require.ErrorIs(t, err, ErrInvalid, forged)
	}
	_, err = other.Read("hfy_"+text[4:], 0)
	require.ErrorIs(t, err, ErrInvalid, "of another purpose, under the same key")
	_, err = NewPender("hfx_", key[1:])
	require.Error(t, err)
}
