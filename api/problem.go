package api

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"holdfast/inventory"
)

// problemTypePrefix and the code make the type of a problem (RFC 9457): a name,
// not a place.
const problemTypePrefix = "urn:holdfast:problem:"

// problem is a refusal on its way to the caller. It is a value: refusing an order
// that comes too late is what a flash sale does most.
type problem struct {
	code   inventory.Code
	detail string
	fields []fieldError
	// retryAfter is in seconds; zero is what the table of codes says.
	retryAfter int64
	// refusal adds the figures of the domain.
	refusal inventory.Refusal
}

// appendProblem appends the document. problemReply describes it.
func appendProblem(dst []byte, p *problem, x *exchange) []byte {
	row := rowOfCode(p.code)
	dst = append(append(append(dst, `{"type":"`+problemTypePrefix...), row.code...), `","title":"`...)
	dst = append(append(dst, row.title...), `","status":`...)
	dst = append(strconv.AppendInt(dst, int64(row.status), 10), `,"detail":`...)
	dst = append(appendText(dst, p.detail), `,"instance":`...)
	dst = append(appendText(dst, x.ctx.URI().PathOriginal()), `,"code":"`...)
	dst = append(append(dst, row.code...), `","request_id":`...)
	dst = appendText(dst, x.requestID)
	dst = appendFields(dst, p.fields)
	if p.refusal.Refused() {
		dst = appendFigures(dst, &p.refusal, x.now)
	}
	return append(dst, '}')
}

// appendText appends text as a JSON string; bytes that are not UTF-8 become
// U+FFFD.
func appendText[Text ~[]byte | ~string](dst []byte, text Text) []byte {
	dst, _ = jsontext.AppendQuote(dst, text) // the error says only that bytes were replaced
	return dst
}

func appendFields(dst []byte, fields []fieldError) []byte {
	if len(fields) == 0 {
		return dst
	}
	dst = append(dst, `,"errors":[`...)
	for i := range fields {
		field := &fields[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(append(dst, `{"pointer":`...), field.pointer)
		dst = appendText(append(dst, `,"detail":`...), field.detail)
		dst = append(append(append(dst, `,"code":"`...), field.code...), '"')
		if field.figures {
			dst = appendUnits(dst, field.requested, field.available)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendUnits(dst []byte, requested, available int64) []byte {
	dst = strconv.AppendInt(append(dst, `,"requested":`...), requested, 10)
	return strconv.AppendInt(append(dst, `,"available":`...), available, 10)
}

// momentName says what [inventory.Refusal].At is, per code.
func momentName(code inventory.Code) string {
	switch code {
	case inventory.CodeSaleNotStarted:
		return `,"starts_at":`
	case inventory.CodeSaleEnded:
		return `,"ends_at":`
	case inventory.CodeAllHeld:
		return `,"next_expiry":`
	case inventory.CodeHoldExpired:
		return `,"expires_at":`
	}
	return ""
}

func appendFigures(dst []byte, refusal *inventory.Refusal, now inventory.Instant) []byte {
	if !refusal.ProductID.IsZero() {
		dst = append(refusal.ProductID.AppendText(append(dst, `,"product_id":"`...)), '"')
	}
	switch {
	case refusal.Code == inventory.CodeQuantityLimitCustomer:
		dst = strconv.AppendInt(append(dst, `,"requested":`...), refusal.Requested, 10)
		dst = strconv.AppendInt(append(dst, `,"remaining":`...), refusal.Remaining, 10)
	case hasUnits(refusal):
		dst = appendUnits(dst, refusal.Requested, refusal.Available)
	}
	if name := momentName(refusal.Code); name != "" && refusal.At > 0 {
		dst = appendInstant(append(dst, name...), refusal.At)
	}
	return appendInstant(append(dst, `,"server_time":`...), now)
}

// hasUnits reports whether Requested and Available say something.
func hasUnits(refusal *inventory.Refusal) bool {
	return refusal.Requested > 0 && refusal.Code != inventory.CodeQuantityLimitCustomer
}
