package bench

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/valyala/fasthttp"
)

// constant is an answer that never changes.
type constant struct {
	status      int
	contentType string
	body        string
}

// constantOrder is as long as the answer to an order of one line.
var constantOrder = constant{fasthttp.StatusCreated, "application/json",
	`{"id":"01890a5d-ac96-774b-bcce-b302099a8057","status":"reserved","customer_id":"01890a5d-ac96-774b-bcce-b302099a8057",` +
		`"placed_at":"2026-11-24T08:00:00.123Z","expires_at":"2026-12-01T08:00:00.123Z","extended":false,"updated_at":"2026-11-24T08:00:00.123Z",` +
		`"items":[{"product_id":"01890a5d-ac96-774b-bcce-b302099a8057","sku":"BENCH-1","quantity":1,"price":{"amount":1999,"currency":"EUR"},` +
		`"stock_version":123456,"dropped":0,"dropped_for":null,"released":0,"shipped":0,"returned":0}],` +
		`"total":{"amount":1999,"currency":"EUR"},"refund_due":null,"server_time":"2026-11-24T08:00:00.123Z","seconds_left":604799}`}

// constantRefusal is as long as the refusal of such an order, when the product is sold
// out.
var constantRefusal = constant{fasthttp.StatusConflict, "application/problem+json",
	`{"type":"urn:holdfast:problem:sold_out","title":"Sold out","status":409,"detail":"No units are left.","instance":"/api/orders",` +
		`"code":"sold_out","request_id":"e10d6875c862-123456","errors":[{"pointer":"#/items/0","detail":"No units are left.","code":"sold_out",` +
		`"requested":1,"available":0}],"product_id":"01890a5d-ac96-774b-bcce-b302099a8057","requested":1,"available":0,` +
		`"server_time":"2026-11-24T08:00:00.123Z"}`}

// processorsFactor is how many Go processors holdfast serve takes for each real one:
// see documentation/decisions/0004. The two servers are compared under one policy.
const processorsFactor = 2

// takeProcessors does what holdfast serve does: the environment wins.
func takeProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processorsFactor * runtime.GOMAXPROCS(0))
	}
}

// ServeCeiling answers every POST on the address with a constant, that of an order or
// of a refusal. It is the most that this HTTP server and this machine can do. A GET is
// answered 200: the server is ready.
func ServeCeiling(address string, soldOut bool) error {
	takeProcessors()
	answer := constantOrder
	if soldOut {
		answer = constantRefusal
	}
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return fmt.Errorf("listen for the ceiling: %w", err)
	}
	server := fasthttp.Server{NoDefaultServerHeader: true, Handler: answer.say}
	return server.Serve(listener)
}

// say answers a request.
func (c *constant) say(ctx *fasthttp.RequestCtx) {
	if ctx.IsGet() {
		return
	}
	ctx.SetStatusCode(c.status)
	ctx.SetContentType(c.contentType)
	ctx.SetBodyString(c.body)
}
