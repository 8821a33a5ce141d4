package api

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/actors"
	"holdfast/inventory"
)

// checkOf returns one check of /readyz?verbose.
func (s *stand) checkOf(t *testing.T, status int, name string) map[string]any {
	t.Helper()
	got := s.do(call{method: "GET", path: "/readyz?verbose"})
	require.Equal(t, status, got.status)
	for _, check := range got.json["checks"].([]any) {
		if check := check.(map[string]any); check["name"] == name {
			return check
		}
	}
	t.Fatalf("no check %q in %s", name, got.body)
	return nil
}

// A database that is away does not make a server unready before too much waits for it,
// and whoever wants to know learns since when.
func TestReadinessTellsOfTheDatabase(t *testing.T) {
	s := newStand(t)
	s.engine.projection = actors.ProjectionState{Acknowledge: actors.AcknowledgeDatabase, Backlog: 12, BacklogMax: 100,
		BacklogBytes: 3_000, BacklogBytesMax: 9_000, Lag: 1_500 * time.Millisecond}
	require.Equal(t, map[string]any{"name": "database", "status": "ok"}, s.checkOf(t, 200, "database"))
	require.Equal(t, map[string]any{"name": "projection", "status": "ok", "detail": "ack=database; 12 of at most 100 records and " +
		"3000 of at most 9000 bytes wait for the database, the oldest for 1.5 s"}, s.checkOf(t, 200, "projection"))

	s.engine.projection.AwaySince, s.engine.projection.Failures = s.clock.Now(), 4
	s.engine.projection.Failure = actors.FailureTimeout
	s.clock.advance(2 * time.Second)
	require.Equal(t, map[string]any{"name": "database", "status": "degraded", "detail": "away since 2025-11-24T16:00:00.000Z"},
		s.checkOf(t, 200, "database"))
	check := s.checkOf(t, 200, "projection")
	require.Equal(t, "degraded", check["status"])
	require.Contains(t, check["detail"], "; 4 attempts failed in 2.0 s, the last for timeout; orders are answered when the database is back")
	s.engine.projection.Acknowledge = actors.AcknowledgeJournal
	require.NotContains(t, s.checkOf(t, 200, "projection")["detail"], "answered when")

	s.engine.notReady = errors.New("too many orders wait to be written to the database")
	require.Equal(t, "failed", s.checkOf(t, 503, "engine")["status"])
	require.Equal(t, "degraded", s.checkOf(t, 503, "database")["status"])
}

// However many want to know, the database is asked once in a while.
func TestReadinessAsksTheDatabaseSeldom(t *testing.T) {
	var p pings
	var asked atomic.Int64
	up := true
	ping := func() bool { asked.Add(1); return up }
	now := inventory.Instant(0)
	for range 10 {
		require.True(t, p.answers(ping, now))
	}
	require.EqualValues(t, 1, asked.Load())
	up = false
	require.True(t, p.answers(ping, now+inventory.Instant(pingInterval)-1))
	require.False(t, p.answers(ping, now+inventory.Instant(pingInterval)))
	require.EqualValues(t, 2, asked.Load())
}
