package api

import (
	"strconv"

	"holdfast/inventory"
)

// refuseItems passes on a refusal and names the items of the body that it is about.
// items are in the order of the body; where several are of one product, the first
// stands for all. Without items, or when it is about none, it is passed on as it is.
func (x *exchange) refuseItems(refusal *inventory.Refusal, items []inventory.Line) {
	var one [1]fieldError // the usual number costs no allocation
	p := problem{code: refusal.Code, detail: refusal.Detail, refusal: *refusal}
	if len(refusal.Short) > 0 && len(items) > 1 {
		p.fields = shortFields(refusal, items)
	} else {
		p.fields = itemField(one[:0], refusal, items)
	}
	x.answerProblem(&p)
}

// itemField appends the item of the refusal's own product.
func itemField(fields []fieldError, refusal *inventory.Refusal, items []inventory.Line) []fieldError {
	if refusal.ProductID.IsZero() {
		return fields
	}
	for i := range items {
		if items[i].ProductID == refusal.ProductID {
			return append(fields, fieldError{pointer: itemPointer(i), code: refusal.Code, detail: refusal.Detail,
				figures: hasUnits(refusal), requested: refusal.Requested, available: refusal.Available})
		}
	}
	return fields
}

// shortFields names every item that is short, in the order of the body. What is true
// of the refusal's own product (sold out, all held) need not be true of the others.
func shortFields(refusal *inventory.Refusal, items []inventory.Line) []fieldError {
	short := make(map[inventory.ID]inventory.Shortage, len(refusal.Short))
	for _, shortage := range refusal.Short {
		short[shortage.ProductID] = shortage
	}
	fields := make([]fieldError, 0, len(short))
	for i := range items {
		shortage, found := short[items[i].ProductID]
		if !found {
			continue
		}
		delete(short, shortage.ProductID) // the first item of a product stands for all
		field := fieldError{pointer: itemPointer(i), code: inventory.CodeInsufficientStock,
			detail:  "Fewer units are left than were asked for.",
			figures: true, requested: shortage.Requested, available: shortage.Available}
		if shortage.ProductID == refusal.ProductID {
			field.code, field.detail = refusal.Code, refusal.Detail
		}
		fields = append(fields, field)
	}
	return fields
}

// itemPointer points at an item of the body.
func itemPointer(i int) string {
	if i == 0 {
		return "#/items/0"
	}
	return "#/items/" + strconv.Itoa(i)
}
