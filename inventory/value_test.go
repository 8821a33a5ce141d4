package inventory

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestIDKeepsItsShardAndOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shard := rapid.Uint16Range(0, ShardCount-1).Draw(t, "shard")
		at := Instant(rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "at"))
		id := NewID(at, shard, rapid.Uint16().Draw(t, "high"), rapid.Uint64().Draw(t, "low"))
		require.Equal(t, shard, id.Shard())
		text := id.String()
		require.Equal(t, byte('7'), text[14], "version")
		require.Contains(t, "89ab", string(text[19]), "variant")
		later := NewID(at+Millisecond, 0, 0, 0)
		require.Less(t, text, later.String())

		parsed, err := ParseID(text)
		require.NoError(t, err)
		require.Equal(t, id, parsed)
		parsed, err = ParseID(strings.ToUpper(text))
		require.NoError(t, err)
		require.Equal(t, id, parsed)
	})
}

func TestParseIDRefusesEverythingElse(t *testing.T) {
	good := "01890a5d-ac96-774b-bcce-b302099a8057"
	_, err := ParseID(good)
	require.NoError(t, err)
	for i := range good {
		for _, bad := range []byte{'g', '-', ' ', 0, 0xff} {
			if good[i] == bad {
				continue
			}
			text := good[:i] + string([]byte{bad}) + good[i+1:]
			if good[i] != '-' || bad != '-' {
				_, err := ParseID(text)
				require.ErrorIs(t, err, ErrIdentifier, "%q", text)
			}
		}
	}
	for _, bad := range []string{"", good[:35], good + "0", strings.ReplaceAll(good, "-", ""), "{" + good[1:35] + "}"} {
		_, err := ParseID(bad)
		require.ErrorIs(t, err, ErrIdentifier, "%q", bad)
	}
}

func TestMoneyIsExactOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		sum, err := Money{Minor: a}.Add(Money{Minor: b})
		exact := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		require.Equal(t, exact.IsInt64(), err == nil)
		if err == nil {
			require.Equal(t, exact.Int64(), sum.Minor)
		}
		product, err := Money{Minor: a}.Multiply(b)
		exact.Mul(big.NewInt(a), big.NewInt(b))
		require.Equal(t, exact.IsInt64() && a >= 0 && b >= 0, err == nil)
		if err == nil {
			require.Equal(t, exact.Int64(), product.Minor)
		}
	})
	for _, factors := range [][2]int64{{math.MaxInt64, 2}, {1 << 32, 1 << 31}, {math.MaxInt64, math.MaxInt64}} {
		_, err := Money{Minor: factors[0]}.Multiply(factors[1])
		require.ErrorIs(t, err, ErrOverflow)
	}
	_, err := Money{Currency: Currency{'E', 'U', 'R'}}.Add(Money{Currency: Currency{'U', 'S', 'D'}})
	require.ErrorIs(t, err, ErrMixedCurrencies)
}

func TestParseCurrency(t *testing.T) {
	currency, err := ParseCurrency("EUR")
	require.NoError(t, err)
	require.Equal(t, "EUR", currency.String())
	for _, bad := range []string{"", "EU", "EURO", "eur", "E R", "€"} {
		_, err := ParseCurrency(bad)
		require.ErrorIs(t, err, ErrCurrency, "%q", bad)
	}
}
