package api

import (
	"cmp"
	"context"
	"slices"

	"holdfast/inventory"
	"holdfast/persistence"
)

// The sessions of a fakeStore. It forgets none, and ends none because of others.

func (s *fakeStore) CreateSession(_ context.Context, session persistence.Session) ([]inventory.ID, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	for _, user := range s.users {
		if user.ID == session.User && user.Version == session.AccountVersion && !user.Disabled {
			session.AccountVersion = 0
			s.sessions[session.ID] = session
			return nil, nil
		}
	}
	return nil, persistence.ErrVersion
}

func (s *fakeStore) RotateSession(_ context.Context, id inventory.ID, generation int64, at inventory.Instant) (persistence.Session, error) {
	leave, err := s.enter()
	defer leave()
	session := s.sessions[id]
	switch {
	case err != nil:
		return persistence.Session{}, err
	case !livesAt(&session, at):
		return persistence.Session{}, persistence.ErrNotFound
	case session.Generation != generation:
		return session, persistence.ErrVersion
	}
	session.Generation, session.UsedAt = generation+1, at
	s.sessions[id] = session
	return session, nil
}

func livesAt(session *persistence.Session, at inventory.Instant) bool {
	return session.Generation > 0 && session.EndedAt == 0 && at < session.ExpiresAt()
}

func (s *fakeStore) EndSession(ctx context.Context, user, id inventory.ID, at inventory.Instant) error {
	ended, err := s.end(at, func(session *persistence.Session) bool { return session.User == user && session.ID == id })
	if err == nil && len(ended) == 0 {
		err = persistence.ErrNotFound
	}
	return err
}

func (s *fakeStore) EndSessions(_ context.Context, user, but inventory.ID, at inventory.Instant) ([]inventory.ID, error) {
	return s.end(at, func(session *persistence.Session) bool { return session.User == user && session.ID != but })
}

func (s *fakeStore) end(at inventory.Instant, which func(*persistence.Session) bool) (ended []inventory.ID, err error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	for id, session := range s.sessions {
		if livesAt(&session, at) && which(&session) {
			session.EndedAt = at
			s.sessions[id] = session
			ended = append(ended, id)
		}
	}
	return ended, nil
}

func (s *fakeStore) LiveSessions(_ context.Context, user inventory.ID, at inventory.Instant) (live []persistence.Session, err error) {
	leave, err := s.enter()
	defer leave()
	for _, session := range s.sessions {
		if session.User == user && livesAt(&session, at) {
			live = append(live, session)
		}
	}
	slices.SortFunc(live, func(a, b persistence.Session) int { return cmp.Compare(b.UsedAt, a.UsedAt) })
	return live, err
}

func (s *fakeStore) EachEndedSession(_ context.Context, since inventory.Instant, visit func(inventory.ID, inventory.Instant) error) error {
	leave, err := s.enter()
	defer leave()
	for id, session := range s.sessions {
		if err == nil && session.EndedAt > 0 && session.EndedAt >= since {
			err = visit(id, session.EndedAt)
		}
	}
	return err
}

func (s *fakeStore) EachChangedUser(_ context.Context, since inventory.Instant, visit func(inventory.ID, int64, inventory.Instant) error) error {
	leave, err := s.enter()
	defer leave()
	for _, user := range s.users {
		if err == nil && user.ChangedAt > 0 && user.ChangedAt >= since {
			err = visit(user.ID, user.Version, user.ChangedAt)
		}
	}
	return err
}
