package api

import (
	"errors"

	"holdfast/actors"
	"holdfast/internal/identifier"
	"holdfast/inventory"
	"holdfast/persistence"
)

// createRoute is part of the fingerprint of every product's key.
const createRoute = "POST /api/products"

// createProduct makes a catalogue entry and puts it on sale.
//
// These are two writes, and the process may die between them. With an
// Idempotency-Key the product's id follows from the key, so that a repeat finds
// the entry and completes what is missing; the engine issues an opening receipt
// once per product, however often it is asked. Without a key a repeat is
// answered with sku_taken, and a start completes what is missing.
func createProduct(x *exchange) {
	engine, ready := x.engine()
	if !ready {
		return
	}
	key, given, ok := x.idempotencyKey()
	if !ok {
		return
	}
	var body productBody
	if !x.decode(&body) {
		return
	}
	id := identifier.Unsharded(x.now)
	if given {
		id = idFromFingerprint(keyFingerprint(x.principal.ID, createRoute, key))
	}
	product, fields := catalogueProductOf(body.settings(), id, x.now)
	product.OpeningStock = body.Stock
	if len(fields) > 0 {
		x.failFields(fields...)
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	switch err := x.server.catalogue.create(ctx, &product); {
	case err == nil:
		x.appendAudit(ctx, x.entry(persistence.AuditProductCreate, product.ID.String(), product.SKU))
		x.openProduct(engine, &product)
	case errors.Is(err, persistence.ErrExists) && given:
		x.replayProduct(engine, &product)
	case errors.Is(err, persistence.ErrExists):
		x.failSKU()
	default:
		x.failWrite("creating a product", err, "Repeat with the same Idempotency-Key; without one, sku_taken will say that it was done.")
	}
}

// settings is the body without what can only be said once.
func (b *productBody) settings() *productChangeBody {
	return &productChangeBody{SKU: b.SKU, Name: b.Name, Description: b.Description, Category: b.Category, Price: b.Price,
		PurchaseLimit: b.PurchaseLimit, Sale: b.Sale, HoldSeconds: b.HoldSeconds, Safety: b.Safety}
}

func (x *exchange) failSKU() {
	x.answerProblem(&problem{code: codeSKUTaken, detail: "Another product has this SKU.",
		fields: []fieldError{{pointer: "#/sku", code: codeSKUTaken, detail: "Another product has this SKU."}}})
}

// replayProduct answers when the entry, or another one with its SKU, exists.
func (x *exchange) replayProduct(engine actors.Facade, wanted *persistence.CatalogueProduct) {
	ctx, cancel := x.storeContext()
	defer cancel()
	existing, err := x.server.store.AnyProductByID(ctx, wanted.ID)
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		x.failSKU()
	case err != nil:
		x.failStore("reading a product", err)
	case existing.Version == 1 && !sameProduct(&existing, wanted): // what was changed since cannot be compared
		x.fail(inventory.CodeKeyReused, "This key has created a product with other values.")
	default:
		x.ctx.Response.Header.SetCanonical(headerReplayed, valueTrue)
		x.openProduct(engine, &existing)
	}
}

// sameProduct reports whether two entries came from the same body.
func sameProduct(a, b *persistence.CatalogueProduct) bool {
	left, right := *a, *b
	left.CreatedAt, left.UpdatedAt = right.CreatedAt, right.UpdatedAt
	return left == right
}

// openProduct puts a product on sale and answers when its opening receipt is
// durable.
func (x *exchange) openProduct(engine actors.Facade, product *persistence.CatalogueProduct) {
	if refusal := engine.AddProduct(*product); refusal.Refused() {
		x.refuse(refusal)
		return
	}
	reply := productReplyOf(product, engine)
	x.ctx.Response.Header.SetCanonical(headerETag, reply.tag())
	x.ctx.Response.Header.SetCanonical(headerLocation, []byte("/api/products/"+reply.ID))
	x.answerJSON(201, reply)
}

// idFromFingerprint makes a UUIDv8 (RFC 9562 §5.8): bits of our own choosing,
// because the moment of the first request is not known to a repeat.
func idFromFingerprint(f inventory.Fingerprint) inventory.ID {
	id := inventory.ID(f)
	id[6] = 0x80 | id[6]&0x0f
	id[8] = 0x80 | id[8]&0x3f
	return id
}
