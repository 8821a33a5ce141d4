package bench

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// contender is a shop that wrk loads, as it says of itself before the load and after.
type contender struct {
	looks    int
	reserved [2]int
	// answers are those to POST /api/orders by status.
	answers [2]map[int]int
	// order is what an order is answered.
	order constant
}

func (c *contender) say(ctx *fasthttp.RequestCtx) {
	switch path := string(ctx.Path()); {
	case path == "/api/orders":
		c.order.say(ctx)
	case strings.HasSuffix(path, "/stock"):
		fmt.Fprintf(ctx, `{"reserved":%d}`, c.reserved[c.looks%2])
	default:
		for status, count := range c.answers[c.looks%2] {
			fmt.Fprintf(ctx, "%s%d%s%d\n", answersMetric, status, answersRoute, count)
		}
		fmt.Fprintf(ctx, "%s500\",http_route=\"/api/login\"} 3\n", answersMetric)
		c.looks++ // the metrics are the last of a look
	}
}

// fakeWrk puts a wrk into the path that has this result.
func fakeWrk(t *testing.T, result string) {
	tools := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(tools, "wrk"), []byte("#!/bin/sh\necho 'RESULT "+result+"'\n"), 0o700))
	t.Setenv("PATH", tools)
}

// An answer that repeats an order costs less than one that makes it, and any refusal
// less than the one that is measured: every answer must be what it is counted as.
func TestOnlyTheRightAnswersAreAMeasurement(t *testing.T) {
	const orders, refusals = `{"requests":10,"seconds":1,"refused":0}`, `{"requests":10,"seconds":1,"refused":10}`
	type counts = map[int]int
	for name, c := range map[string]struct {
		soldOut   bool
		wrk       string
		contender contender
		want      string
	}{
		"orders":                 {false, orders, contender{reserved: [2]int{5, 16}, answers: [2]counts{{201: 5, 422: 7}, {201: 16, 422: 7}}}, ""},
		"fewer orders":           {false, orders, contender{reserved: [2]int{5, 14}, answers: [2]counts{{201: 5}, {201: 15}}}, "10 answers made only 9 orders"},
		"a refused order":        {false, `{"requests":10,"seconds":1,"refused":1}`, contender{}, "of 10 answers 1 were refusals"},
		"a broken connection":    {false, `{"requests":10,"seconds":1,"broken":1}`, contender{}, "1 connections broke"},
		"nothing":                {false, `{"requests":0,"seconds":1}`, contender{}, "of 0 answers"},
		"orders that are 200":    {false, orders, contender{reserved: [2]int{5, 15}, answers: [2]counts{{201: 5}, {201: 5, 200: 10}}}, "10 orders were answered 200"},
		"refusals":               {true, refusals, contender{order: constantRefusal, answers: [2]counts{{409: 2}, {409: 14}}}, ""},
		"an accepted one":        {true, `{"requests":10,"seconds":1,"refused":9}`, contender{order: constantRefusal}, "of 10 answers 9 were refusals"},
		"refusals of overload":   {true, refusals, contender{order: constantRefusal, answers: [2]counts{{409: 2}, {409: 11, 503: 1}}}, "1 orders were answered 503"},
		"fewer refusals":         {true, refusals, contender{order: constantRefusal, answers: [2]counts{{409: 2}, {409: 11}}}, "only 9 of 10 answers"},
		"refusals that hold":     {true, refusals, contender{order: constantRefusal, reserved: [2]int{0, 1}, answers: [2]counts{{409: 2}, {409: 12}}}, "changed the stock"},
		"another code":           {true, refusals, contender{order: constant{409, "", `{"code":"paused"}`}}, `answered 409 "paused"`},
		"another status":         {true, refusals, contender{order: constant{422, "", `{"code":"sold_out"}`}}, `answered 422 "sold_out"`},
		"an order of a sold-out": {true, refusals, contender{order: constantOrder}, `answered 201 ""`},
	} {
		fakeWrk(t, c.wrk)
		address := serve(t, c.contender.say)
		shop := &shop{process: &process{address: address}, admin: address, folder: t.TempDir(), tokens: []string{"token"}, product: "p"}
		m, err := Share{SoldOut: c.soldOut}.load(t.Context(), name, shop.process, shop, time.Second)
		if c.want == "" {
			require.NoError(t, err, name)
			require.EqualValues(t, 10, m.Requests, name)
		} else {
			require.ErrorContains(t, err, c.want, name)
		}
	}
}

