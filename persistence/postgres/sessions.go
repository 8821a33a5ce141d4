package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	sessionColumns = "id, user_id, generation, strong, created_at, used_at, ends_at, ended_at, idle_max, address, agent"
	insertSession  = "INSERT INTO sessions (" + sessionColumns + ", expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
	// lockUser makes logins of one user come one after the other, so that they count the
	// sessions of one another.
	lockUser = "SELECT version FROM users WHERE id = $1 AND NOT disabled FOR NO KEY UPDATE"
	// endSurplus ends the sessions of a user beyond the number that were used last.
	endSurplus = `UPDATE sessions SET ended_at = $2 WHERE id IN (
		SELECT id FROM sessions WHERE user_id = $1 AND ended_at = 0 AND expires_at > $2 ORDER BY used_at DESC, id DESC OFFSET $3)
		RETURNING id`
	rotateSession = `UPDATE sessions SET generation = generation + 1, used_at = $3, expires_at = least($3 + idle_max, ends_at)
		WHERE id = $1 AND generation = $2 AND ended_at = 0 AND expires_at > $3 RETURNING ` + sessionColumns
	selectLiveSession = "SELECT " + sessionColumns + " FROM sessions WHERE id = $1 AND ended_at = 0 AND expires_at > $2"
	endSession        = "UPDATE sessions SET ended_at = $3 WHERE id = $2 AND user_id = $1 AND ended_at = 0 AND expires_at > $3"
	endSessions       = "UPDATE sessions SET ended_at = $3 WHERE user_id = $1 AND id <> $2 AND ended_at = 0 AND expires_at > $3 RETURNING id"
	selectSessions    = "SELECT " + sessionColumns + ` FROM sessions
		WHERE user_id = $1 AND ended_at = 0 AND expires_at > $2 ORDER BY used_at DESC, id DESC`
	selectEndedSessions = "SELECT id, ended_at FROM sessions WHERE ended_at > 0 AND ended_at >= $1"
	// forgetSessions deletes sessions that have ended before a moment.
	forgetSessions = `DELETE FROM sessions WHERE id IN (
		SELECT id FROM sessions WHERE ended_at > 0 AND ended_at < $1 UNION ALL SELECT id FROM sessions WHERE expires_at < $1 LIMIT $2)`
)

// CreateSession inserts a session, and ends those that are too many with it.
func (s *Store) CreateSession(ctx context.Context, session persistence.Session) (ended []inventory.ID, err error) {
	err = s.write(ctx, func(t *transaction) error {
		ended = nil
		version := int64(0) // of no account
		err := t.send(func(batch *pgx.Batch) {
			batch.Queue(lockUser, [16]byte(session.User)).Query(func(rows pgx.Rows) error {
				for rows.Next() {
					if err := rows.Scan(&version); err != nil {
						return err
					}
				}
				return rows.Err()
			})
		})
		switch {
		case err != nil:
			return err
		case version != session.AccountVersion || version == 0:
			return persistence.ErrVersion
		}
		return t.send(func(batch *pgx.Batch) {
			batch.Queue(insertSession, [16]byte(session.ID), [16]byte(session.User), session.Generation, session.Strong,
				int64(session.CreatedAt), int64(session.UsedAt), int64(session.EndsAt), int64(session.EndedAt), int64(session.IdleMax), session.Address, session.Agent, int64(session.ExpiresAt()))
			batch.Queue(forgetSessions, int64(session.CreatedAt-persistence.SessionMemory), persistence.SessionsForgottenAtOnce)
			batch.Queue(endSurplus, [16]byte(session.User), int64(session.CreatedAt), persistence.SessionsPerUserMax).Query(appendIDs(&ended))
		})
	})
	if err != nil {
		return nil, fmt.Errorf("create a session: %w", err)
	}
	return ended, nil
}

// RotateSession gives a session that has the generation the next one.
func (s *Store) RotateSession(ctx context.Context, id inventory.ID, generation int64, at inventory.Instant) (session persistence.Session, err error) {
	err = s.write(ctx, func(t *transaction) error {
		rotated := true
		err := t.send(func(batch *pgx.Batch) {
			batch.Queue(rotateSession, [16]byte(id), generation, int64(at)).QueryRow(func(row pgx.Row) error {
				err := scanSession(row, &session)
				if errors.Is(err, pgx.ErrNoRows) {
					rotated, err = false, nil
				}
				return err
			})
		})
		if err != nil || rotated {
			return err
		}
		err = t.send(func(batch *pgx.Batch) {
			batch.Queue(selectLiveSession, [16]byte(id), int64(at)).
				QueryRow(func(row pgx.Row) error { return scanSession(row, &session) })
		})
		if err != nil {
			return err
		}
		return persistence.ErrVersion
	})
	if err != nil {
		return session, fmt.Errorf("rotate a session: %w", err)
	}
	return session, nil
}

// EndSession ends a session of the user.
func (s *Store) EndSession(ctx context.Context, user, id inventory.ID, at inventory.Instant) error {
	err := s.write(ctx, func(t *transaction) error {
		return t.send(func(batch *pgx.Batch) {
			batch.Queue(endSession, [16]byte(user), [16]byte(id), int64(at)).
				Exec(func(tag pgconn.CommandTag) error { return oneRow(tag, persistence.ErrNotFound) })
		})
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// EndSessions ends all sessions of the user but one.
func (s *Store) EndSessions(ctx context.Context, user, but inventory.ID, at inventory.Instant) (ended []inventory.ID, err error) {
	err = s.write(ctx, func(t *transaction) error {
		ended = nil
		return t.send(func(batch *pgx.Batch) {
			batch.Queue(endSessions, [16]byte(user), [16]byte(but), int64(at)).Query(appendIDs(&ended))
		})
	})
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	return ended, nil
}

// appendIDs reads rows of an ID.
func appendIDs(ids *[]inventory.ID) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		for rows.Next() {
			var id inventory.ID
			if err := rows.Scan((*[16]byte)(&id)); err != nil {
				return err
			}
			*ids = append(*ids, id)
		}
		return rows.Err()
	}
}

// LiveSessions returns the sessions of the user that live.
func (s *Store) LiveSessions(ctx context.Context, user inventory.ID, at inventory.Instant) (sessions []persistence.Session, err error) {
	err = s.each(ctx, func(row pgx.Row) error {
		sessions = append(sessions, persistence.Session{})
		return scanSession(row, &sessions[len(sessions)-1])
	}, selectSessions, [16]byte(user), int64(at))
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return sessions, nil
}

// EachEndedSession visits the sessions that were ended at or after since.
func (s *Store) EachEndedSession(ctx context.Context, since inventory.Instant, visit func(inventory.ID, inventory.Instant) error) error {
	err := s.all(ctx, func(row pgx.Row) error {
		var id inventory.ID
		var at inventory.Instant
		if err := row.Scan((*[16]byte)(&id), &at); err != nil {
			return err
		}
		return visit(id, at)
	}, selectEndedSessions, int64(since))
	if err != nil {
		return fmt.Errorf("visit the sessions that have ended: %w", err)
	}
	return nil
}

func scanSession(row pgx.Row, session *persistence.Session) error {
	return row.Scan((*[16]byte)(&session.ID), (*[16]byte)(&session.User), &session.Generation, &session.Strong, &session.CreatedAt,
		&session.UsedAt, &session.EndsAt, &session.EndedAt, &session.IdleMax, &session.Address, &session.Agent)
}
