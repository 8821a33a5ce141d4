package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
	"pgregory.net/rapid"
)

// A short sale runs through the real program: its capacity, its stock's end, repeats,
// and everything that is checked holds.
func TestAFlashSaleIsSold(t *testing.T) {
	var out, progress strings.Builder
	file := filepath.Join(t.TempDir(), "distributions")
	err := Flash{Holdfast: buildHoldfast(t), Rates: []string{"20%", "2000"}, Duration: 500 * time.Millisecond, CapacityDuration: 300 * time.Millisecond,
		WarmUp: 100 * time.Millisecond, Poisson: true, Connections: 16, Customers: 50, Products: 3, HotPercent: 80, Stock: 300, RepeatPercent: 5,
		Histogram: file, Out: &out, Progress: &progress, Watched: true}.Run(t.Context())
	t.Log("\n" + out.String())
	require.NoError(t, err)
	require.Regexp(t, `(?m)^capacity: [1-9]\d* accepted orders/s`, out.String())
	require.Regexp(t, `(?m)^  2000/s: refused for all_held: [1-9]`, out.String(), "the hot product was sold out")
	require.Regexp(t, `(?m)^ +2000/s +accepted +[1-9]`, out.String())
	require.Regexp(t, `(?m)^ +2000/s +repeated +[1-9]`, out.String())
	require.Regexp(t, `(?m)^checked: [1-9]\d* orders against the lists of 50 customers, [1-9]\d* repeats, the stock of 7 products$`, out.String())
	require.Regexp(t, `(?m)^faults: 0$`, out.String())
	require.Contains(t, progress.String(), "checking what is listed: [##############################] 100 %")
	distributions, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(distributions), "# 2000/s, refused, milliseconds\n")
	require.Contains(t, string(distributions), "#[Mean ")
}

func TestAnHonestServerHasNoFaults(t *testing.T) {
	for _, truth := range []string{"", "an unknown outcome, found by its key"} {
		s, entries := stubSale(t, truth)
		assert.Empty(t, s.faults.texts, truth)
		var outcomes [flashOutcomes]int
		repeats, found := 0, 0
		for i := range entries {
			if entries[i].repeat {
				repeats++
				continue
			}
			outcomes[entries[i].outcome]++
			if entries[i].found {
				found++
			}
		}
		assert.Equal(t, 40, outcomes[flashAccepted]+found, truth)
		assert.Equal(t, 100-40-repeats, outcomes[flashRefused], truth)
		assert.Equal(t, truth != "", found > 0, truth)
		assert.Positive(t, repeats, truth)
	}
}

// Whatever a server makes up or forgets is found from what the API says afterwards.
func TestALyingServerIsCaught(t *testing.T) {
	for lie, fault := range map[string]string{
		"a lost order":                                "is not listed",
		"an order that is listed twice":               "is listed twice",
		"an order in another's list":                  "is listed for customer",
		"an order that was cancelled":                 "is listed as",
		"an order of two units":                       "the lists hold 41 units",
		"an order of another version":                 "is listed as",
		"a refused order that is listed":              "no accepted order has its ID",
		"a unit that is reserved for nobody":          "Reserved:41",
		"stock from nowhere":                          "OnHand:41",
		"a change of the stock without an order":      "Version:42",
		"more orders than units":                      "41 orders of product " + stubProduct + " were accepted",
		"a refusal before the last unit":              "at most 39 of the 40 units",
		"a refusal for another reason":                "quantity_limit_customer",
		"another status":                              "was answered 422",
		"another product":                             "it is not one unit of " + stubProduct,
		"an order without an ID":                      "it has no ID",
		"one version for two orders":                  "comes next",
		"a new key that is a repeat":                  "was answered as a repeat",
		"a repeat that is another order":              "and not",
		"a repeat that does not say so":               "does not say that it is one",
		"a repeat that is refused":                    "was refused",
		"an unknown order that its key does not find": "no accepted order has its ID",
	} {
		s, _ := stubSale(t, lie)
		assert.Contains(t, strings.Join(s.faults.texts, "\n"), fault, lie)
	}
}

