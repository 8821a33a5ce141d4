package api

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/actors"
	"holdfast/inventory"
)

const someProduct = "01234567-89ab-7def-8123-456789abcdef"

// corpus is bodies of POST /api/orders and what becomes of them.
var corpus = map[string]int{
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}]}`:                                                   0,
	` {"items" : [ {"quantity":7 , "product_id":"` + someProduct + `"} ] } `:                                          0,
	`{"\u0069tems":[{"product_id":"` + someProduct + `","quantity":1}]}`:                                              0,
	`{"items":[{"product_id":"` + strings.ToUpper(someProduct) + `","quantity":1000000}]}`:                            0,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"policy":"allow_partial"}`:                          0,
	`{ "policy" : "all_or_nothing" , "items":[{"product_id":"` + someProduct + `","quantity":1}]}`:                    0,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"policy":"allow_p\u0061rtial"}`:                     0,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"policy":"allow_partial","policy":"allow_partial"}`: 400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"policy":"allow_partial",}`:                         400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"policy":allow_partial}`:                            400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"policy":"allow"}`:                                  422,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"policy":null}`:                                     422,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"Policy":"allow_partial"}`:                          422,
	`{"policy":"allow_partial"}`: 422,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"items":[]}`:        400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1,"quantity":2}]}`:      400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1,"qu\u0061ntity":2}]}`: 400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":01}]}`:                  400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}]}{}`:                 400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}]} x`:                 400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1},]}`:                  400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":+1}]}`:                  400,
	`{"items":[{"product_id":"` + someProduct + `","quantity":NaN}]}`:                 400,
	"{\"items\":[{\"product_id\":\"\xff\",\"quantity\":1}]}":                          400,
	`{"items":[{"product_id":"\ud800","quantity":1}]}`:                                400,
	`{'items':[]}`: 400, ``: 400, ` `: 400, `{`: 400, "\ufeff{}": 400, `// c`: 400,
	strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20): 400,
	strings.Repeat("[", 60_000):                                 400,
	`null`:                                                      422, `[]`: 422, `"x"`: 422, `1`: 422, `true`: 422, `{}`: 422, `{"items":null}`: 422, `{"items":{}}`: 422, `{"items":[]}`: 422,
	`{"items":[null]}`: 422, `{"items":[1]}`: 422, `{"items":[[]]}`: 422, `{"items":[{}]}`: 422,
	`{"Items":[{"product_id":"` + someProduct + `","quantity":1}]}`:                                                                               422,
	`{"items":[{"product_id":"` + someProduct + `","Quantity":1}]}`:                                                                               422,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1,"QUANTITY":-5}]}`:                                                                 422,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1,"price":0}]}`:                                                                     422,
	`{"items":[{"product_id":"` + someProduct + `","quantity":1}],"customer_id":"x"}`:                                                             422,
	`{"items":[{"product_id":"` + someProduct + `"}]}`:                                                                                            422,
	`{"items":[{"quantity":1}]}`:                                                                                                                  422,
	`{"items":[{"product_id":"` + someProduct[1:] + `","quantity":1}]}`:                                                                           422,
	`{"items":[{"product_id":null,"quantity":1}]}`:                                                                                                422,
	`{"items":[{"product_id":1,"quantity":1}]}`:                                                                                                   422,
	`{"items":[` + strings.Repeat(`{"product_id":"`+someProduct+`","quantity":1},`, 2000) + `{}]}`:                                                422,
	`{"items":[` + strings.Repeat(`{"product_id":"`+someProduct+`","quantity":1},`, 1999) + `{"product_id":"` + someProduct + `","quantity":1}]}`: 0,
	`{"items":[` + strings.Repeat(`{"product_id":"`+someProduct+`","quantity":1},`, 2000) + `{"product_id":"` + someProduct + `","quantity":1}]}`: 422,
}

func TestOrderBodyCorpus(t *testing.T) {
	expected := schemaOf(reflect.TypeFor[orderBody]())
	numbers := map[string]int{"1.5": 422, "1e3": 422, "1E0": 422, "1.0": 422, `"1"`: 422, "9223372036854775808": 422, "-1": 422, "0": 422, "-0": 422,
		"null": 422, "true": 422, "1000001": 422, "[]": 422, "{}": 422, "99999999999999999999999999": 422, "0x1": 400, "1_000": 400, "": 400, ".5": 400}
	all := map[string]int{}
	for body, status := range corpus {
		all[body] = status
	}
	for number, status := range numbers {
		all[`{"items":[{"product_id":"`+someProduct+`","quantity":`+number+`}]}`] = status
	}
	for body, status := range all {
		var request actors.PlaceOrder
		malformed, fields := decodeOrder([]byte(body), expected, &request)
		got := 0
		switch {
		case malformed != "":
			got = 400
		case len(fields) > 0:
			got = 422
		default:
			require.NotEmpty(t, request.Lines)
			require.Equal(t, strings.Contains(body, "rtial"), request.Partial, "%.200s", body)
		}
		require.Equal(t, status, got, "%.200s: %s %v", body, malformed, fields)
	}
}

