package crowd

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each dialect finds the state in what its server says, and tells the rest apart.
func TestDialectsHear(t *testing.T) {
	json, centrifuge := JSON("x", 5), Centrifuge("x")
	state := State{42, 1234567, 48211}
	for _, test := range []struct {
		name    string
		dialect Dialect
		message string
		heard   Heard
	}{
		{"an update", json, `{"t":"u","p":"p","e":42,"s":1234567,"a":48211,"r":310}`, Heard{Shown, state}},
		{"a snapshot whose name looks like members", json, `{"t":"s","p":"p","name":"\",\"s\":1","e":42,"s":1234567,"a":48211}`, Heard{Shown, state}},
		{"an answer", json, `{"t":"ok","id":1}`, Heard{}},
		{"an unknown kind", json, `{"t":"zz"}`, Heard{}},
		{"a refusal", json, `{"t":"err","id":1,"code":102}`, Heard{Kind: Refused}},
		{"an update without numbers", json, `{"t":"u","e":42,"s":,"a":1}`, Heard{Kind: Unreadable}},
		{"an epoch that is too great", json, `{"t":"u","e":4294967296,"s":1,"a":1}`, Heard{Kind: Unreadable}},
		{"a publication", centrifuge, `{"push":{"channel":"p:x","pub":{"data":{"t":"u","p":"x","e":42,"s":1234567,"a":48211,"r":310},"offset":7}}}`, Heard{Shown, state}},
		{"the present", centrifuge, `{"id":2,"subscribe":{"recoverable":true,"epoch":"AbCd","publications":[{"data":{"t":"u","p":"x","e":42,"s":1234567,"a":48211},"offset":1}],"recovered":true}}`, Heard{Shown, state}},
		{"no present", centrifuge, `{"id":2,"subscribe":{"recoverable":true}}`, Heard{}},
		{"a connection", centrifuge, `{"id":1,"connect":{"client":"c","ping":25}}`, Heard{}},
		{"a ping", centrifuge, `{}`, Heard{Kind: Asked}},
		{"an error", centrifuge, `{"id":2,"error":{"code":102}}`, Heard{Kind: Refused}},
		{"nothing", centrifuge, ``, Heard{Kind: Unreadable}},
	} {
		assert.Equal(t, test.heard, test.dialect.Hear([]byte(test.message)), test.name)
	}
}

// The binary form has updates as lists of numbers, and the rest as maps.
func TestMsgpackIsHeard(t *testing.T) {
	dialect := Msgpack("x", 5)
	assert.Equal(t, "84a26964"+"01"+"a26f70"+"a3737562"+"a26368"+"91"+"a3703a78"+"a2687a"+"cb4014000000000000", hex.EncodeToString([]byte(dialect.Opening[0])))
	for _, test := range []struct {
		name, message string
		heard         Heard
	}{
		{"an update", "9902072ace0012d687cdbc53cd0136ce00024fb701cf000001a20990 6a83", Heard{Shown, State{42, 1234567, 48211}}},
		{"an update with more members", "dc000a02072ace0012d687cdbc53000001c0a178", Heard{Shown, State{42, 1234567, 48211}}},
		{"another list", "9509000000 00", Heard{}},
		{"a list that is too short", "940207012a", Heard{Kind: Unreadable}},
		{"a snapshot", "86a174a173a170a178a16507a17303a16164a278789281a178c3cb0000000000000000", Heard{Shown, State{7, 3, 100}}},
		{"a snapshot without a version", "83a174a173a16507a16164", Heard{Kind: Unreadable}},
		{"a refusal", "81a174a3657272", Heard{Kind: Refused}},
		{"an answer", "82a174a26f6ba2696401", Heard{}},
		{"a map without a kind", "81a178c0", Heard{Kind: Unreadable}},
		{"a text that is cut off", "81a174a5", Heard{Kind: Unreadable}},
		{"a number", "01", Heard{Kind: Unreadable}},
	} {
		message, err := hex.DecodeString(removeSpaces(test.message))
		require.NoError(t, err)
		assert.Equal(t, test.heard, dialect.Hear(message), test.name)
	}
}

func removeSpaces(text string) (packed string) {
	for _, c := range text {
		if c != ' ' {
			packed += string(c)
		}
	}
	return packed
}

// Whatever comes, reading it ends, within what there is.
func FuzzHear(f *testing.F) {
	f.Add([]byte(`{"t":"u","e":42,"s":1,"a":1}`))
	f.Add([]byte{0x99, 2, 7, 42, 3, 4, 5, 6, 1, 0})
	f.Add([]byte{0x81, 0xa1, 't', 0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, dialect := range []Dialect{JSON("x", 1), Msgpack("x", 1), Centrifuge("x")} {
			if heard := dialect.Hear(data); heard.Kind > Unreadable {
				t.Errorf("it is of kind %d", heard.Kind)
			}
		}
		for rest := data; ; {
			f, size, broken := nextFrame(rest)
			if broken || size == 0 {
				return
			}
			if size > len(rest) || len(f.payload) > size {
				t.Fatalf("a frame of %d bytes in %d", size, len(rest))
			}
			rest = rest[size:]
		}
	})
}
