package api

import (
	"errors"

	"holdfast/actors"
	"holdfast/inventory"
	"holdfast/persistence"
)

// productEdit changes a row of the catalogue, or says why it may not be changed. changed is
// false when the row is what it should be already.
type productEdit func(row *persistence.CatalogueProduct) (changed bool, refused *problem)

// updateProduct replaces what the catalogue says about a product.
func updateProduct(x *exchange) {
	version, ok := x.requireMatch()
	if !ok {
		return
	}
	var body productChangeBody
	if !x.decode(&body) {
		return
	}
	x.editProduct("update", func(row *persistence.CatalogueProduct) (bool, *problem) {
		if refused := refuseMatch(row, version); refused != nil {
			return false, refused
		}
		wanted, fields := catalogueProductOf(&body, row.ID, x.now)
		if len(fields) > 0 {
			return false, &problem{code: inventory.CodeValidationFailed, fields: fields, detail: "Some values of the request are not valid; see errors."}
		}
		wanted.OpeningStock, wanted.CreatedAt, wanted.Paused, wanted.Version = row.OpeningStock, row.CreatedAt, row.Paused, row.Version
		*row = wanted
		return true, nil
	}, x.answerProduct)
}

// refuseMatch refuses an edit of a row that is deleted or has another version.
func refuseMatch(row *persistence.CatalogueProduct, version int64) *problem {
	switch {
	case row.Deleted:
		return &problem{code: inventory.CodeNotFound, detail: "There is no product with this id."}
	case version != versionAny && version != row.Version:
		return &problem{code: codePreconditionFailed, detail: "The product was changed since you have read it. Read it again."}
	}
	return nil
}

// deleteProduct takes a product out of the catalogue. Its orders keep their lines, and it
// can be restored. So that nobody does it by mistake, If-Match has to be there, and the
// SKU has to be named.
func deleteProduct(x *exchange) {
	version, ok := x.requireMatch()
	if !ok {
		return
	}
	confirmed := string(x.ctx.QueryArgs().Peek("confirm"))
	x.editProduct("delete", func(row *persistence.CatalogueProduct) (bool, *problem) {
		if refused := refuseMatch(row, version); refused != nil {
			return false, refused
		}
		if confirmed != row.SKU {
			return false, &problem{code: codePreconditionRequired, detail: "Send the SKU of the product as ?confirm= to delete it."}
		}
		row.Deleted = true
		return true, nil
	}, func(actors.Facade, *persistence.CatalogueProduct) { x.answerNothing() })
}

// restoreProduct undoes deleteProduct.
func restoreProduct(x *exchange) {
	x.editProduct("restore", func(row *persistence.CatalogueProduct) (bool, *problem) {
		if !row.Deleted {
			return false, nil
		}
		row.Deleted = false
		return true, nil
	}, x.answerProduct)
}

// pauseProduct takes a product off sale, and resumeProduct puts it back.
func pauseProduct(x *exchange)  { x.setPaused(true) }
func resumeProduct(x *exchange) { x.setPaused(false) }

func (x *exchange) setPaused(paused bool) {
	what := "resume"
	if paused {
		what = "pause"
	}
	x.editProduct(what, func(row *persistence.CatalogueProduct) (bool, *problem) {
		if refused := refuseMatch(row, versionAny); refused != nil || row.Paused == paused {
			return false, refused
		}
		row.Paused = paused
		return true, nil
	}, x.answerProduct)
}

// editProduct changes the product of the path and puts it in force, and lets answer say so.
// what it does is on record.
func (x *exchange) editProduct(what string, edit productEdit, answer func(actors.Facade, *persistence.CatalogueProduct)) {
	id, ok := x.pathID("id")
	if !ok {
		return
	}
	engine, ready := x.engine()
	if !ready {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	row, refused, err := x.server.catalogue.edit(ctx, engine, id, x.entry(persistence.AuditProductChange, id.String(), what), edit)
	var late inForceLater
	switch {
	case refused != nil:
		x.answerProblem(refused)
	case err == nil:
		answer(engine, &row)
	case errors.Is(err, persistence.ErrNotFound):
		x.fail(inventory.CodeNotFound, "There is no product with this id.")
	case errors.Is(err, persistence.ErrVersion):
		x.fail(codePreconditionFailed, "Somebody else has changed the product at the same time. Read it again.")
	case errors.Is(err, persistence.ErrExists):
		x.failSKU()
	case errors.Is(err, errNotRead):
		x.failStore("reading a product", err)
	case errors.As(err, &late):
		x.fail(inventory.CodeUnknownOutcome, "The product is changed in the catalogue. Orders will follow it in a moment: "+late.refusal.Detail)
	default:
		x.failWrite("changing a product", err, "Read the product to see.")
	}
}

func (x *exchange) answerProduct(engine actors.Facade, product *persistence.CatalogueProduct) {
	reply := productReplyOf(product, engine)
	x.ctx.Response.Header.SetCanonical(headerETag, reply.tag())
	x.answerJSON(200, reply)
}
