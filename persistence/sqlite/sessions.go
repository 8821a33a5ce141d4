package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	sessionColumns    = "id, user_id, generation, strong, created_at, used_at, ends_at, ended_at, idle_max, address, agent"
	insertSession     = "INSERT INTO sessions (" + sessionColumns + ", expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	selectOpenAccount = "SELECT version FROM users WHERE id = ? AND disabled = 0"
	// endSurplus ends the sessions of a user beyond the number that were used last.
	endSurplus = `UPDATE sessions SET ended_at = ?2 WHERE id IN (
		SELECT id FROM sessions WHERE user_id = ?1 AND ended_at = 0 AND expires_at > ?2 ORDER BY used_at DESC, id DESC LIMIT -1 OFFSET ?3)
		RETURNING id`
	rotateSession = `UPDATE sessions SET generation = generation + 1, used_at = ?3, expires_at = min(?3 + idle_max, ends_at)
		WHERE id = ?1 AND generation = ?2 AND ended_at = 0 AND expires_at > ?3 RETURNING ` + sessionColumns
	selectLiveSession = "SELECT " + sessionColumns + " FROM sessions WHERE id = ?1 AND ended_at = 0 AND expires_at > ?2"
	endSession        = "UPDATE sessions SET ended_at = ?3 WHERE id = ?2 AND user_id = ?1 AND ended_at = 0 AND expires_at > ?3"
	endSessions       = "UPDATE sessions SET ended_at = ?3 WHERE user_id = ?1 AND id <> ?2 AND ended_at = 0 AND expires_at > ?3 RETURNING id"
	selectSessions    = "SELECT " + sessionColumns + ` FROM sessions
		WHERE user_id = ?1 AND ended_at = 0 AND expires_at > ?2 ORDER BY used_at DESC, id DESC`
	selectEndedSessions = "SELECT id, ended_at FROM sessions WHERE ended_at > 0 AND ended_at >= ?"
	// forgetSessions deletes sessions that have ended before a moment.
	forgetSessions = `DELETE FROM sessions WHERE id IN (
		SELECT id FROM sessions WHERE ended_at > 0 AND ended_at < ?1 UNION ALL SELECT id FROM sessions WHERE expires_at < ?1 LIMIT ?2)`
)

// CreateSession inserts a session, and ends those that are too many with it.
func (s *Store) CreateSession(ctx context.Context, session persistence.Session) (ended []inventory.ID, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		var version int64
		switch err := tx.QueryRowContext(ctx, selectOpenAccount, session.User[:]).Scan(&version); {
		case errors.Is(err, sql.ErrNoRows), err == nil && version != session.AccountVersion:
			return persistence.ErrVersion
		case err != nil:
			return err
		}
		if _, err := tx.ExecContext(ctx, insertSession, session.ID[:], session.User[:], session.Generation, session.Strong,
			int64(session.CreatedAt), int64(session.UsedAt), int64(session.EndsAt), int64(session.EndedAt), int64(session.IdleMax), session.Address, session.Agent, int64(session.ExpiresAt())); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, forgetSessions, int64(session.CreatedAt-persistence.SessionMemory), persistence.SessionsForgottenAtOnce); err != nil {
			return err
		}
		ended, err = returnedIDs(tx.QueryContext(ctx, endSurplus, session.User[:], int64(session.CreatedAt), persistence.SessionsPerUserMax))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create a session: %w", err)
	}
	return ended, nil
}

// RotateSession gives a session that has the generation the next one.
func (s *Store) RotateSession(ctx context.Context, id inventory.ID, generation int64, at inventory.Instant) (session persistence.Session, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := scanSession(tx.QueryRowContext(ctx, rotateSession, id[:], generation, int64(at)), &session)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := scanSession(tx.QueryRowContext(ctx, selectLiveSession, id[:], int64(at)), &session); err != nil {
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
	err := s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, endSession, user[:], id[:], int64(at))
		return oneRow(result, err, persistence.ErrNotFound)
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// EndSessions ends all sessions of the user but one.
func (s *Store) EndSessions(ctx context.Context, user, but inventory.ID, at inventory.Instant) (ended []inventory.ID, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		ended, err = returnedIDs(tx.QueryContext(ctx, endSessions, user[:], but[:], int64(at)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	return ended, nil
}

func returnedIDs(rows *sql.Rows, err error) (ids []inventory.ID, _ error) {
	if err != nil {
		return nil, err
	}
	return ids, visitRows(rows, func(row scanner) error {
		ids = append(ids, inventory.ID{})
		return row.Scan(fixed{ids[len(ids)-1][:]})
	})
}

// LiveSessions returns the sessions of the user that live.
func (s *Store) LiveSessions(ctx context.Context, user inventory.ID, at inventory.Instant) (sessions []persistence.Session, err error) {
	err = s.each(ctx, func(row scanner) error {
		sessions = append(sessions, persistence.Session{})
		return scanSession(row, &sessions[len(sessions)-1])
	}, selectSessions, user[:], int64(at))
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return sessions, nil
}

// EachEndedSession visits the sessions that were ended at or after since.
func (s *Store) EachEndedSession(ctx context.Context, since inventory.Instant, visit func(inventory.ID, inventory.Instant) error) error {
	err := s.each(ctx, func(row scanner) error {
		var id inventory.ID
		var at inventory.Instant
		if err := row.Scan(fixed{id[:]}, &at); err != nil {
			return err
		}
		return visit(id, at)
	}, selectEndedSessions, int64(since))
	if err != nil {
		return fmt.Errorf("visit the sessions that have ended: %w", err)
	}
	return nil
}

func scanSession(row scanner, session *persistence.Session) error {
	return row.Scan(fixed{session.ID[:]}, fixed{session.User[:]}, &session.Generation, &session.Strong, &session.CreatedAt,
		&session.UsedAt, &session.EndsAt, &session.EndedAt, &session.IdleMax, &session.Address, &session.Agent)
}
