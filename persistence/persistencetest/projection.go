package persistencetest

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/persistence"
)

// projectTo projects a history up to a record in one run.
func projectTo(t *testing.T, store persistence.Store, history *History, to uint64) {
	t.Helper()
	position, err := store.Position(t.Context())
	require.NoError(t, err)
	from, end, records := history.Run(position.Sequence, to)
	require.NoError(t, store.Project(t.Context(), from, end, records))
}

// testProjectionFollowsHistory projects a history in runs with random borders, with
// changes of the catalogue and purges of keys in between, and compares every row
// after every run.
func testProjectionFollowsHistory(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(23, 6)
	history.CreateProducts(t, store)
	history.Grow(400)
	borders := rand.New(rand.NewPCG(23, 1))
	for at := uint64(0); at < 400; {
		at = min(400, at+1+borders.Uint64N(60))
		projectTo(t, store, history, at)
		require.Equal(t, at, RequireHistory(t, store, history))
		switch borders.IntN(3) {
		case 0:
			history.ChangeProduct(t, store)
		case 1:
			history.Purge(t, store, history.Records[borders.Uint64N(at)].Event.At, 1+borders.IntN(20))
		}
		require.Equal(t, at, RequireHistory(t, store, history))
	}
	requireVariety(t, history.Model(400).newestFirst())
}

// testProjectionOfOneRun projects the same history at once and record by record.
func testProjectionOfOneRun(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(23, 6)
	history.CreateProducts(t, store)
	history.Grow(400)
	projectTo(t, store, history, 350)
	require.EqualValues(t, 350, RequireHistory(t, store, history))
	for at := uint64(351); at <= 400; at++ {
		projectTo(t, store, history, at)
	}
	require.EqualValues(t, 400, RequireHistory(t, store, history))
	// A position may move without records: a new epoch of the same journal.
	to := positionAt(400)
	to.Epoch++
	require.NoError(t, store.Project(t.Context(), positionAt(400), to, nil))
	position, err := store.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, to, position)
}

// testProjectionRace lets several projectors apply the same runs: of each run,
// exactly one succeeds.
func testProjectionRace(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(37, 4)
	history.CreateProducts(t, store)
	const projectors, step, end = 4, 20, 200
	history.Grow(end)
	for at := uint64(0); at < end; at += step {
		from, to, records := history.Run(at, at+step)
		failures := make([]error, projectors)
		var group sync.WaitGroup
		for i := range failures {
			group.Go(func() { failures[i] = store.Project(t.Context(), from, to, records) })
		}
		group.Wait()
		succeeded := 0
		for _, err := range failures {
			if err == nil {
				succeeded++
				continue
			}
			require.ErrorIs(t, err, persistence.ErrPositionMoved)
		}
		require.Equal(t, 1, succeeded)
	}
	require.EqualValues(t, end, RequireHistory(t, store, history))
}