// Faults make the command fail, and the first of them are told.
func TestFaultsAreTold(t *testing.T) {
	s, entries := stubSale(t, "a lost order")
	var out strings.Builder
	report := flashReport{Flash: Flash{Duration: time.Second, Out: &out}, session: s, sales: []flashSale{{name: "60 %", entries: entries, took: time.Second}}}
	require.ErrorIs(t, report.conclude(), ErrFlash)
	require.Regexp(t, `(?m)^faults: [1-9]`, out.String())
	require.Contains(t, out.String(), "is not listed")

	refusing := flashReport{Flash: Flash{Duration: time.Second, Stock: 10, Out: &out}, session: s, sales: []flashSale{{name: "60 %", took: time.Second}}}
	require.ErrorIs(t, refusing.conclude(), ErrFlash)
	require.Contains(t, out.String(), "at 60 % none was accepted")
	for range 2 * flashFaultsKept {
		s.faults.add("one more")
	}
	require.Len(t, s.faults.texts, flashFaultsKept)
}

// An order's time runs from when it was due: a server that stalls cannot hide it by
// keeping the generator from sending.
func TestAStallCountsForAllThatWereDue(t *testing.T) {
	const stall = 60 * time.Millisecond
	s, entries, unsent := stalled(t, stall, time.Minute)
	require.Zero(t, unsent)
	require.Len(t, entries, 20)
	first := entries[0].due
	for i, entry := range entries {
		assert.GreaterOrEqual(t, entry.answered()-first, stall, "order %d was answered after the stall", i)
		assert.True(t, entry.waited || i == 0, "order %d", i)
	}
	report := flashReport{session: s}
	tally := report.tally(&flashSale{entries: entries})
	require.LessOrEqual(t, tally.late.TotalCount(), int64(1), "the others were late by the server's fault")
	require.Greater(t, tally.taken[flashAccepted].ValueAtPercentile(50), stall.Microseconds()/2)
}

// A table whose latencies are partly the generator's own says so.
func TestAScheduleThatWasNotKeptIsTold(t *testing.T) {
	for want, sale := range map[string]flashSale{
		"kept":                      {entries: make([]flashEntry, 1_000)},
		"NOT KEPT within 2ms":       {entries: slices.Repeat([]flashEntry{{sent: 3_000, took: 4_000}}, 1_000)},
		"given up":                  {entries: make([]flashEntry, 1_000), unsent: 1},
		"2000 \\(100.0 %\\).* kept": {entries: slices.Repeat([]flashEntry{{sent: 3_000, took: 4_000, waited: true}}, 2_000)},
	} {
		var out strings.Builder
		report := flashReport{Flash: Flash{Out: &out}, session: &flashSession{}, sales: []flashSale{sale}}
		require.NoError(t, report.printLoad([]*flashTally{report.tally(&sale)}))
		assert.Regexp(t, " "+want, out.String())
	}
}

// What the server is too slow for is given up after a time, and counted.
func TestWhatIsNotSentIsCounted(t *testing.T) {
	_, entries, unsent := stalled(t, 200*time.Millisecond, 0)
	require.Positive(t, unsent)
	require.Equal(t, 20, len(entries)+unsent)
}

// stalled sends 20 orders, one each millisecond, over one connection to a server that
// lets the first one wait.
func stalled(t *testing.T, stall, overrun time.Duration) (*flashSession, []flashEntry, int) {
	s, stub := stubSession(t, "")
	first := true
	s.shop.address = serve(t, func(ctx *fasthttp.RequestCtx) {
		if first && string(ctx.Path()) == "/api/orders" {
			first = false
			<-time.After(stall)
		}
		stub.answer(ctx)
	})
	products, err := s.putOnSale(1, 100)
	require.NoError(t, err)
	entries, unsent, err := s.openLoop(t.Context(), flashOrders{perSecond: 1_000, duration: 20 * time.Millisecond, products: products,
		connections: 1, overrun: overrun, bar: Flash{}.newBar("", 0)})
	require.NoError(t, err)
	return s, entries, unsent
}

func TestASaleEndsWithItsContextOrItsServer(t *testing.T) {
	s, _ := stubSession(t, "")
	products, err := s.putOnSale(1, 1_000_000)
	require.NoError(t, err)
	endless := flashOrders{perSecond: 1_000, duration: time.Hour, products: products, connections: 1, bar: Flash{}.newBar("", 0)}
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New("enough")) })
	_, _, err = s.openLoop(ctx, endless)
	require.ErrorIs(t, err, context.Canceled)
	time.AfterFunc(20*time.Millisecond, func() { close(s.shop.ended) })
	_, _, err = s.openLoop(t.Context(), endless)
	require.ErrorIs(t, err, errServerEnded)
}

