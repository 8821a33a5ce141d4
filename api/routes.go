package api

import "holdfast/inventory"

// Refusals that several routes share.
var (
	// engineCodes are those of every request that the engine decides.
	engineCodes = []inventory.Code{inventory.CodeStarting, inventory.CodeOverloaded, inventory.CodeUnknownOutcome,
		inventory.CodeQuarantined, inventory.CodeStorageFull, inventory.CodeStoreUnavailable}
	// readCodes are those of every read that needs the engine or the store.
	readCodes = []inventory.Code{inventory.CodeStarting, inventory.CodeStoreUnavailable, inventory.CodeOverloaded,
		inventory.CodeQuarantined, inventory.CodeUnknownOutcome}
	// keyCodes are those of every request with an Idempotency-Key.
	keyCodes = []inventory.Code{codeKeyRequired, codeKeyInvalid, inventory.CodeKeyReused, inventory.CodeRequestInProgress}
	// saleCodes are those of every request for units.
	saleCodes = []inventory.Code{inventory.CodeInsufficientStock, inventory.CodeSoldOut, inventory.CodeAllHeld,
		inventory.CodeQuantityLimitCustomer, inventory.CodeSaleNotStarted, inventory.CodeSaleEnded, inventory.CodePaused,
		inventory.CodeNotFound}
	// editCodes are those of every change of a product.
	editCodes = []inventory.Code{inventory.CodeStarting, inventory.CodeStoreUnavailable, inventory.CodeUnknownOutcome, inventory.CodeNotFound}
	// changeCodes are those of every change of an order.
	changeCodes = []inventory.Code{inventory.CodeNotFound, inventory.CodeInvalidTransition, inventory.CodeRequestInProgress}
)

// Parameters that several routes share.
var (
	keyHeader = parameter{name: "Idempotency-Key", in: "header", required: true, kind: "string",
		description: "16 to 128 visible characters of your own making, quoted or bare. A repeat with the same key and body answers what the first one did."}
	keyHeaderOptional = parameter{name: "Idempotency-Key", in: "header", kind: "string", description: keyHeader.description}
	matchHeader       = parameter{name: "If-Match", in: "header", required: true, kind: "string", description: "The ETag of the product that you have seen; * is any. Only the part of the catalogue counts."}
	idInPath          = parameter{name: "id", in: "path", required: true, kind: "string", bounds: []string{"format=uuid"}, description: "The id."}
	limitInQuery      = parameter{name: "limit", in: "query", kind: "integer", bounds: []string{"minimum=1", "maximum=100"}, description: "Items of a page; 20 when absent."}
	cursorInQuery     = parameter{name: "cursor", in: "query", kind: "string", description: "next_cursor of the page before, with the same filters."}
)

var (
	replayHeader   = [2]string{"Idempotent-Replayed", "true when an earlier request with this key did it."}
	locationHeader = [2]string{"Location", "Where it can be read."}
	linkHeader     = [2]string{"Link", "The next page, as rel=\"next\"; absent on the last one."}
	pageTagHeader  = [2]string{"ETag", "A hash of the page, stock included."}
	tagHeader      = [2]string{"ETag", "Version of the catalogue entry (v) and of its stock (s)."}
)

// routeTable is every route there is.
func routeTable() []route {
	return joined(accountRoutes(), factorRoutes(), ownAccountRoutes(), staffRoutes(), productRoutes(), productEditRoutes(), orderRoutes(), orderChangeRoutes(), socketRoutes(), serviceRoutes(), pageRoutes())
}

