package api

import (
	"errors"

	"holdfast/inventory"
	"holdfast/persistence"
)

// listMovements lists what has changed the stock of a product, newest first: who, when, why,
// and the quantities before and after. It is the database's, which follows the journal: the
// newest may be missing for a moment.
func listMovements(x *exchange) {
	product, ok := x.pathID("id")
	if !ok {
		return
	}
	engine, ready := x.engine()
	if !ready {
		return
	}
	if _, found := engine.Stock(product); !found {
		x.fail(inventory.CodeNotFound, "There is no product with this id.")
		return
	}
	p, ok := x.page(product.String())
	if !ok {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	found, err := x.server.store.Movements(ctx, persistence.MovementFilter{Product: product,
		Before: uint64(p.start.Number), Limit: p.limit + 1}) // #nosec G115 -- a version that was given out
	if err != nil {
		x.failStore("listing movements", err)
		return
	}
	found, cursor := endPage(x, &p, found, func(m *persistence.Movement) persistence.Place {
		return persistence.Place{Number: int64(m.After.Version)} // #nosec G115 -- versions count from 1
	})
	reply := movementPage{Items: make([]movementItem, 0, len(found)), NextCursor: cursor}
	for i := range found {
		reply.Items = append(reply.Items, movementItemOf(&found[i]))
	}
	x.answerJSON(200, reply)
}

// pastStock answers with what a product had at a moment, which the database adds up from its
// movements once it has all that is durable.
func pastStock(x *exchange) {
	product, ok := x.pathID("id")
	if !ok {
		return
	}
	engine, ready := x.engine()
	if !ready {
		return
	}
	if _, found := engine.Stock(product); !found {
		x.fail(inventory.CodeNotFound, "There is no product with this id.")
		return
	}
	text := string(x.ctx.QueryArgs().Peek("at"))
	at := parseInstant(text)
	switch {
	case text == "":
		x.failFields(fieldError{pointer: "at", code: fieldRequired, detail: "Say of which moment."})
		return
	case at > x.now:
		x.failFields(fieldError{pointer: "at", code: fieldInvalid, detail: "It must not be in the future; it is " + instantText(x.now) + "."})
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	if refusal := engine.CatchUp(ctx); refusal.Refused() {
		x.refuse(refusal)
		return
	}
	// All of the moment's millisecond counts, as it is shown.
	stock, err := x.server.store.StockAt(ctx, product, at+inventory.Millisecond-1)
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		x.fail(inventory.CodeNotFound, "Movements of then have been deleted: the oldest that are kept are of later.")
	case err != nil:
		x.failStore("adding up movements", err)
	default:
		x.answerJSON(200, pastStockReply{At: instantText(at), Version: int64(stock.Version), // #nosec G115 -- versions count from 1
			OnHand: stock.OnHand, Reserved: stock.Reserved, Committed: stock.Committed})
	}
}

func movementItemOf(m *persistence.Movement) movementItem {
	return movementItem{Version: int64(m.After.Version), At: instantText(m.At), Kind: m.Kind.String(), OrderID: idOrNull(m.Order), // #nosec G115 -- versions count from 1
		By: idOrNull(m.By), Reason: m.Reason, Note: m.Note, Before: quantitiesOf(&m.Before), After: quantitiesOf(&m.After)}
}

func quantitiesOf(stock *inventory.Stock) quantities {
	return quantities{OnHand: stock.OnHand, Reserved: stock.Reserved, Committed: stock.Committed}
}

// idOrNull shows an ID, and the zero one as null.
func idOrNull(id inventory.ID) *string {
	if id.IsZero() {
		return nil
	}
	text := id.String()
	return &text
}