func TestRatesAreRead(t *testing.T) {
	for text, want := range map[string]float64{"12000": 12000, "60%": 600, " 2.5 %": 25, "0.5": 0.5, "1000%": 10_000} {
		rate, err := parseFlashRate(text)
		require.NoError(t, err, text)
		assert.InDelta(t, want, rate.perSecond(1_000), 1e-9, text)
	}
	for _, text := range []string{"", "%", "0", "-1", "0%", "fast", "1e9", "1001%", "NaN", "Inf", "60%%"} {
		_, err := parseFlashRate(text)
		assert.ErrorContains(t, err, "percent of the capacity", text)
	}
}

func TestWhatCannotBeSoldIsRefused(t *testing.T) {
	good := Flash{Rates: []string{"1"}, Duration: time.Second, CapacityDuration: time.Second, Connections: 1, Customers: 1, Products: 1}
	_, err := good.validate()
	require.NoError(t, err)
	for want, change := range map[string]func(*Flash){
		"no rate":                      func(f *Flash) { f.Rates = nil },
		"0 connections":                func(f *Flash) { f.Connections = 0 },
		"1000001 customers":            func(f *Flash) { f.Customers = 1_000_001 },
		"1001 products":                func(f *Flash) { f.Products = 1_001 },
		"101 percent of the hot":       func(f *Flash) { f.HotPercent = 101 },
		"100 percent that is repeated": func(f *Flash) { f.RepeatPercent = 100 },
		"-1 units":                     func(f *Flash) { f.Stock = -1 },
		"0 milliseconds of a sale":     func(f *Flash) { f.Duration = 0 },
	} {
		bad := good
		change(&bad)
		_, err := bad.validate()
		assert.ErrorContains(t, err, want)
	}
}

// Orders come at their rate: exactly, or in the mean; and never before those before.
func TestOrdersComeAtTheirRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perSecond := rapid.Float64Range(1, flashRateMax).Draw(t, "rate")
		even := newFlashPace(perSecond, nil)
		random := newFlashPace(perSecond, rand.New(rand.NewPCG(flashSeed, rapid.Uint64().Draw(t, "seed"))))
		const count = 20_000
		before, last := time.Duration(0), time.Duration(0)
		for i := range count {
			due := even.due()
			require.InDelta(t, float64(i)/perSecond*1e9, float64(due), 1+float64(due)*1e-9)
			last = random.due()
			require.GreaterOrEqual(t, last, before)
			before = last
		}
		require.InDelta(t, 1, last.Seconds()*perSecond/count, 0.05, "in the mean")
	})
}

func TestTheHotProductGetsItsShare(t *testing.T) {
	orders := flashOrders{hot: 0.8, products: []uint32{7, 8, 9}}
	random, count := rand.New(rand.NewPCG(flashSeed, 0)), map[uint32]int{}
	for range 100_000 {
		count[orders.pick(random)]++
	}
	assert.InDelta(t, 80_000, count[7], 1_000)
	assert.InDelta(t, 10_000, count[8], 1_000)
	assert.InDelta(t, 10_000, count[9], 1_000)
}

func TestFieldsAreFound(t *testing.T) {
	const body = `{"id":"7","product_id":"p","quantity":12,"total":{"amount":5},"list":[3],"odd":"a\"b","open":"x`
	for name, want := range map[string]string{`"id":`: "7", `"product_id":`: "p", `"quantity":`: "12", `"amount":`: "5", `"odd":`: "", `"open":`: "", `"none":`: ""} {
		assert.Equal(t, want, string(fieldText([]byte(body), name)), name)
	}
	id, is := parseUUID([]byte("01890a5d-ac96-774b-bcce-b302099a8057"))
	require.True(t, is)
	require.Equal(t, [16]byte{0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57}, id)
	for _, text := range []string{"", "01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a805g", "01890a5d0ac96-774b-bcce-b302099a8057"} {
		_, is := parseUUID([]byte(text))
		assert.False(t, is, text)
	}
}
