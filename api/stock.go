package api

import (
	"strconv"
	"time"

	"holdfast/actors"
	"holdfast/inventory"
)

// adjustRoute is part of the fingerprint of every adjustment's key.
const adjustRoute = "POST /api/products/{id}/stock"

// getStock returns the durable stock of a product, from memory.
func getStock(x *exchange) {
	product, ok := x.pathID("id")
	if !ok {
		return
	}
	wanted := x.minVersion()
	engine, ready := x.engine()
	if !ready {
		return
	}
	stock, found := engine.Stock(product)
	if !found {
		x.fail(inventory.CodeNotFound, "There is no product with this id.")
		return
	}
	if stock.Version < wanted {
		if stock, ok = x.waitForVersion(engine, product, wanted); !ok {
			return
		}
	}
	x.answerStock(&stock)
}

func (x *exchange) answerStock(stock *inventory.Stock) {
	x.buffer = appendStock(x.buffer[:0], stock)
	x.answer(200, x.buffer)
}

// minVersion reads ?min_version, which has been checked.
func (x *exchange) minVersion() uint64 {
	wanted, _ := strconv.ParseUint(string(x.ctx.QueryArgs().Peek("min_version")), 10, 63)
	return wanted
}

// waitForVersion looks at the stock until it has the version, or refuses. It
// occupies its connection only; how many may wait is bounded.
func (x *exchange) waitForVersion(engine actors.Facade, product inventory.ID, wanted uint64) (inventory.Stock, bool) {
	waiters, address := x.server.versionWaiters, x.address()
	switch waiters.enter(address) {
	case roomFull:
		x.fail(inventory.CodeOverloaded, "Too many reads are waiting for a version.")
		return inventory.Stock{}, false
	case roomFullForOne:
		x.fail(codeRateLimited, "Too many reads of your address are waiting for a version.")
		return inventory.Stock{}, false
	}
	defer waiters.leave(address)
	if stock, reached := x.pollForVersion(engine, product, wanted); reached {
		return stock, true
	}
	x.fail(codeVersionTimeout, "The stock did not reach this version in time. It may never: ask without min_version.")
	return inventory.Stock{}, false
}

// pollForVersion looks again and again, after pauses that grow.
func (x *exchange) pollForVersion(engine actors.Facade, product inventory.ID, wanted uint64) (inventory.Stock, bool) {
	s, pause := x.server, versionPollPauseMin
	woken := make(chan struct{}, 1)
	timer := s.clock.AfterFunc(pause, func() { woken <- struct{}{} })
	defer timer.Stop()
	deadline := x.now.Add(inventory.Instant(versionWaitMax / time.Nanosecond))
	for {
		select {
		case <-woken:
		case <-s.draining.Done():
			return inventory.Stock{}, false
		}
		if stock, found := engine.Stock(product); found && stock.Version >= wanted {
			return stock, true
		}
		left := time.Duration(deadline - s.clock.Now())
		if left <= 0 {
			return inventory.Stock{}, false
		}
		pause = min(2*pause, versionPollPauseMax)
		timer.Reset(min(pause, left))
	}
}

// adjustStock books units in or out.
func adjustStock(x *exchange) {
	product, ok := x.pathID("id")
	if !ok {
		return
	}
	engine, ready := x.engine()
	if !ready {
		return
	}
	key, ok := x.requireKey()
	if !ok {
		return
	}
	var body adjustBody
	if !x.decode(&body) {
		return
	}
	var fields []fieldError
	if body.Delta == 0 {
		fields = append(fields, fieldError{pointer: "#/delta", code: fieldInvalid, detail: "It must not be 0."})
	}
	if len(body.Note) > inventory.NoteBytesMax {
		fields = append(fields, fieldError{pointer: "#/note", code: fieldInvalid, detail: "It must have at most 500 bytes."})
	}
	if len(fields) > 0 {
		x.failFields(fields...)
		return
	}
	// The product is in the path, so the body's fingerprint has to cover it: the
	// same key for another product is another request.
	raw := append(append([]byte(nil), product[:]...), x.ctx.Request.Body()...)
	adjusted, refusal := engine.AdjustStock(&actors.AdjustStock{Product: product, Caller: x.principal.ID,
		Delta: body.Delta, Reason: body.Reason, Note: body.Note,
		Key: keyFingerprint(x.principal.ID, adjustRoute, key), Body: inventory.FingerprintOf(raw)})
	if refusal.Refused() {
		x.refuseAdjustment(refusal)
		return
	}
	if adjusted.Replayed {
		x.ctx.Response.Header.SetCanonical(headerReplayed, valueTrue)
	}
	x.answerStock(&adjusted.Stock)
}

// refuseAdjustment passes on a refusal of the engine. Of the members that it is
// given, it looks at the values of one only.
func (x *exchange) refuseAdjustment(refusal inventory.Refusal) {
	p := problem{code: refusal.Code, detail: refusal.Detail, refusal: refusal}
	if refusal.Code == inventory.CodeValidationFailed {
		p.fields = []fieldError{{pointer: "#/delta", code: fieldInvalid, detail: refusal.Detail}}
	}
	x.answerProblem(&p)
}

// appendStock appends a stock as stockReply describes it.
func appendStock(dst []byte, stock *inventory.Stock) []byte {
	dst = strconv.AppendInt(append(dst, `{"on_hand":`...), stock.OnHand, 10)
	dst = strconv.AppendInt(append(dst, `,"reserved":`...), stock.Reserved, 10)
	dst = strconv.AppendInt(append(dst, `,"committed":`...), stock.Committed, 10)
	dst = strconv.AppendInt(append(dst, `,"safety":`...), stock.Safety, 10)
	dst = strconv.AppendInt(append(dst, `,"available":`...), max(stock.Available(), 0), 10)
	dst = strconv.AppendUint(append(dst, `,"version":`...), stock.Version, 10)
	return append(dst, '}')
}

func stockReplyOf(stock *inventory.Stock) stockReply {
	return stockReply{OnHand: stock.OnHand, Reserved: stock.Reserved, Committed: stock.Committed,
		Safety: stock.Safety, Available: max(stock.Available(), 0), Version: int64(stock.Version)}
}
