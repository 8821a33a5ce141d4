package api

import "context"

// live says that the process can answer at all.
func live(x *exchange) { x.answerJSON(200, healthReply{Status: "ok"}) }

// ready says whether the process should be sent requests. A store that is away
// does not make it unready: selling goes on without.
func ready(x *exchange) {
	checks := []checkReply{x.server.checkServer(), x.server.checkEngine(), x.server.checkStore()}
	reply, status := healthReply{Status: "ok"}, 200
	for _, check := range checks {
		if check.Status == "failed" {
			reply.Status, status = "not_ready", 503
		}
	}
	if x.ctx.QueryArgs().Has("verbose") {
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

// checkStore says no more than that the store is away: its errors name places.
func (s *Server) checkStore() checkReply {
	ctx, cancel := context.WithTimeout(s.living, pingTimeout)
	defer cancel()
	if err := s.store.Ping(ctx); err != nil {
		return checkReply{Name: "store", Status: "degraded", Detail: "cannot be reached"}
	}
	return checkReply{Name: "store", Status: "ok"}
}

// showDocument sends the OpenAPI document.
func showDocument(x *exchange) { x.answer(200, x.server.document) }
