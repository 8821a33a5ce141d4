package api

import (
	"crypto/rand"

	"holdfast/api/ticker"
	"holdfast/internal/token"
	"holdfast/inventory"
)

// Showcase makes a [Server] show the products of other processes over WebSockets, and do
// nothing else: it has neither engine nor database, and needs neither. Any number of them
// take the watchers of a shop away from the process that sells.
//
// Public channels are for anyone. With the signing key of the process that makes tokens, an
// access token is believed until its end, as long as its session lives or not: who has
// ended is known to the database. Tickets and API keys are known to others only, and are
// refused, as is every credential when there is no signing key.
type Showcase struct {
	// Board is what is shown.
	Board *ticker.BusBoard
	// Unready returns why what is shown may not be so any more, or nil.
	Unready func() error
}

// completeShowcase fills in what a showcase does without. Nothing verifies with a random
// key, and nothing is signed with it that anybody keeps.
func (o *Options) completeShowcase() {
	if o.Showcase == nil || len(o.SigningKey) > 0 {
		return
	}
	o.SigningKey, o.tokensUnknown = make([]byte, token.SigningKeyBytesMin), true
	_, _ = rand.Read(o.SigningKey) // it never fails
}

// showcaseRoutes is every route of a showcase. What they do is the same as elsewhere, but
// for what makes it ready.
func showcaseRoutes() []route {
	var rows []route
	for _, row := range routeTable() {
		switch {
		case row.path == "/readyz":
			row.handle, row.summary = readyToShow, "Whether what is shown is so now"
		case row.path != "/api/ws" && row.path != "/livez":
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

// answerElsewhere answers for all that a showcase does not do.
func answerElsewhere(x *exchange) {
	x.fail(inventory.CodeNotFound, "This process shows live stock at /api/ws, and nothing else (HOLDFAST_ROLE=ticker). "+
		"Ask the process that takes orders (HOLDFAST_ROLE=all).")
}

// openShowcase lets the WebSockets show what the board does.
func (s *Server) openShowcase() {
	s.recalled.Store(true) // there is nothing to recall
	s.ticker.Follow(s.options.Showcase.Board)
}

// canShow reports whether there is something to show, or refuses.
func (x *exchange) canShow() bool {
	showcase := x.server.options.Showcase
	if showcase == nil {
		_, ready := x.engine()
		return ready
	}
	if !showcase.Board.Begun() {
		x.refuse(inventory.Refusal{Code: inventory.CodeStarting, Detail: "The products are not known yet. Try again in a moment."})
		return false
	}
	return true
}

// refusesIdentity refuses a visitor who says who it is when a showcase cannot know that.
func (x *exchange) refusesIdentity(ticket []byte) inventory.Code {
	options, given := &x.server.options, x.given.authorization.count > 0
	switch {
	case options.Showcase == nil:
		return ""
	case len(ticket) > 0:
		return x.failSocket(codeForbidden, "A ticket is good at the process that has made it (HOLDFAST_ROLE=all). Here, send an access token as Authorization, or nothing.")
	case given && options.tokensUnknown:
		return x.failSocket(codeForbidden, "This process has no signing key, and cannot know who you are: it shows public channels. Send no Authorization.")
	case given && token.LooksLikeKey(textOf(x.credential())):
		return x.failSocket(codeForbidden, "This process has no database, and does not know API keys. Send an access token, or no Authorization.")
	}
	return ""
}

// readyToShow says whether clients should be sent here.
func readyToShow(x *exchange) {
	s := x.server
	checks := []checkReply{s.checkServer(), s.checkKeyframe()}
	verbose := x.ctx.QueryArgs().Has("verbose")
	if verbose && s.options.PingRedis != nil {
		checks = append(checks, s.checkRedis())
	}
	x.answerHealth(checks, verbose)
}

// checkKeyframe says whether what is shown is so now.
func (s *Server) checkKeyframe() checkReply {
	if err := s.options.Showcase.Unready(); err != nil {
		return checkReply{Name: "keyframe", Status: "failed", Detail: err.Error()}
	}
	return checkReply{Name: "keyframe", Status: "ok"}
}
