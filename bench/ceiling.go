package bench

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/valyala/fasthttp"
)

// ceilingBody is as long as the answer to an order of one line.
const ceilingBody = `{"id":"01890a5d-ac96-774b-bcce-b302099a8057","status":"reserved","customer_id":"01890a5d-ac96-774b-bcce-b302099a8057",` +
	`"placed_at":"2026-11-24T08:00:00.123456Z","expires_at":"2026-11-24T08:10:00.123456Z","updated_at":"2026-11-24T08:00:00.123456Z",` +
	`"items":[{"product_id":"01890a5d-ac96-774b-bcce-b302099a8057","sku":"BENCH-1","quantity":1,"price":{"amount":1999,"currency":"EUR"},` +
	`"stock_version":123456}],"total":{"amount":1999,"currency":"EUR"},"server_time":"2026-11-24T08:00:00.123456Z","seconds_left":600}`

// processorsFactor is how many Go processors holdfast serve takes for each real one:
// see documentation/decisions/0004. The two servers are compared under one policy.
const processorsFactor = 2

// takeProcessors does what holdfast serve does: the environment wins.
func takeProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processorsFactor * runtime.GOMAXPROCS(0))
	}
}

// ServeCeiling answers every request on the address with a constant. It is the
// most that this HTTP server and this machine can do.
func ServeCeiling(address string) error {
	takeProcessors()
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return fmt.Errorf("listen for the ceiling: %w", err)
	}
	server := fasthttp.Server{
		NoDefaultServerHeader: true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.SetStatusCode(fasthttp.StatusCreated)
			ctx.SetContentType("application/json")
			ctx.SetBodyString(ceilingBody)
		},
	}
	return server.Serve(listener)
}
