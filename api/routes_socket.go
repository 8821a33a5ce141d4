package api

import "holdfast/inventory"

func socketRoutes() []route {
	return []route{
		{method: "POST", path: "/api/ws/ticket", who: users, cost: 2, handle: issueTicket,
			summary: "Get a ticket that opens a WebSocket as you, once",
			detail:  "It ends after 30 seconds. A browser cannot send an Authorization with an upgrade, and a token does not belong into an address.",
			replies: []reply{{status: 200, description: "The ticket.", body: ticketReply{}}},
			codes:   []inventory.Code{inventory.CodeOverloaded, codeRateLimited}},
		{method: "GET", path: "/api/ws", who: anyone, cost: 5, handle: openSocket, ownQuery: true,
			summary: "Open a WebSocket with live stock",
			detail: "An upgrade to the subprotocol stockticker.v1.json or stockticker.v1.msgpack; documentation/protocol.md describes it. Tickers of products are for anyone. " +
				"Who has an account says so with a ticket, or with Authorization. A browser's page must come from this host or from an origin " +
				"that is configured (else forbidden); a request without Origin must have no cookies.",
			parameters: []parameter{{name: "ticket", in: "query", kind: "string", description: "A ticket of POST /api/ws/ticket."}},
			replies:    []reply{{status: 101, description: "What follows are WebSocket frames."}},
			codes: []inventory.Code{codeUpgradeRequired, codeForbidden, codeUnauthorized, codeRateLimited, inventory.CodeStarting,
				inventory.CodeOverloaded, inventory.CodeStoreUnavailable}},
	}
}
