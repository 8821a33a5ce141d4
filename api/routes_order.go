package api

import "holdfast/inventory"

// orderFilterParameters select orders.
var orderFilterParameters = []parameter{
	{name: "status", in: "query", kind: "string", enum: stateWords(), description: "Only orders in this state."},
	{name: "product_id", in: "query", kind: "string", bounds: []string{"format=uuid"}, description: "Only orders of this product."},
	{name: "customer_id", in: "query", kind: "string", bounds: []string{"format=uuid"}, description: "Only orders of this customer; others than your own for admins only."},
}

func orderRoutes() []route {
	return []route{
		{method: "POST", path: "/api/orders", who: users, cost: 5, quota: quotaOfOrders, handle: placeOrder, body: orderBody{}, bodyMax: orderBodyBytesMax,
			summary: "Place an order: hold units until they are paid for",
			detail: "An order is durable before it is answered. Any 5xx means unknown: repeat with the same key. " +
				"A refusal does not bind the key, and has taken no unit of any item. For missing units its errors name every item that " +
				"was short then, with what there was. all_held says when the next hold ends, unless it is paid or cancelled before; " +
				"quantity_limit_customer how many units you may still buy. Under allow_partial an order is refused only when " +
				"nothing of it can be had.",
			parameters: []parameter{keyHeader},
			replies: []reply{{status: 201, description: "The order.", body: orderReply{},
				headers: [][2]string{replayHeader, locationHeader}}},
			codes: joined(engineCodes, keyCodes, saleCodes)},
		{method: "GET", path: "/api/orders", who: users, cost: 5, handle: listOrders,
			summary:    "List orders, newest first: your own, or everyone's for admins",
			detail:     "A page of very long orders ends before its limit: only next_cursor says whether more follows.",
			parameters: joined([]parameter{limitInQuery, cursorInQuery}, orderFilterParameters),
			replies:    []reply{{status: 200, description: "A page.", body: orderPage{}, headers: [][2]string{linkHeader}}},
			codes:      joined(readCodes, []inventory.Code{codeInvalidCursor, inventory.CodeValidationFailed})},
		{method: "GET", path: "/api/orders/export", who: admins, cost: 100, handle: exportOrders,
			summary:    "Read all orders as CSV, newest first",
			detail:     "A row for each item of an order. Prices are in major units. A connection that ends without its last chunk means that the file is not complete.",
			parameters: orderFilterParameters,
			replies:    []reply{{status: 200, description: "The file.", body: csvText{}}},
			codes:      joined(readCodes, []inventory.Code{inventory.CodeValidationFailed})},
		{method: "GET", path: "/api/orders/{id}", who: users, cost: 2, handle: getOrder,
			summary:    "Read an order",
			parameters: []parameter{idInPath},
			replies:    []reply{{status: 200, description: "The order.", body: orderReply{}}},
			codes:      joined(readCodes, []inventory.Code{inventory.CodeNotFound})},
		{method: "GET", path: "/api/orders/by-key/{key}", who: users, cost: 2, handle: getOrderByKey,
			summary: "Read the order that you placed with a key",
			detail:  "The way to the truth after an unknown outcome. A key with a percent sign cannot be written in a path here.",
			parameters: []parameter{{name: "key", in: "path", required: true, kind: "string",
				bounds: []string{"minLength=16", "maxLength=128"}, description: "The Idempotency-Key."}},
			replies: []reply{{status: 200, description: "The order.", body: orderReply{}}},
			codes:   joined(readCodes, []inventory.Code{inventory.CodeNotFound, codeKeyInvalid, inventory.CodeRequestInProgress})},
	}
}

// stateWords are the states of an order, as the API calls them.
func stateWords() []string {
	var words []string
	for _, state := range inventory.States() {
		words = append(words, state.String())
	}
	return words
}

func orderChangeRoutes() []route {
	return []route{
		{method: "POST", path: "/api/orders/{id}/confirm", who: users | services, cost: 5, handle: confirmOrder, body: emptyBody{}, bodyOptional: true,
			summary: "Confirm an order: it is paid for",
			detail: "A repeat answers with the order as it is. Needs no key. When its hold has ended, a customer or admin is " +
				"refused with hold_expired. A service account reports money that is there already: it is answered with the order " +
				"as it is and refund_due, and no unit is taken again.",
			parameters: []parameter{idInPath},
			replies:    []reply{{status: 200, description: "The order.", body: orderReply{}}},
			codes:      joined(engineCodes, changeCodes, []inventory.Code{inventory.CodeHoldExpired})},
		{method: "POST", path: "/api/orders/{id}/cancel", who: users | services, cost: 5, handle: cancelOrder, body: cancelBody{}, bodyOptional: true,
			bodyMax: orderBodyBytesMax,
			summary: "Cancel an order, or release lines of it: the units can be sold again",
			detail: "With items, only these lines are released, and the order goes on with the others; when none is left it is " +
				"cancelled. A repeat answers with the order as it is. Needs no key.",
			parameters: []parameter{idInPath},
			replies:    []reply{{status: 200, description: "The order.", body: orderReply{}}},
			codes:      joined(engineCodes, changeCodes)},
		{method: "POST", path: "/api/orders/{id}/extend", who: users | services, cost: 5, handle: extendOrder, body: emptyBody{}, bodyOptional: true,
			summary: "Extend the hold of an order, once",
			detail: "The hold gets its first duration once more, but not past the end of the sale. A repeat answers with the " +
				"order as it is. Needs no key.",
			parameters: []parameter{idInPath},
			replies:    []reply{{status: 200, description: "The order.", body: orderReply{}}},
			codes:      joined(engineCodes, changeCodes, []inventory.Code{inventory.CodeHoldExpired, inventory.CodeSaleEnded})},
		{method: "POST", path: "/api/orders/{id}/fulfill", who: services | admins, cost: 5, handle: fulfillOrder, body: fulfillBody{}, bodyOptional: true,
			bodyMax:    orderBodyBytesMax,
			summary:    "Ship an order, or a part of it",
			detail:     "The units leave the stock. More than a line has left to ship is refused with invalid_transition, and then nothing is shipped.",
			parameters: []parameter{idInPath, keyHeader},
			replies:    []reply{{status: 200, description: "The order.", body: orderReply{}, headers: [][2]string{replayHeader}}},
			codes:      joined(engineCodes, keyCodes, changeCodes)},
		{method: "POST", path: "/api/orders/{id}/return", who: services | admins, cost: 5, handle: returnOrder, body: returnBody{}, bodyOptional: true,
			bodyMax: orderBodyBytesMax,
			summary: "Take back what was shipped, or a part of it",
			detail: "Only an order that was shipped whole can come back. The units can be sold again, or are written off without " +
				"restock. They still count towards a limit per customer.",
			parameters: []parameter{idInPath, keyHeader},
			replies:    []reply{{status: 200, description: "The order.", body: orderReply{}, headers: [][2]string{replayHeader}}},
			codes:      joined(engineCodes, keyCodes, changeCodes)},
	}
}
