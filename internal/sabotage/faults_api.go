package main

const apiFolder = "api"

// apiFaults let a caller see or do what is another's.
var apiFaults = []fault{
	{
		name:          "anothers-order-readable",
		meaning:       "The API asks the engine for an order without saying whose it must be.",
		substitutions: []substitution{{"api/orders.go", "engine.Order(ctx, id, x.ownerFilter())", "engine.Order(ctx, id, inventory.ID{})"}},
		test:          in(apiFolder, "TestAnothersOrderDoesNotExist"),
	},
	{
		name:    "anothers-order-forbidden",
		meaning: "Another's order is answered with 403, which tells that it exists.",
		substitutions: []substitution{{"api/orders.go",
			"	order, refusal := engine.Order(ctx, id, x.ownerFilter())\n	if refusal.Refused() {\n",
			"	order, refusal := engine.Order(ctx, id, inventory.ID{})\n" +
				"	if owner := x.ownerFilter(); !owner.IsZero() && order.Customer != owner {\n" +
				"		x.fail(codeForbidden, \"This order belongs to another customer.\")\n		return\n	}\n	if refusal.Refused() {\n"}},
		test: in(apiFolder, "TestAnothersOrderDoesNotExist"),
	},
	{
		name:          "key-of-everybody",
		meaning:       "An idempotency key of one customer is that of all: it gives away another's order.",
		substitutions: []substitution{{"api/idempotency.go", "append(buffer[:0], caller[:]...)", "append(buffer[:0], caller[:0]...)"}},
		test:          in(apiFolder, "TestAKeyIsItsCallers"),
	},
	{
		name:          "another-product-same-key",
		meaning:       "The key of an adjustment answers the same adjustment of another product.",
		substitutions: []substitution{{"api/stock.go", "append(append([]byte(nil), product[:]...), x.ctx", "append([]byte(nil), x.ctx"}},
		test:          in(apiFolder, "TestStockIsAdjusted"),
	},
	{
		name:          "closed-account-logs-in",
		meaning:       "An account that was closed can still log in.",
		substitutions: []substitution{{"api/accounts.go", "!matches || user.Disabled || ", "!matches || "}},
		test:          in(apiFolder, "TestFailedLoginsAreAlike"),
	},
	{
		name:          "customers-are-admins",
		meaning:       "A route that is for the staff lets customers in.",
		substitutions: []substitution{{"api/routes.go", "path: \"/api/products\", who: admins,", "path: \"/api/products\", who: users,"}},
		test:          in(apiFolder, "TestEveryRouteIsForItsCallersOnly"),
	},
	{
		name:    "token-without-signature",
		meaning: "An access token is believed whatever its signature.",
		substitutions: []substitution{{"internal/token/signer.go",
			"	case err != nil:\n		return Principal{}, 0, fmt.Errorf(\"%w: %w\", ErrInvalid, err)\n",
			"	case err != nil && !errors.Is(err, jwt.ErrTokenSignatureInvalid):\n		return Principal{}, 0, fmt.Errorf(\"%w: %w\", ErrInvalid, err)\n"}},
		test: in("internal/token", "TestForgedTokensAreRefused"),
	},
	{
		name:    "slow-clients-are-waited-for",
		meaning: "A connection that sends its request byte by byte is kept for ever.",
		substitutions: []substitution{{"api/server.go",
			"		ReadTimeout:                  s.options.ReadTimeout,\n", ""}},
		test: in("api", "TestRow26SlowClients"),
	},
}
