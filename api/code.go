package api

import (
	"net/http"

	"holdfast/inventory"
)

// Codes that the front end decides itself. The others are the domain's.
const (
	codeMalformed            inventory.Code = "malformed_request"
	codeInvalidCursor        inventory.Code = "invalid_cursor"
	codeKeyRequired          inventory.Code = "idempotency_key_required"
	codeKeyInvalid           inventory.Code = "idempotency_key_invalid"
	codeUnauthorized         inventory.Code = "unauthorized"
	codeForbidden            inventory.Code = "forbidden"
	codeMethodNotAllowed     inventory.Code = "method_not_allowed"
	codeRequestTimeout       inventory.Code = "request_timeout"
	codePayloadTooLarge      inventory.Code = "payload_too_large"
	codeUnsupportedMediaType inventory.Code = "unsupported_media_type"
	codeHeadersTooLarge      inventory.Code = "headers_too_large"
	codeEmailTaken           inventory.Code = "email_taken"
	codeSKUTaken             inventory.Code = "sku_taken"
	codeInternal             inventory.Code = "internal_error"
	codeVersionTimeout       inventory.Code = "version_timeout"
	codeRateLimited          inventory.Code = "rate_limited"
	codeUpgradeRequired      inventory.Code = "upgrade_required"
	codeMailUnavailable      inventory.Code = "mail_unavailable"
	codePreconditionFailed   inventory.Code = "precondition_failed"
	codePreconditionRequired inventory.Code = "precondition_required"
)

// codeRow is what HTTP says about a code.
type codeRow struct {
	code   inventory.Code
	status int
	title  string
	// retryAfter is the value of Retry-After in seconds; empty means none.
	retryAfter string
}

// codeTable maps codes to HTTP. Nothing else in the package knows the status of a
// code.
var codeTable = []codeRow{
	{codeMalformed, http.StatusBadRequest, "The request is malformed", ""},
	{codeInvalidCursor, http.StatusBadRequest, "The cursor is not valid for this list", ""},
	{codeKeyRequired, http.StatusBadRequest, "An Idempotency-Key is required", ""},
	{codeKeyInvalid, http.StatusBadRequest, "The Idempotency-Key is malformed", ""},
	{codeUnauthorized, http.StatusUnauthorized, "Valid credentials are required", ""},
	{codeForbidden, http.StatusForbidden, "This is not allowed to you", ""},
	{inventory.CodeNotFound, http.StatusNotFound, "There is no such thing", ""},
	{codeMethodNotAllowed, http.StatusMethodNotAllowed, "The method is not allowed here", ""},
	{codeRequestTimeout, http.StatusRequestTimeout, "The request did not arrive in time", ""},

	{inventory.CodeInsufficientStock, http.StatusConflict, "Not enough units are left", ""},
	{inventory.CodeSoldOut, http.StatusConflict, "Sold out", ""},
	{inventory.CodeAllHeld, http.StatusConflict, "All units are held", ""},
	{inventory.CodeSaleNotStarted, http.StatusConflict, "The sale has not started", ""},
	{inventory.CodeSaleEnded, http.StatusConflict, "The sale has ended", ""},
	{inventory.CodeQuantityLimitCustomer, http.StatusConflict, "The limit of units per customer is reached", ""},
	{inventory.CodePaused, http.StatusConflict, "The product is off sale", ""},
	{inventory.CodeHoldExpired, http.StatusConflict, "The hold has ended", ""},
	{inventory.CodeInvalidTransition, http.StatusConflict, "The order's state does not allow it", ""},
	{inventory.CodeVersionConflict, http.StatusConflict, "It conflicts with the present state", ""},
	{inventory.CodeRequestInProgress, http.StatusConflict, "A request with this key is in progress", "1"},
	{codeEmailTaken, http.StatusConflict, "The address is registered", ""},
	{codeSKUTaken, http.StatusConflict, "The SKU is taken", ""},

	{codePreconditionFailed, http.StatusPreconditionFailed, "It has changed meanwhile", ""},
	{codePayloadTooLarge, http.StatusRequestEntityTooLarge, "The body is too large", ""},
	{codeUnsupportedMediaType, http.StatusUnsupportedMediaType, "The body's type or coding is not supported", ""},
	{inventory.CodeValidationFailed, http.StatusUnprocessableEntity, "The request has invalid values", ""},
	{inventory.CodeKeyReused, http.StatusUnprocessableEntity, "The key was used for another request", ""},
	{codeUpgradeRequired, http.StatusUpgradeRequired, "An upgrade to WebSocket is required", ""},
	{codePreconditionRequired, http.StatusPreconditionRequired, "A precondition is required", ""},
	{codeHeadersTooLarge, http.StatusRequestHeaderFieldsTooLarge, "The headers are too large", ""},

	{codeRateLimited, http.StatusTooManyRequests, "Too many requests of one kind", "1"},

	{codeMailUnavailable, http.StatusNotImplemented, "No mail is sent here", ""},
	{codeInternal, http.StatusInternalServerError, "Something went wrong here", ""},
	{inventory.CodeOverloaded, http.StatusServiceUnavailable, "Too many requests at once", "1"},
	{inventory.CodeStorageFull, http.StatusServiceUnavailable, "The storage is full", "10"},
	{inventory.CodeStarting, http.StatusServiceUnavailable, "The service is starting", "1"},
	{inventory.CodeStoreUnavailable, http.StatusServiceUnavailable, "The database cannot be reached", "5"},
	{inventory.CodeUnknownOutcome, http.StatusServiceUnavailable, "The outcome is not known", "1"},
	{inventory.CodeQuarantined, http.StatusServiceUnavailable, "The product is being rebuilt", "1"},
	{codeVersionTimeout, http.StatusGatewayTimeout, "The version was not reached in time", ""},
}

// codeRows finds a row by its code.
var codeRows = indexCodes()

func indexCodes() map[inventory.Code]*codeRow {
	byCode := make(map[inventory.Code]*codeRow, len(codeTable))
	for i := range codeTable {
		byCode[codeTable[i].code] = &codeTable[i]
	}
	return byCode
}

// rowOfCode returns the row of a code; one that is not in the table is a bug and
// is answered as such.
func rowOfCode(code inventory.Code) *codeRow {
	if row := codeRows[code]; row != nil {
		return row
	}
	return codeRows[codeInternal]
}
