package api

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"holdfast/actors"
	"holdfast/inventory"
	"holdfast/persistence"
)

// getProduct returns one product with live stock, or says that the caller has
// the present state already.
func getProduct(x *exchange) {
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
	product, err := x.server.catalogue.product(ctx, engine, id)
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		x.fail(inventory.CodeNotFound, "There is no product with this id.")
		return
	case err != nil:
		x.failStore("reading a product", err)
		return
	}
	reply := productReplyOf(&product, engine)
	tag := reply.tag()
	x.ctx.Response.Header.SetCanonical(headerETag, tag)
	if matchesTag(x.ctx.Request.Header.PeekBytes(headerIfNoneMatch), tag) {
		x.ctx.Response.SetStatusCode(304)
		return
	}
	x.answerJSON(200, reply)
}

// tag is the entity tag of a product: v and the catalogue's version, s and the
// stock's.
func (r *productReply) tag() []byte {
	tag := strconv.AppendInt([]byte(`"v`), r.Version, 10)
	return append(strconv.AppendInt(append(tag, ".s"...), r.Stock.Version, 10), '"')
}

// matchesTag reports whether If-None-Match names the tag, compared weakly.
func matchesTag(header, tag []byte) bool {
	for candidate := range bytes.SplitSeq(header, []byte{','}) {
		candidate = bytes.TrimPrefix(bytes.TrimSpace(candidate), []byte("W/"))
		if bytes.Equal(candidate, tag) || string(candidate) == "*" {
			return true
		}
	}
	return false
}

// productReplyOf joins a catalogue entry with its stock. A product whose opening
// receipt is not durable yet has none.
func productReplyOf(product *persistence.CatalogueProduct, engine actors.Facade) productReply {
	stock, found := engine.Stock(product.ID)
	if !found {
		stock = inventory.Stock{Safety: product.Safety}
	}
	return productReply{
		ID: product.ID.String(), SKU: product.SKU, Name: product.Name, Description: product.Description,
		PurchaseLimit: purchaseLimitReplyOf(product.PurchaseLimit),
		Category:      product.Category, Price: money{Amount: product.Price.Minor, Currency: product.Price.Currency.String()},
		Sale: saleReplyOf(&product.Product), HoldSeconds: int64(product.HoldSeconds), Safety: product.Safety, Paused: product.Paused,
		Version: product.Version, Stock: stockReplyOf(&stock),
		CreatedAt: instantText(product.CreatedAt), UpdatedAt: instantText(product.UpdatedAt),
	}
}

// purchaseLimitReplyOf shows a limit; the domain's 0 is no limit.
func purchaseLimitReplyOf(limit int64) *int64 {
	if limit == 0 {
		return nil
	}
	return &limit
}

func saleReplyOf(product *inventory.Product) *saleReply {
	if product.SaleStartsAt == 0 && product.SaleEndsAt == 0 {
		return nil
	}
	reply := &saleReply{}
	for _, moment := range []struct {
		at   inventory.Instant
		into **string
	}{{product.SaleStartsAt, &reply.StartsAt}, {product.SaleEndsAt, &reply.EndsAt}} {
		if moment.at != 0 {
			text := instantText(moment.at)
			*moment.into = &text
		}
	}
	return reply
}

// catalogueProductOf turns a body into a catalogue entry of version 1 without stock, or
// says what the schema could not.
func catalogueProductOf(body *productChangeBody, id inventory.ID, now inventory.Instant) (persistence.CatalogueProduct, []fieldError) {
	var fields []fieldError
	currency, _ := inventory.ParseCurrency(body.Price.Currency) // the schema has checked it
	name := strings.TrimSpace(body.Name)
	if name == "" || strings.ContainsAny(name, "\t\n") {
		fields = append(fields, fieldError{pointer: "#/name", code: fieldInvalid, detail: "It must be one line that is not empty."})
	}
	product := persistence.CatalogueProduct{
		Product: inventory.Product{ID: id, SKU: body.SKU, Name: name, Category: body.Category, HoldSeconds: int32(body.HoldSeconds), Safety: body.Safety,
			Price: inventory.Money{Minor: body.Price.Amount, Currency: currency}},
		Description: body.Description,
		Version:     1, CreatedAt: now, UpdatedAt: now,
	}
	if product.HoldSeconds == 0 {
		product.HoldSeconds = inventory.HoldSecondsDefault
	}
	if body.PurchaseLimit != nil {
		product.PurchaseLimit = *body.PurchaseLimit
	}
	if body.Sale != nil {
		product.SaleStartsAt, product.SaleEndsAt = momentOf(body.Sale.StartsAt), momentOf(body.Sale.EndsAt)
	}
	if product.SaleStartsAt != 0 && product.SaleEndsAt != 0 && product.SaleEndsAt <= product.SaleStartsAt {
		fields = append(fields, fieldError{pointer: "#/sale/ends_at", code: fieldInvalid, detail: "It must be after starts_at."})
	}
	return product, fields
}

func momentOf(text *string) inventory.Instant {
	if text == nil {
		return 0
	}
	return parseInstant(*text)
}
