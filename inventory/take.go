package inventory

import "slices"

// Take asks a product for units of one order.
type Take struct {
	Quantity int64
	// Had is what the customer holds or has bought of the product since its sale
	// began; it counts when the product has a limit.
	Had int64
	// At is when the order was decided to be tried.
	At Instant
	// Partial says that fewer units are welcome too.
	Partial bool
}

// DecideTake decides how many units of a product an order gets. It changes
// nothing. granted is all of Quantity and nothing is refused; or refusal says why
// it is not all, and granted is zero, or with Partial what there is. A line that
// is granted zero takes nothing: it is dropped, or its order refused.
func DecideTake(product *Product, stock Stock, take Take) (granted int64, refusal Refusal) {
	if refusal := product.RefuseAt(take.At); refusal.Refused() {
		return 0, refusal
	}
	granted = take.Quantity
	if remaining := product.PurchaseLimit - take.Had; product.PurchaseLimit > 0 && granted > remaining {
		granted, refusal = max(remaining, 0), Refusal{Code: CodeQuantityLimitCustomer, ProductID: product.ID,
			Requested: take.Quantity, Remaining: max(remaining, 0), Detail: "A customer can buy only so many units of this product."}
	}
	if available := max(stock.Available(), 0); granted > available {
		granted, refusal = available, RefuseStock(product.ID, stock, take.Quantity)
	}
	if !take.Partial && refusal.Refused() {
		granted = 0
	}
	return granted, refusal
}

// RefuseAt says why the product is not on sale at now; no refusal when it is.
func (p *Product) RefuseAt(now Instant) Refusal {
	switch {
	case p.Deleted:
		return Refusal{Code: CodeNotFound, ProductID: p.ID, Detail: "This product is no longer sold."}
	case p.Paused:
		return Refusal{Code: CodePaused, ProductID: p.ID, Detail: "This product is off sale for the moment."}
	case p.SaleStartsAt != 0 && now < p.SaleStartsAt:
		return Refusal{Code: CodeSaleNotStarted, ProductID: p.ID, At: p.SaleStartsAt,
			Detail: "The sale of this product has not started."}
	case p.SaleEndsAt != 0 && now >= p.SaleEndsAt:
		return Refusal{Code: CodeSaleEnded, ProductID: p.ID, At: p.SaleEndsAt,
			Detail: "The sale of this product has ended."}
	}
	return Refusal{}
}

// RefuseStock says why stock cannot serve quantity units.
func RefuseStock(product ID, stock Stock, quantity int64) Refusal {
	refusal := Refusal{ProductID: product, Requested: quantity, Available: max(stock.Available(), 0)}
	switch {
	case refusal.Available > 0:
		refusal.Code, refusal.Detail = CodeInsufficientStock, "Fewer units are left than were asked for."
	case stock.Reserved > 0:
		refusal.Code, refusal.Detail = CodeAllHeld, "All units are held by orders that are not paid yet."
	default:
		refusal.Code, refusal.Detail = CodeSoldOut, "No units are left."
	}
	return refusal
}

// CountsForLimit reports whether an order placed at that moment counts towards
// the product's limit per customer.
func (p *Product) CountsForLimit(placed Instant) bool {
	return p.PurchaseLimit > 0 && placed >= p.SaleStartsAt
}

// DropReason says why units that were asked for were not placed. The numbers are
// in the journal. Zero is no reason.
type DropReason uint8

// dropReasons are the codes of the reasons, by number.
var dropReasons = [...]Code{"", CodeInsufficientStock, CodeSoldOut, CodeAllHeld, CodeQuantityLimitCustomer,
	CodeSaleNotStarted, CodeSaleEnded, CodePaused, CodeNotFound}

// DropReasonOf returns the reason for a code that [DecideTake] refuses with.
func DropReasonOf(code Code) DropReason {
	return DropReason(max(slices.Index(dropReasons[:], code), 0))
}

// Valid reports whether the reason is known.
func (r DropReason) Valid() bool { return int(r) < len(dropReasons) }

// Code returns the reason's code.
func (r DropReason) Code() Code { return dropReasons[r] }