// TestStrictBodiesOverHTTP sends some of the corpus the whole way.
func TestStrictBodiesOverHTTP(t *testing.T) {
	s := newStand(t)
	for body, status := range corpus {
		if status == 0 || strings.TrimSpace(body) == "" {
			continue
		}
		got := s.do(call{method: "POST", path: "/api/orders", token: s.customer, headers: key("corpus"), body: body})
		require.Equal(t, status, got.status, "%.200s: %s", body, got.body)
		got = s.do(call{method: "POST", path: "/api/orders/" + someProduct + "/cancel", token: s.customer, body: `{"lines":[]}`})
		require.Equal(t, 422, got.status)
	}
}

// Room for the lines of an order is made once, and for what the body can hold.
func TestRoomForLinesIsMadeOnce(t *testing.T) {
	expected := schemaOf(reflect.TypeFor[orderBody]())
	for _, items := range []int{1, 2, 3, 100, inventory.OrderLinesMax} {
		body := []byte(orderOfAll(slices.Repeat([]string{someProduct}, items)))
		var line [1]inventory.Line
		allocations := testing.AllocsPerRun(10, func() {
			request := actors.PlaceOrder{Lines: line[:0]}
			_, _ = decodeOrder(body, expected, &request)
			if len(request.Lines) != items || cap(request.Lines) > 2*items {
				t.Fatal(len(request.Lines), cap(request.Lines))
			}
		})
		// The race detector adds one to the one of several lines.
		require.LessOrEqual(t, allocations, float64(min(items-1, 1)*2), items)
	}
	request := actors.PlaceOrder{}
	body := orderOf(someProduct, 1)
	body = body[:len(body)-2] + strings.Repeat(" ", orderBodyBytesMax) + "]}"
	_, _ = decodeOrder([]byte(body), expected, &request)
	require.LessOrEqual(t, cap(request.Lines), 2*inventory.OrderLinesMax)
}

// compareDecoders fails when the reader by hand accepts what the strict decoder
// does not, or reads it differently.
func compareDecoders(t interface{ Fatalf(string, ...any) }, expected *schema, body []byte) {
	reader := orderReader{data: body}
	lines, partial, accepted := reader.order(nil)
	var decoded orderBody
	malformed, fields := decodeStrict(body, expected, &decoded)
	if !accepted {
		return
	}
	if malformed != "" || len(fields) > 0 || len(lines) != len(decoded.Items) || partial != (decoded.Policy == policyPartial) {
		t.Fatalf("only the reader by hand accepts %q", body)
	}
	for i, item := range decoded.Items {
		id, err := inventory.ParseID(item.ProductID)
		if err != nil || id != lines[i].ProductID || item.Quantity != lines[i].Quantity {
			t.Fatalf("%q is read in two ways", body)
		}
	}
}

func TestDecodersAgreeOnNearlyGoodBodies(t *testing.T) {
	expected := schemaOf(reflect.TypeFor[orderBody]())
	rapid.Check(t, func(t *rapid.T) {
		body := `{"policy":"allow_partial","items":[{"product_id":"` + someProduct + `","quantity":12},{"quantity":1,"product_id":"` + someProduct + `"}]}`
		for range rapid.IntRange(0, 3).Draw(t, "edits") {
			at := rapid.IntRange(0, len(body)).Draw(t, "at")
			cut := min(rapid.IntRange(0, 4).Draw(t, "cut"), len(body)-at)
			piece := rapid.SampledFrom([]string{"", " ", ",", "1", "0", "-", ".", "e", `"`, `\`, "{", "}", "[", "]", ":", `"quantity":3`, `"items"`, `,"policy":"all_or_nothing"`, "\n", "\x00", "é"}).Draw(t, "piece")
			body = body[:at] + piece + body[at+cut:]
		}
		compareDecoders(t, expected, []byte(body))
	})
}

func FuzzDecodeOrder(f *testing.F) {
	expected := schemaOf(reflect.TypeFor[orderBody]())
	for body := range corpus {
		if len(body) < 4096 {
			f.Add([]byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) { compareDecoders(t, expected, body) })
}

func TestEveryUnknownAndMissingMemberIsNamed(t *testing.T) {
	var decoded productBody
	_, fields := decodeStrict([]byte(`{"sku":"a","color":{"r":[1]},"price":{"amount":null,"tax":1},"~/":1,"stock":"x"}`),
		schemaOf(reflect.TypeFor[productBody]()), &decoded)
	var pointers []string
	for _, field := range fields {
		pointers = append(pointers, field.pointer+" "+string(field.code))
	}
	require.ElementsMatch(t, []string{"#/color unknown_member", "#/price/amount invalid_value", "#/price/tax unknown_member",
		"#/price/currency required", "#/~0~1 unknown_member", "#/stock invalid_value", "#/name required"}, pointers)
}

func TestInstantsAreWrittenAsTimeDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := inventory.Instant(rapid.Int64Range(0, 1<<63-1).Draw(t, "at"))
		want := time.Unix(0, int64(at)).UTC().Format("2006-01-02T15:04:05.000Z")
		if got := instantText(at); got != want {
			t.Fatalf("%d is %s, not %s", at, got, want)
		}
	})
}
