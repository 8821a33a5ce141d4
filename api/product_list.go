package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"holdfast/actors"
	"holdfast/persistence"
)

// inStockReadMax is how many products one page with ?in_stock looks at. When few of them
// have units, it has fewer than its limit.
const inStockReadMax = 1000

// productOrderWords are the values of ?sort, as [productOrders] has them.
var productOrderWords = []string{"name", "price", "-price", "-created"}

var productOrders = []persistence.ProductOrder{persistence.ByName, persistence.ByPrice, persistence.ByPriceDescending,
	persistence.ByCreationDescending}

// listProducts lists and searches the catalogue with live stock.
func listProducts(x *exchange) {
	engine, ready := x.engine()
	if !ready {
		return
	}
	p, ok := x.page("", "q", "category", "in_stock", "sort")
	if !ok {
		return
	}
	filter, fields := productFilterOf(&p)
	if len(fields) > 0 {
		x.failFields(fields...)
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	found, more, err := x.server.findProducts(ctx, &filter, p.limit, engine, p.query.Has("in_stock"))
	if err != nil {
		x.failStore("listing products", err)
		return
	}
	reply := productPage{Items: make([]productReply, 0, len(found))}
	if more {
		cursor := x.next(&p, filter.After)
		reply.NextCursor = &cursor
	}
	for i := range found {
		reply.Items = append(reply.Items, productReplyOf(&found[i], engine))
	}
	x.answerTagged(reply)
}

// answerTagged sends a body with a hash of it as its entity tag, unless the caller has this
// very one already.
func (x *exchange) answerTagged(body any) {
	x.answerJSON(200, body)
	hash := sha256.Sum256(x.ctx.Response.Body())
	tag := append(hex.AppendEncode([]byte{'"'}, hash[:tagBytes]), '"')
	x.ctx.Response.Header.SetCanonical(headerETag, tag)
	if matchesTag(x.ctx.Request.Header.PeekBytes(headerIfNoneMatch), tag) {
		x.ctx.Response.ResetBody()
		x.ctx.Response.Header.SetContentTypeBytes(nil)
		x.ctx.Response.SetStatusCode(304)
	}
}

// tagBytes is how much of a hash is an entity tag.
const tagBytes = 16

// productFilterOf reads the filters of the list, or says what is wrong with them.
func productFilterOf(p *page) (filter persistence.ProductFilter, fields []fieldError) {
	refuse := func(name, detail string) {
		fields = append(fields, fieldError{pointer: name, code: fieldInvalid, detail: detail})
	}
	filter = persistence.ProductFilter{Category: p.query.Get("category"), After: p.start}
	if p.query.Has("q") {
		var more bool
		filter.Terms, more = persistence.ParseSearch(p.query.Get("q"))
		switch {
		case more:
			refuse("q", "It must have at most 8 words.")
		case len(filter.Terms) == 0:
			refuse("q", "It must have a word: letters or digits.")
		}
	}
	if i := slices.Index(productOrderWords, p.query.Get("sort")); i >= 0 {
		filter.Order = productOrders[i]
	}
	return filter, fields
}

// findProducts returns a page of products: all that the filter selects, or only those with
// units. It leaves the end of the page in filter.After, and says whether more may follow.
func (s *Server) findProducts(ctx context.Context, filter *persistence.ProductFilter, limit int, engine actors.Facade,
	inStock bool) (found []persistence.CatalogueProduct, more bool, err error) {
	filter.Limit = limit + 1
	rows := s.catalogue.page
	if inStock {
		// Which products have units is of the moment: there are as many pages as there are
		// moments, and copies of them would be in the way of others.
		rows = func(ctx context.Context, filter *persistence.ProductFilter) ([]persistence.CatalogueProduct, error) {
			return s.store.Products(ctx, *filter)
		}
	}
	for read := 0; ; {
		products, err := rows(ctx, filter)
		if err != nil {
			return nil, false, err
		}
		for i := range products {
			if len(found) == limit {
				return found, true, nil
			}
			if read++; !inStock || isInStock(engine, &products[i]) {
				found = append(found, products[i])
			}
			filter.After = filter.Order.PlaceOf(&products[i])
		}
		switch {
		case len(products) < filter.Limit:
			return found, false, nil
		case read >= inStockReadMax:
			return found, true, nil
		}
		filter.Limit = pageLimitMax + 1
	}
}

func isInStock(engine actors.Facade, product *persistence.CatalogueProduct) bool {
	stock, found := engine.Stock(product.ID)
	return found && stock.Available() > 0
}
