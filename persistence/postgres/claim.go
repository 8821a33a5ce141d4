package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrClaimed is returned when another program has the database for itself.
var ErrClaimed = errors.New("another program uses the database")

const (
	// claimWaitMax is how long it is waited for a program that ends: the server may notice
	// the end a moment later. claimPause is the pause between two looks.
	claimWaitMax = 5 * time.Second
	claimPause   = 100 * time.Millisecond
	// claimKeepPause is the pause before a connection that broke is made anew.
	claimKeepPause = time.Second
	// claimSeed makes the lock another one than those of other programs.
	claimSeed = 0x686f_6c64_6661_7374
)

// The claim is a lock of a session. Its name is the schema that the tables are in.
const (
	claimName = "hashtextextended(coalesce(current_schema(), ''), $1)"
	takeClaim = "SELECT pg_try_advisory_lock(" + claimName + ")"
	claimants = `SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'this machine')
		FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND (l.classid::bigint << 32 | l.objid::bigint) = ` + claimName + " AND a.pid <> $2"
)

// claimSettings let the server find out within half a minute that the machine of a
// program is gone, and never end the session of one that is there.
var claimSettings = map[string]string{"idle_session_timeout": "0",
	"tcp_keepalives_idle": "15", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}

// claim is what keeps the database for this program. The connection belongs to the
// keeper once that has started.
type claim struct {
	connection *pgx.Conn
	// pid is of the session that has the lock.
	pid    atomic.Uint32
	cancel context.CancelFunc
	ended  chan struct{}
}

// Claim keeps the database for this program until Close: another one that claims it is
// refused with [ErrClaimed], so that two of them never project into one database. When
// the connection breaks, the claim is taken anew as soon as the server can be reached;
// if another program has it by then, lost is called with ErrClaimed, once, and this
// program must not go on. Without lost, nobody looks after the connection.
func (s *Store) Claim(ctx context.Context, lost func(error)) error {
	if s.claimed != nil {
		return nil
	}
	c := &claim{ended: make(chan struct{})}
	if err := patiently(ctx, func() error { return s.takeClaim(ctx, c) }); err != nil {
		return s.refusal(err)
	}
	var keeping context.Context
	keeping, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.claimed = c
	go func() {
		defer close(c.ended)
		if lost != nil {
			s.keepClaim(keeping, c, lost)
		}
	}()
	return nil
}

// patiently asks until nobody is in the way, for claimWaitMax.
func patiently(ctx context.Context, ask func() error) error {
	limited, cancel := context.WithTimeout(ctx, claimWaitMax)
	defer cancel()
	for {
		err := ask()
		if !errors.Is(err, ErrClaimed) && !errors.Is(err, errEnding) || pause(limited, claimPause) != nil {
			return err
		}
	}
}

// takeClaim takes the lock on a new connection.
func (s *Store) takeClaim(ctx context.Context, c *claim) error {
	config := unhurried(s.config.ConnConfig)
	for name, value := range claimSettings {
		config.RuntimeParams[name] = value
	}
	limited, cancel := step(ctx)
	defer cancel()
	connection, err := s.connect(limited, config)
	if err != nil {
		return err
	}
	var taken bool
	if err = connection.QueryRow(limited, takeClaim, claimSeed).Scan(&taken); err == nil && !taken {
		if err = refuseClaimed(limited, connection, c.pid.Load()); err == nil {
			err = errEnding
		}
	}
	if err != nil {
		_ = connection.Close(limited)
		return err
	}
	c.connection = connection
	c.pid.Store(connection.PgConn().PID())
	return nil
}

// errEnding means that a session has the lock which has ended since, or is our own that
// broke: the server has not noticed yet.
var errEnding = errors.New("the claim of a session that has ended is still there")

// keepClaim waits for the end of the session, and takes the lock in a new one.
func (s *Store) keepClaim(ctx context.Context, c *claim, lost func(error)) {
	for {
		// Nobody notifies: it returns when the connection, or the claim, has ended.
		_, err := c.connection.WaitForNotification(ctx)
		for err != nil {
			if pause(ctx, claimKeepPause) != nil {
				return
			}
			if err = s.takeClaim(ctx, c); errors.Is(err, ErrClaimed) {
				lost(s.refusal(err))
				return
			}
		}
	}
}

// release gives the claim up.
func (c *claim) release() {
	c.cancel()
	<-c.ended
	limited, cancel := context.WithTimeout(context.Background(), rollbackMax)
	defer cancel()
	_ = c.connection.Close(limited) // the server ends what it does not hear of
}

// claimant is the session with which this program has the database, 0 without one.
func (s *Store) claimant() uint32 {
	if s.claimed == nil {
		return 0
	}
	return s.claimed.pid.Load()
}

// refuseClaimed returns ErrClaimed, with the name of the program, when another session
// than the own one has the claim.
func refuseClaimed(ctx context.Context, connection *pgx.Conn, own uint32) error {
	limited, cancel := step(ctx)
	defer cancel()
	var pid int
	var name, address string
	err := connection.QueryRow(limited, claimants, claimSeed, int64(own)).Scan(&pid, &name, &address)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("ask who uses the database: %w", err)
	}
	return fmt.Errorf("%w: %q from %s, backend pid %d; one program at a time may write to it: stop that one first",
		ErrClaimed, name, address, pid)
}