func accountRoutes() []route {
	return []route{
		{method: "POST", path: "/api/register", who: anyone, cost: 50, handle: register, body: registerBody{},
			summary: "Make a customer account",
			detail: "Answers with an access token. An address that is registered is answered with email_taken, so this " +
				"route tells whether an address has an account: without mail to the address it cannot be hidden.",
			replies: []reply{{status: 201, description: "The account and an access token.", body: sessionReply{}}},
			codes:   []inventory.Code{codeForbidden, codeEmailTaken, inventory.CodeOverloaded, inventory.CodeUnknownOutcome}},
		{method: "POST", path: "/api/login", who: anyone, cost: 50, handle: login, body: loginBody{},
			summary: "Exchange address and password for an access token",
			detail: "Unknown address, wrong password and closed account get the same answer in the same time. " +
				"After many failures, further tries are answered with rate_limited until some time has passed. An account with a second " +
				"factor is answered with mfa_required, and a token for POST /api/login/2fa.",
			replies: []reply{{status: 200, description: "The account and its tokens, or what the second step needs.", body: loginReply{}}},
			codes:   []inventory.Code{codeUnauthorized, codeForbidden, codeRateLimited, inventory.CodeOverloaded, inventory.CodeStoreUnavailable}},
		{method: "POST", path: "/api/refresh", who: anyone, cost: 5, handle: refresh, body: refreshBody{}, bodyOptional: true,
			summary: "Exchange a refresh token for the next one and an access token",
			detail: "Each refresh token is good once. One that is used again ends its session, as it may be stolen; only in the 10 seconds after " +
				"its first use it answers the same once more. A customer's session ends after 30 days; that of staff after 12 hours, or " +
				"30 minutes without a refresh. A page that has its tokens in cookies sends no body.",
			replies: []reply{{status: 200, description: "The account and fresh tokens.", body: sessionReply{}}},
			codes:   []inventory.Code{codeUnauthorized, codeForbidden, inventory.CodeUnknownOutcome}},
		{method: "POST", path: "/api/logout", who: people, cost: 5, handle: logout,
			summary: "End your session",
			detail:  "Its tokens are refused from then on, and its WebSockets closed.",
			replies: []reply{{status: 204, description: "It has ended."}},
			codes:   []inventory.Code{inventory.CodeNotFound, inventory.CodeUnknownOutcome}},
		{method: "GET", path: "/api/me/sessions", who: people, cost: 5, handle: listSessions,
			summary: "List where you are logged in",
			detail:  "There are 20 at most: one more login ends the session that was not used for longest.",
			replies: []reply{{status: 200, description: "Your sessions, the one that was used last first.", body: sessionList{}}},
			codes:   []inventory.Code{inventory.CodeNotFound, inventory.CodeStoreUnavailable}},
		{method: "DELETE", path: "/api/me/sessions", who: people, cost: 5, handle: endOtherSessions,
			summary: "End all of your sessions but this one",
			replies: []reply{{status: 204, description: "They have ended."}},
			codes:   []inventory.Code{inventory.CodeNotFound, inventory.CodeUnknownOutcome}},
		{method: "DELETE", path: "/api/me/sessions/{id}", who: people, cost: 5, handle: endOneSession,
			summary:    "End one of your sessions",
			parameters: []parameter{idInPath},
			replies:    []reply{{status: 204, description: "It has ended."}},
			codes:      []inventory.Code{inventory.CodeNotFound, inventory.CodeUnknownOutcome}},
		{method: "GET", path: "/api/me", who: people, cost: 2, handle: me,
			summary: "Read your account",
			replies: []reply{{status: 200, description: "The account.", body: userReply{}}},
			codes:   []inventory.Code{inventory.CodeNotFound, inventory.CodeStoreUnavailable}},
	}
}

