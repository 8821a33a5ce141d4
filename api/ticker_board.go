package api

import (
	"errors"
	"time"

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

// socketFigures are what operators see of this node.
func (s *Server) socketFigures() ticker.SystemFigures {
	f := s.SystemFigures()
	refused := make(map[string]float64, len(f.RefusalsPerSecond))
	for code, rate := range f.RefusalsPerSecond {
		refused[string(code)] = rate
	}
	return ticker.SystemFigures{OrdersPerSecond: f.OrdersPerSecond, RefusedPerSecond: refused, ChangesPerSecond: f.ChangesPerSecond,
		MedianMilliseconds: milliseconds(f.MedianLatency), P99Milliseconds: milliseconds(f.TailLatency),
		Backlog: int64(f.Backlog), Oversold: f.Oversold, // #nosec G115 -- a backlog is bounded
		ResidentBytes: int64(f.ResidentBytes), Processors: f.ProcessorShare} // #nosec G115 -- memory is smaller
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
