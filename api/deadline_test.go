package api

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// countingConn counts the deadlines that it is given, and has the last one.
type countingConn struct {
	net.Conn
	moves int
	last  time.Time
}

func (c *countingConn) SetReadDeadline(at time.Time) error {
	c.moves, c.last = c.moves+1, at
	return nil
}

func (c *countingConn) SetWriteDeadline(at time.Time) error { return c.SetReadDeadline(at) }
func (c *countingConn) SetDeadline(at time.Time) error      { return c.SetReadDeadline(at) }
func (c *countingConn) Read([]byte) (int, error)            { return 1, nil }
func (c *countingConn) Write(data []byte) (int, error)      { return len(data), nil }

// Whatever is read or written is under a deadline that is within the tolerance of the
// one that was asked for last, and a busy connection hardly ever moves it.
func TestDeadlinesMoveWhenTheyMatter(t *testing.T) {
	start := time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
	for _, way := range []struct {
		set func(*lazyConn, time.Time) error
		use func(*lazyConn) (int, error)
	}{
		{(*lazyConn).SetReadDeadline, func(c *lazyConn) (int, error) { return c.Read(make([]byte, 1)) }},
		{(*lazyConn).SetWriteDeadline, func(c *lazyConn) (int, error) { return c.Write([]byte("a")) }},
	} {
		under := &countingConn{}
		c := &lazyConn{Conn: under}
		ask := func(at time.Time) { require.NoError(t, way.set(c, at)) }
		use := func() {
			_, err := way.use(c)
			require.NoError(t, err)
		}
		use()
		require.Zero(t, under.moves, "nobody has asked for a deadline")
		for request := range 1_000 {
			at := start.Add(time.Duration(request) * time.Millisecond)
			ask(at.Add(30 * time.Second)) // to wait for a request
			use()
			require.LessOrEqual(t, under.last.Sub(at.Add(30*time.Second)).Abs(), deadlineTolerance)
			ask(at.Add(5 * time.Second)) // to read it, and it is all there
		}
		require.LessOrEqual(t, under.moves, 11)

		moves := under.moves
		use()
		require.Equal(t, moves+1, under.moves, "of this one not all is there")
		require.Equal(t, start.Add(999*time.Millisecond+5*time.Second), under.last)
		ask(longAgo)
		require.Equal(t, longAgo, under.last, "an interruption is one at once")
		use()
		require.Equal(t, longAgo, under.last)
		ask(time.Time{})
		require.Zero(t, under.last)
		use()
		require.Zero(t, under.last)
		require.NoError(t, c.SetDeadline(start))
		use()
		require.Equal(t, start, under.last)
	}
}
