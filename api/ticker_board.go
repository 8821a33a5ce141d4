package api

import (
	"errors"

	"holdfast/actors"
	"holdfast/api/ticker"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// engineBoard shows the products of an engine of this process, of which all is known.
type engineBoard struct{ actors.Facade }

// Read implements [ticker.Board].
func (b engineBoard) Read(product inventory.ID) (ticker.Reading, bool) {
	rules, stock, found := b.Sale(product)
	return ticker.Reading{Rules: rules, Stock: stock, Epoch: b.Epoch()}, found
}

// identifySocket tells the ticker whose an access token is.
func (s *Server) identifySocket(text string) (ticker.Visitor, error) {
	principal, until, err := s.signer.Verify(text)
	switch {
	case errors.Is(err, token.ErrExpired):
		return ticker.Visitor{}, ticker.ErrTokenExpired
	case err != nil:
		return ticker.Visitor{}, ticker.ErrTokenUnknown
	case !s.recalled.Load():
		return ticker.Visitor{}, ticker.ErrNotReady
	case s.revocations.Has(principal):
		return ticker.Visitor{}, ticker.ErrTokenUnknown
	}
	return visitorOf(&principal, until), nil
}

// visitorOf is a person as the ticker knows one.
func visitorOf(principal *token.Principal, until inventory.Instant) ticker.Visitor {
	return ticker.Visitor{User: principal.ID, Session: principal.Session, Version: principal.Version, Until: until,
		Admin: principal.Role == persistence.RoleAdmin}
}
