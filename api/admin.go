package api

import (
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"github.com/valyala/fasthttp/pprofhandler"
)

// newAdmin returns the server of the admin listener. A profile is written for as
// long as it is asked to run, so there is no bound on writing.
func (s *Server) newAdmin() *fasthttp.Server {
	figures := fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(s.options.Registry, promhttp.HandlerOpts{}))
	return &fasthttp.Server{
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.Response.Header.SetCanonical(headerCacheControl, cacheNever)
			switch path := ctx.Path(); {
			case !ctx.IsGet() && !ctx.IsHead():
				ctx.Error("method not allowed", fasthttp.StatusMethodNotAllowed)
			case string(path) == "/metrics":
				figures(ctx)
			case len(path) >= len(profilePrefix) && string(path[:len(profilePrefix)]) == profilePrefix:
				pprofhandler.PprofHandler(ctx)
			default:
				ctx.Error("not found", fasthttp.StatusNotFound)
			}
		},
		MaxRequestBodySize:           emptyBodyBytesMax,
		ReadBufferSize:               headerBytesMax,
		ReadTimeout:                  s.options.ReadTimeout,
		IdleTimeout:                  s.options.IdleTimeout,
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
		Logger:                       connectionLog{s.log},
	}
}

const profilePrefix = "/debug/pprof"
