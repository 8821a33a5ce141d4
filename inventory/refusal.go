package inventory

// Code names why a request was refused. The words are part of the API.
type Code string

// The codes that the domain itself decides. An empty Code means "not refused".
const (
	CodeInsufficientStock     Code = "insufficient_stock"
	CodeSoldOut               Code = "sold_out"
	CodeAllHeld               Code = "all_held"
	CodeSaleNotStarted        Code = "sale_not_started"
	CodeSaleEnded             Code = "sale_ended"
	CodeQuantityLimitCustomer Code = "quantity_limit_customer"
	CodePaused                Code = "paused"
	CodeHoldExpired           Code = "hold_expired"
	CodeInvalidTransition     Code = "invalid_transition"
	CodeVersionConflict       Code = "version_conflict"
	CodeRequestInProgress     Code = "request_in_progress"
	CodeKeyReused             Code = "idempotency_key_reused"
	CodeValidationFailed      Code = "validation_failed"
	CodeNotFound              Code = "not_found"
	CodeOverloaded            Code = "overloaded"
	CodeStorageFull           Code = "storage_full"
	CodeStarting              Code = "starting"
	CodeStoreUnavailable      Code = "store_unavailable"
	CodeUnknownOutcome        Code = "unknown_outcome"
	CodeQuarantined           Code = "quarantined"
)

// Refusal says no, and with which figures. The zero Refusal means "not refused".
// It is a value, so that refusing costs no allocation.
type Refusal struct {
	Code Code
	// Detail is one sentence for people.
	Detail string
	// ProductID names the product that was short, paused or out of its window.
	ProductID ID
	// Requested and Available are units, for the stock codes.
	Requested, Available int64
	// Remaining is the units that the customer may still buy, for
	// quantity_limit_customer.
	Remaining int64
	// Short names every line that cannot be served, when there may be several.
	Short []Shortage
	// At is the moment that the code speaks of: the start of the sale for
	// sale_not_started, its end for sale_ended, the next expiry for all_held.
	At Instant
}

// Shortage is one line of an order that cannot be served.
type Shortage struct {
	ProductID            ID
	Requested, Available int64
}

// Refused reports whether r says no.
func (r Refusal) Refused() bool { return r.Code != "" }

// Error lets a Refusal travel as an error.
func (r Refusal) Error() string {
	if r.Detail == "" {
		return string(r.Code)
	}
	return string(r.Code) + ": " + r.Detail
}
