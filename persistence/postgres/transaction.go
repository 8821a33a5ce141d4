package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// attemptsMax is how often a transaction is tried that conflicts with another.
	attemptsMax = 8
	// conflictPause is the longest pause after the first conflict. It doubles.
	conflictPause = 5 * time.Millisecond
	// rollbackMax is how long a transaction may take to be undone. After that its
	// connection is closed, which undoes it too.
	rollbackMax = 2 * time.Second
)

// begin names the isolation level, which a database may have another default for: each
// statement sees what was committed before it, so also what was before the lock that
// the first statement waited for.
const begin = "BEGIN ISOLATION LEVEL READ COMMITTED"

// transaction is the work of one transaction.
type transaction struct {
	ctx        context.Context
	connection *pgx.Conn
	begun      bool
	// patient statements may take runMax.
	patient bool
}

// step bounds the wait for one answer of the server.
func (t *transaction) step() (context.Context, context.CancelFunc) {
	if t.patient {
		return context.WithTimeout(t.ctx, runMax+stepSpare)
	}
	return step(t.ctx)
}

// errUncertain marks that a COMMIT got no answer: it may have happened or not.
var errUncertain = errors.New("it is not known whether the transaction was committed")

// write changes accounts or the catalogue in one transaction.
func (s *Store) write(ctx context.Context, work func(*transaction) error) error {
	return transact(ctx, s.writers, work)
}

// transact runs work in one transaction, again as long as it conflicts with another.
// Work must begin anew each time. errUncertain is in the error's chain when the
// transaction may have been committed.
func transact(ctx context.Context, pool *pgxpool.Pool, work func(*transaction) error) error {
	for attempt := 1; ; attempt++ {
		err := try(ctx, pool, work)
		if !isConflict(err) || attempt == attemptsMax {
			return translate(err)
		}
		longest := conflictPause << (attempt - 1)
		if ended := pause(ctx, rand.N(longest)); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

func try(ctx context.Context, pool *pgxpool.Pool, work func(*transaction) error) error {
	connection, err := acquire(ctx, pool)
	if err != nil {
		return err
	}
	// A connection that is still in a transaction is closed.
	defer connection.Release()
	t := &transaction{ctx: ctx, connection: connection.Conn()}
	if err := work(t); err != nil {
		t.rollback()
		return err
	}
	return t.commit()
}

// send sends statements together and waits for all answers. The first statements of a
// transaction begin it.
func (t *transaction) send(queue func(*pgx.Batch)) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	limited, cancel := t.step()
	defer cancel()
	batch := &pgx.Batch{}
	if !t.begun {
		batch.Queue(begin)
		t.begun = true
	}
	queue(batch)
	if batch.Len() == 0 {
		return nil
	}
	return t.connection.SendBatch(limited, batch).Close()
}

// copy inserts rows.
func (t *transaction) copy(r *rows) error {
	if r.count == 0 {
		return nil
	}
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if !t.begun {
		if err := t.send(func(*pgx.Batch) {}); err != nil {
			return err
		}
	}
	limited, cancel := t.step()
	defer cancel()
	_, err := t.connection.PgConn().CopyFrom(limited, bytes.NewReader(r.end()), r.text)
	return err
}

// lastWarning is where a connection keeps the text of the last warning that it got.
const lastWarning = "holdfast.warning"

// keepWarning keeps warnings. Notices of other kinds are of no interest.
func keepWarning(connection *pgconn.PgConn, notice *pgconn.Notice) {
	if notice.SeverityUnlocalized == "WARNING" {
		connection.CustomData()[lastWarning] = notice.Message
	}
}

// commit commits. Only the server's own word that the transaction was undone is taken
// for that: it may end a session after it has committed. Nor is a COMMIT with a warning
// taken for done: a server that waits for a standby, and is told to wait no longer, warns
// that only it has the transaction.
func (t *transaction) commit() error {
	if !t.begun {
		return nil
	}
	if err := t.ctx.Err(); err != nil {
		t.rollback()
		return err
	}
	limited, cancel := t.step()
	defer cancel()
	warned := t.connection.PgConn().CustomData()
	delete(warned, lastWarning)
	tag, err := t.connection.Exec(limited, "COMMIT")
	switch warning := warned[lastWarning]; {
	case err == nil && warning != nil:
		return fmt.Errorf("%w: the server answered COMMIT with a warning: %v", errUncertain, warning)
	case err == nil && tag.String() == "COMMIT":
		return nil
	case err == nil:
		return fmt.Errorf("the server answered %s to COMMIT", tag)
	case isConflict(err), isConstraint(err):
		return err
	}
	return fmt.Errorf("%w: %w", errUncertain, err)
}

// rollback undoes what was done. The caller's context may have ended.
func (t *transaction) rollback() {
	if !t.begun || t.connection.IsClosed() {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), rollbackMax)
	defer cancel()
	// Without an answer the connection is closed, and that undoes it too.
	_, _ = t.connection.Exec(limited, "ROLLBACK")
}

// pause waits before a transaction is tried again.
func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}
