package api

import (
	"context"
	"fmt"
	"sync"
	"time"

	"holdfast/actors"
	"holdfast/inventory"
)

// live says that the process can answer at all.
func live(x *exchange) { x.answerJSON(200, healthReply{Status: "ok"}) }

// ready says whether the process should be sent requests. A database that is away
// does not make it unready: selling goes on without, until too much waits for it. The
// database is looked at only for those who want to know, and asked by few of them.
func ready(x *exchange) {
	verbose := x.ctx.QueryArgs().Has("verbose")
	checks := []checkReply{x.server.checkServer(), x.server.checkEngine()}
	if verbose {
		checks = append(checks, x.server.checkDatabase())
		if x.server.options.PingRedis != nil {
			checks = append(checks, x.server.checkRedis())
		}
		if engine := x.server.engine.Load(); engine != nil {
			checks = append(checks, checkProjection((*engine).Projection(), x.server.clock.Now()))
		}
	}
	x.answerHealth(checks, verbose)
}

// answerHealth says whether no check has failed, and shows them to who wants to know.
func (x *exchange) answerHealth(checks []checkReply, verbose bool) {
	reply, status := healthReply{Status: "ok"}, 200
	for _, check := range checks {
		if check.Status == "failed" {
			reply.Status, status = "not_ready", 503
		}
	}
	if verbose {
		reply.Checks = checks
	}
	x.answerJSON(status, reply)
}

func (s *Server) checkServer() checkReply {
	if s.stopping.Load() {
		return checkReply{Name: "server", Status: "failed", Detail: "stopping"}
	}
	return checkReply{Name: "server", Status: "ok"}
}

func (s *Server) checkEngine() checkReply {
	engine := s.engine.Load()
	if engine == nil {
		return checkReply{Name: "engine", Status: "failed", Detail: "starting"}
	}
	if err := (*engine).Ready(); err != nil {
		return checkReply{Name: "engine", Status: "failed", Detail: err.Error()}
	}
	return checkReply{Name: "engine", Status: "ok"}
}

// checkDatabase says no more than that the database is away: errors name places. What
// the engine has just tried itself needs no question.
func (s *Server) checkDatabase() checkReply {
	if engine := s.engine.Load(); engine != nil {
		if state := (*engine).Projection(); state.Away() {
			return checkReply{Name: "database", Status: "degraded", Detail: "away since " + instantText(state.AwaySince)}
		}
	}
	if !s.pings.answers(s.ping, s.clock.Now()) {
		return checkReply{Name: "database", Status: "degraded", Detail: "cannot be reached"}
	}
	return checkReply{Name: "database", Status: "ok"}
}

// ping reports whether the database answers.
func (s *Server) ping() bool {
	ctx, cancel := context.WithTimeout(s.living, pingTimeout)
	defer cancel()
	return s.store.Ping(ctx) == nil
}

// checkRedis says whether Redis helps. Without it nothing is wrong: copies are read anew,
// and other processes learn of the stock later.
func (s *Server) checkRedis() checkReply {
	ping := func() bool {
		ctx, cancel := context.WithTimeout(s.living, pingTimeout)
		defer cancel()
		return s.options.PingRedis(ctx) == nil
	}
	if !s.redisPings.answers(ping, s.clock.Now()) {
		return checkReply{Name: "redis", Status: "degraded", Detail: "cannot be reached; the server goes on without"}
	}
	return checkReply{Name: "redis", Status: "ok"}
}

// pings remember whether a server behind this one answered, so that many who want to know
// cost one question.
type pings struct {
	mutex   sync.Mutex
	asked   bool
	askedAt inventory.Instant
	up      bool
}

// answers returns what ping said not longer than pingInterval ago.
func (p *pings) answers(ping func() bool, now inventory.Instant) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.asked || now-p.askedAt >= inventory.Instant(pingInterval) {
		p.up, p.asked, p.askedAt = ping(), true, now
	}
	return p.up
}

// checkProjection says how far the database is behind the journal, and that orders are
// not answered when they wait for it.
func checkProjection(state actors.ProjectionState, now inventory.Instant) checkReply {
	check := checkReply{Name: "projection", Status: "ok", Detail: fmt.Sprintf(
		"ack=%s; %d of at most %d records and %d of at most %d bytes wait for the database, the oldest for %.1f s",
		state.Acknowledge, state.Backlog, state.BacklogMax, state.BacklogBytes, state.BacklogBytesMax, state.Lag.Seconds())}
	if state.Away() {
		check.Status = "degraded"
		check.Detail += fmt.Sprintf("; %d attempts failed in %.1f s, the last for %s",
			state.Failures, time.Duration(max(now-state.AwaySince, 0)).Seconds(), state.Failure)
		if state.Acknowledge == actors.AcknowledgeDatabase {
			check.Detail += "; orders are answered when the database is back"
		}
	}
	return check
}

// showDocument sends the OpenAPI document.
func showDocument(x *exchange) { x.answer(200, x.server.document) }