// The ceiling makes no orders, but it has to refuse when that is measured.
func TestTheCeilingAnswersAsTheShop(t *testing.T) {
	front := contender{order: constantRefusal}
	address := serve(t, front.say)
	shop := &shop{process: &process{address: address}, admin: address, folder: t.TempDir(), tokens: []string{"token"}, product: "p"}
	for name, c := range map[string]struct {
		soldOut bool
		answer  constant
		wrk     string
		want    string
	}{
		"orders":          {false, constantOrder, `{"requests":10,"seconds":1}`, ""},
		"refusals":        {true, constantRefusal, `{"requests":10,"seconds":1,"refused":10}`, ""},
		"not refusals":    {true, constantOrder, `{"requests":10,"seconds":1}`, `answered 201`},
		"refused instead": {false, constantRefusal, `{"requests":10,"seconds":1,"refused":10}`, "of 10 answers 10 were refusals"},
	} {
		fakeWrk(t, c.wrk)
		_, err := Share{SoldOut: c.soldOut}.load(t.Context(), ceilingName, &process{address: serve(t, c.answer.say)}, shop, time.Second)
		if c.want == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, c.want, name)
		}
	}
}

// The constants are as long as what the real program answers, which must be what is
// expected of it and counted as such.
func TestTheConstantsAreLikeTheRealAnswers(t *testing.T) {
	binary := buildHoldfast(t)
	for soldOut, answer := range map[bool]constant{false: constantOrder, true: constantRefusal} {
		contest := Share{SoldOut: soldOut}.contest()
		shop, err := openShop(t.Context(), binary, 1, contest.stock)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, shop.close()) })
		before, err := contest.look(shop.address, shop)
		require.NoError(t, err)
		const count = 20
		for range count {
			got, err := askForOne(shop.address, shop)
			require.NoError(t, err)
			require.Equal(t, contest.status, got.status)
			require.InDelta(t, len(answer.body), len(got.body), 16, "%s", got.body)
			require.Equal(t, contest.code, string(fieldText(got.body, `"code":`)))
		}
		after, err := contest.look(shop.address, shop)
		require.NoError(t, err)
		m := measured{Requests: count}
		require.NoError(t, contest.compare(m, before, after))
		m.Requests = after.answers[contest.status] + 1
		require.Error(t, contest.compare(m, before, after))
		m.Requests = count
		after.stock.Reserved++
		require.Error(t, contest.compare(m, before, after), "an order without an answer, or a change of the stock")
	}
}

func TestReadAnswers(t *testing.T) {
	answers, err := readAnswers("# HELP x y\n" + answersMetric + "201" + answersRoute + "1.5e+06\n" + answersMetric + "409" + answersRoute + "3\n" +
		answersMetric + `200",http_route="/api/login"} 7` + "\n" + strings.Replace(answersMetric, "POST", "GET", 1) + "200" + answersRoute + "9\n")
	require.NoError(t, err)
	require.Equal(t, map[int]int64{http.StatusCreated: 1_500_000, http.StatusConflict: 3}, answers)
	for _, bad := range []string{answersMetric + "x" + answersRoute + "1\n", answersMetric + "201" + answersRoute + "x\n"} {
		_, err := readAnswers(bad)
		assert.Error(t, err, bad)
	}
}
