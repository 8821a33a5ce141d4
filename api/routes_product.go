package api

import "holdfast/inventory"

func productEditRoutes() []route {
	return []route{
		{method: "GET", path: "/api/products/{id}/movements", who: admins, cost: 5, handle: listMovements,
			summary:    "Read what has changed the stock of a product, newest first",
			detail:     "The database follows the journal: the newest movements may be missing for a moment.",
			parameters: []parameter{idInPath, limitInQuery, cursorInQuery},
			replies:    []reply{{status: 200, description: "A page.", body: movementPage{}, headers: [][2]string{linkHeader}}},
			codes:      joined(readCodes, []inventory.Code{inventory.CodeNotFound, codeInvalidCursor})},
		{method: "GET", path: "/api/products/{id}/stock/past", who: admins, cost: 50, handle: pastStock,
			summary: "Read what a product had at a moment",
			detail: "What was on hand, reserved and committed once all movements of until then were made. What was imported counts at the time " +
				"that it was of. When movements of then have been deleted, that is not_found.",
			parameters: []parameter{idInPath, {name: "at", in: "query", kind: "string", required: true, bounds: []string{"format=date-time"},
				description: "The moment, as RFC 3339."}},
			replies: []reply{{status: 200, description: "The quantities.", body: pastStockReply{}}},
			codes:   joined(readCodes, []inventory.Code{inventory.CodeNotFound})},
		{method: "PUT", path: "/api/products/{id}", who: admins, cost: 10, handle: updateProduct, body: productChangeBody{},
			summary: "Change a product",
			detail: "Everything is replaced: what is absent gets its default. Whether it is paused stays as it is. Open orders keep their " +
				"prices and holds.",
			parameters: []parameter{idInPath, matchHeader},
			replies:    []reply{{status: 200, description: "The product.", body: productReply{}, headers: [][2]string{tagHeader}}},
			codes:      joined(editCodes, []inventory.Code{codePreconditionFailed, codePreconditionRequired, codeSKUTaken})},
		{method: "DELETE", path: "/api/products/{id}", who: admins, cost: 10, handle: deleteProduct,
			summary: "Take a product out of the catalogue",
			detail:  "It is found no more and cannot be ordered. Its orders keep their lines, its SKU stays taken, and it can be restored.",
			parameters: []parameter{idInPath, matchHeader,
				{name: "confirm", in: "query", kind: "string", bounds: []string{"pattern=^[!-~]{1,64}$"}, description: "The product's SKU. Without it: precondition_required."}},
			replies: []reply{{status: 204, description: "It is deleted."}},
			codes:   joined(editCodes, []inventory.Code{codePreconditionFailed, codePreconditionRequired})},
		{method: "POST", path: "/api/products/{id}/restore", who: admins, cost: 10, handle: restoreProduct,
			summary:    "Put a deleted product back into the catalogue",
			parameters: []parameter{idInPath},
			replies:    []reply{{status: 200, description: "The product.", body: productReply{}, headers: [][2]string{tagHeader}}},
			codes:      editCodes},
		{method: "POST", path: "/api/products/{id}/pause", who: admins, cost: 10, handle: pauseProduct,
			summary:    "Take a product off sale for the moment",
			detail:     "Orders that hold units of it go on.",
			parameters: []parameter{idInPath},
			replies:    []reply{{status: 200, description: "The product.", body: productReply{}, headers: [][2]string{tagHeader}}},
			codes:      editCodes},
		{method: "POST", path: "/api/products/{id}/resume", who: admins, cost: 10, handle: resumeProduct,
			summary:    "Put a product back on sale",
			parameters: []parameter{idInPath},
			replies:    []reply{{status: 200, description: "The product.", body: productReply{}, headers: [][2]string{tagHeader}}},
			codes:      editCodes},
	}
}
