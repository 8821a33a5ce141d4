package bench

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
)

// Pairs of the real program are compared, on a real Postgres that stalls, and beside a
// real Redis that is killed.
func TestHealthAndAStalledPostgresAreCompared(t *testing.T) { comparePair(t, PostgresStall) }

func TestHealthAndADeadRedisAreCompared(t *testing.T) { comparePair(t, RedisDead) }

func TestHealthAndAFloodOfLoginsAreCompared(t *testing.T) { comparePair(t, LoginFlood) }

func comparePair(t *testing.T, fault Fault) {
	var out strings.Builder
	ratios, err := Paired{Holdfast: buildHoldfast(t), Fault: fault, Pairs: 2, Rate: "20%", CapacityDuration: 200 * time.Millisecond,
		Duration: 1200 * time.Millisecond, Stall: 800 * time.Millisecond, WarmUp: 50 * time.Millisecond, Connections: 16, Customers: 20,
		Out: &out}.Run(t.Context())
	t.Log("\n" + out.String())
	require.NoError(t, err)
	wanted := map[string]float64{"p99": ratios.P99, "orders/s": ratios.PerSecond}
	if fault != LoginFlood {
		wanted["CPU"], wanted["CPU until in SQL"] = ratios.Processor, ratios.ProcessorAll
	}
	for name, ratio := range wanted {
		require.Positive(t, ratio, name)
	}
	require.Regexp(t, fmt.Sprintf(`(?s)\nhealthy: .*\n%[1]s: .*\n%[1]s: .*\nhealthy: `, fault), out.String(), "the order alternates")
	require.Regexp(t, fmt.Sprintf(`(?m)^ +2 +healthy +[1-9].*\n +2 +%s +[1-9]`, fault), out.String())
	require.Regexp(t, `(?m)^  p99 of an order: \d`, out.String())
}

// The ratios are those of the pairs, and the medians theirs.
func TestMediansOfPairs(t *testing.T) {
	sale := func(fault Fault, micros uint32, perSecond, server, all float64) pairedSale {
		s := pairedSale{fault: fault, perSecond: perSecond, server: server, all: all, taken: newLatencies(), late: newLatencies()}
		s.taken.add(micros)
		return s
	}
	var out strings.Builder
	r := pairedReport{Paired: Paired{Fault: RedisDead, Out: &out}}
	for _, micros := range []uint32{1100, 3000, 1200} {
		faulty := sale(RedisDead, micros, 90, 33, 48)
		faulty.late.add(uint32(2 * flashLateMax.Microseconds()))
		r.add(sale("", 1000, 100, 30, 40), faulty)
	}
	median, err := r.conclude()
	require.NoError(t, err)
	require.InDelta(t, 1.2, median.P99, 0.01)
	require.InDelta(t, 0.9, median.PerSecond, 1e-9)
	require.InDelta(t, 1.1, median.Processor, 1e-9)
	require.InDelta(t, 1.2, median.ProcessorAll, 1e-9)
	require.Equal(t, 3, strings.Count(out.String(), "NOT KEPT: p99 4.0 ms late"))
	require.Contains(t, out.String(), "p99 of an order: 1.200 (1.100 to 3.001; wanted: at most 1.25)")
}

// An order that was not accepted is no measurement, nor is stock that nobody sold.
func TestASaleOfAPairIsJudged(t *testing.T) {
	s, _ := stubSession(t, "")
	_, err := s.putOnSale(1, 100)
	require.NoError(t, err)
	p := &pairedSession{flashSession: s}
	opening, err := s.shop.stock(stubProduct)
	require.NoError(t, err)
	entries, err := s.closedLoop(t.Context(), 1, only(0), 5*time.Millisecond)
	require.NoError(t, err)
	entries = entries[:min(len(entries), 50)]
	accepted := 0
	for _, entry := range entries {
		if entry.outcome == flashAccepted {
			accepted++
		}
	}
	require.Positive(t, accepted)
	err = p.judge(&pairedSale{}, entries[:accepted-1], opening)
	require.ErrorIs(t, err, ErrPaired)
	require.ErrorContains(t, err, "orders made")
	entries[0].outcome = flashUnknown
	err = p.judge(&pairedSale{}, entries, opening)
	require.ErrorIs(t, err, ErrPaired)
	require.ErrorContains(t, err, "was not accepted: unknown")
}

// A server that does not use Redis would not miss it.
func TestRedisHasToBeUsed(t *testing.T) {
	redis := testserver.StartRedis(t)
	s := &pairedSession{services: &services{redis: redis}}
	require.ErrorContains(t, s.requireRedisUsed(), "does it know REDIS_URL?")
	address, err := url.Parse(redis.URL())
	require.NoError(t, err)
	connection, err := net.Dial("tcp", address.Host)
	require.NoError(t, err)
	defer connection.Close()
	require.Eventually(t, func() bool { return s.requireRedisUsed() == nil }, time.Minute, time.Millisecond)

	restore, err := s.breakService(RedisDead)
	require.NoError(t, err)
	require.Error(t, s.requireRedisUsed(), "it is dead")
	require.NoError(t, restore())
	require.ErrorContains(t, s.requireRedisUsed(), "does it know REDIS_URL?", "it is back, and has lost its clients")
}

func TestWhatCannotBePairedIsRefused(t *testing.T) {
	good := Paired{Fault: RedisDead, Pairs: 1, Rate: "30%", CapacityDuration: time.Second, Duration: time.Second, Stall: time.Second, Connections: 1, Customers: 1}
	_, err := good.validate()
	require.NoError(t, err)
	for want, change := range map[string]func(*Paired){
		"the rate":                    func(p *Paired) { p.Rate = "fast" },
		"the fault \"\" is neither":   func(p *Paired) { p.Fault = "" },
		"0 pairs":                     func(p *Paired) { p.Pairs = 0 },
		"a fault of 2s does not fit":  func(p *Paired) { p.Stall = 2 * time.Second },
		"a fault of 0s does not fit":  func(p *Paired) { p.Stall = 0 },
		"the warm-up is negative":     func(p *Paired) { p.WarmUp = -1 },
		"from 1 to 10000 connections": func(p *Paired) { p.Connections = 0 },
		"from 1 to 1000000 customers": func(p *Paired) { p.Customers = 0 },
	} {
		bad := good
		change(&bad)
		_, err := bad.validate()
		assert.ErrorContains(t, err, want)
	}
}