func productRoutes() []route {
	return []route{
		{method: "GET", path: "/api/products", who: anyone, cost: 5, handle: listProducts,
			summary: "List and search products with live stock",
			detail: "A page with in_stock may end before its limit, and may be empty: only next_cursor says whether more follows. " +
				"Prices are sorted by their amount, whatever their currency.",
			parameters: []parameter{limitInQuery, cursorInQuery,
				{name: "q", in: "query", kind: "string", bounds: []string{"minLength=1", "maxLength=200"},
					description: "Only products that have all of these words, 8 at most, in name, SKU or category. Case and accents do not " +
						"matter, and a word that ends with * stands for all that begin with it."},
				{name: "category", in: "query", kind: "string", bounds: []string{"minLength=1", "maxLength=64"}, description: "Only products of this category."},
				{name: "in_stock", in: "query", kind: "string", enum: []string{"true"}, description: "Only products of which there are units."},
				{name: "sort", in: "query", kind: "string", enum: productOrderWords, description: "In the order in which they were made, nearly, when absent."},
				{name: "If-None-Match", in: "header", kind: "string", description: "The ETag that you have."}},
			replies: []reply{{status: 200, description: "A page.", body: productPage{}, headers: [][2]string{linkHeader, pageTagHeader}},
				{status: 304, description: "If-None-Match names the page as it is, stock included."}},
			codes: joined(readCodes, []inventory.Code{codeInvalidCursor, inventory.CodeValidationFailed})},
		{method: "POST", path: "/api/products", who: admins, cost: 10, handle: createProduct, body: productBody{},
			summary: "Create a product with its opening stock",
			detail: "The opening stock is durable before the answer. After unknown_outcome or a broken connection, " +
				"repeat with the same Idempotency-Key: without one, a repeat is answered with sku_taken.",
			parameters: []parameter{keyHeaderOptional},
			replies: []reply{{status: 201, description: "The product.", body: productReply{},
				headers: [][2]string{replayHeader, locationHeader, tagHeader}}},
			codes: joined(engineCodes, []inventory.Code{codeSKUTaken, codeKeyInvalid, inventory.CodeKeyReused, inventory.CodeRequestInProgress})},
		{method: "GET", path: "/api/products/export", who: admins, cost: 100, handle: exportProducts,
			summary: "Read the catalogue as CSV",
			detail:  "In the form that \"holdfast import catalogue\" takes, with the units on hand as stock. A connection that ends without its last chunk means that the file is not complete.",
			replies: []reply{{status: 200, description: "The file.", body: csvText{}}},
			codes:   readCodes},
		{method: "GET", path: "/api/products/{id}", who: anyone, cost: 2, handle: getProduct,
			summary: "Read a product with live stock",
			parameters: []parameter{idInPath,
				{name: "If-None-Match", in: "header", kind: "string", description: "The ETag that you have."}},
			replies: []reply{{status: 200, description: "The product.", body: productReply{}, headers: [][2]string{tagHeader}},
				{status: 304, description: "You have the present state."}},
			codes: joined(readCodes, []inventory.Code{inventory.CodeNotFound})},
		{method: "GET", path: "/api/products/{id}/stock", who: anyone, cost: 1, handle: getStock,
			summary: "Read the durable stock of a product",
			parameters: []parameter{idInPath, {name: "min_version", in: "query", kind: "integer", bounds: []string{"minimum=0"},
				description: "Wait up to 2 seconds until the stock has this version; then version_timeout."}},
			replies: []reply{{status: 200, description: "The stock.", body: stockReply{}}},
			codes: []inventory.Code{inventory.CodeNotFound, inventory.CodeValidationFailed, inventory.CodeStarting,
				inventory.CodeOverloaded, codeRateLimited, codeVersionTimeout}},
		{method: "POST", path: "/api/products/{id}/stock", who: admins, cost: 5, handle: adjustStock, body: adjustBody{},
			summary:    "Book units in or out",
			detail:     "Units that are promised to orders cannot be taken away: version_conflict.",
			parameters: []parameter{idInPath, keyHeader},
			replies:    []reply{{status: 200, description: "The stock afterwards.", body: stockReply{}, headers: [][2]string{replayHeader}}},
			codes:      joined(engineCodes, keyCodes, []inventory.Code{inventory.CodeNotFound, inventory.CodeVersionConflict})},
	}
}

func serviceRoutes() []route {
	return []route{
		{method: "GET", path: "/livez", who: anyone, cost: 1, quota: quotaOfNobody, handle: live,
			summary: "Whether the process can answer",
			replies: []reply{{status: 200, description: "It can.", body: healthReply{}}}},
		{method: "GET", path: "/readyz", who: anyone, cost: 1, quota: quotaOfNobody, handle: ready,
			summary:    "Whether orders are accepted",
			parameters: []parameter{{name: "verbose", in: "query", kind: "string", description: "Show each check."}},
			replies: []reply{{status: 200, description: "They are.", body: healthReply{}},
				{status: 503, description: "They are not.", body: healthReply{}}}},
		{method: "GET", path: "/openapi.json", who: anyone, cost: 5, handle: showDocument,
			summary: "This document",
			replies: []reply{{status: 200, description: "An OpenAPI 3.1 document.", body: documentReply{}}}},
		{method: "GET", path: "/api/asyncapi.json", who: anyone, cost: 5, handle: showSocketDocument,
			summary: "What the WebSocket says",
			replies: []reply{{status: 200, description: "An AsyncAPI 3.0 document.", body: documentReply{}}}},
	}
}

// joined returns the lists one after the other.
func joined[T any](lists ...[]T) []T {
	var all []T
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
