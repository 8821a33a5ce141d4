package main

const quotaFile = "api/rate_limit.go"

// rateFaults let callers ask for more than they may, or pages and files be more than they
// are.
var rateFaults = []fault{
	{
		name:          "quota-never-empty",
		meaning:       "Nobody is told that there is no more.",
		substitutions: []substitution{{quotaFile, "wait > 0 {\n		return share", "false && wait > 0 {\n		return share"}},
		test:          in(apiFolder, "TestAQuotaIsNeverExceeded"),
	},
	{
		name:          "quota-counts-refusals",
		meaning:       "Who is refused has to wait longer each time.",
		substitutions: []substitution{{quotaFile, "		return share{wait: wait, used: used}\n", "		keep(part.full, quotaCallersMax/quotaParts, key, now+used+price)\n		return share{wait: wait, used: used}\n"}},
		test:          in(apiFolder, "TestAQuotaIsNeverExceeded"),
	},
	{
		name:          "quota-of-all-customers",
		meaning:       "One customer uses up the orders of all.",
		substitutions: []substitution{{quotaFile, "drawn.take(x.principal.ID", "drawn.take([16]byte{}"}},
		test:          in(apiFolder, "TestOrdersOfACustomerAreCounted"),
	},
	{
		name:          "quota-without-bound",
		meaning:       "A flood of addresses fills the memory.",
		substitutions: []substitution{{quotaFile, "keep(part.full, quotaCallersMax/quotaParts, key, now+used)", "part.full[key] = now + used"}},
		test:          in(apiFolder, "TestRow36AMillionAddresses"),
	},
	{
		name:          "forwarded-by-anyone",
		meaning:       "X-Forwarded-For of a stranger is believed.",
		substitutions: []substitution{{"api/address.go", " || !isInside(peer, trusted)", ""}},
		test:          in(apiFolder, "TestForwardedAddresses"),
	},
	{
		name:          "guesses-are-free",
		meaning:       "Credentials that nobody has shown before are looked up without end.",
		substitutions: []substitution{{"api/authenticate.go", "	if !mayTry() {\n		return token.Principal{}, errTriedTooOften\n	}\n	ctx", "	ctx"}},
		test:          in(apiFolder, "TestGuessedCredentialsAreBounded"),
	},
	{
		name:          "whole-list-from-memory",
		meaning:       "A file of orders has only those in memory while the database is away.",
		substitutions: []substitution{{"actors/read.go", "filter.Customer.IsZero() || filter.Whole {", "filter.Customer.IsZero() {"}},
		test:          in("actors", "TestAWholeListIsWholeOrNone"),
	},
	{
		name:          "category-looked-through",
		meaning:       "Each match of a search looks through its whole category.",
		substitutions: []substitution{{"persistence/sqlite/search.go", "		byID = \"+\"\n", "		byID = \"\"\n"}},
		test:          in("persistence/sqlite", "TestQueriesUseIndexes"),
	},
	{
		name:          "forwarded-first-line",
		meaning:       "The first line of X-Forwarded-For, which the client wrote, is believed.",
		substitutions: []substitution{{"api/address.go", "i := len(lines) - 1; i >= 0; i--", "i := range len(lines)"}},
		test:          in(apiFolder, "TestRow36ForwardedLinesAreOneList"),
	},
	{
		name:          "cors-any-origin",
		meaning:       "Pages of every origin may read the answers.",
		substitutions: []substitution{{"api/cors.go", "x.given.origin.count == 1 && slices.Contains(x.server.options.PageOrigins, textOf(x.given.origin.value))", "x.given.origin.count == 1 || slices.Contains(x.server.options.PageOrigins, textOf(x.given.origin.value))"}},
		test:          in(apiFolder, "TestPagesOfOtherOrigins"),
	},
	{
		name:          "export-ends-quietly",
		meaning:       "A file that could not be finished looks like one that was.",
		substitutions: []substitution{{"api/export.go", "			return 0, err\n		}\n	}\n	return e.buffer", "			return 0, io.EOF\n		}\n	}\n	return e.buffer"}},
		test:          in(apiFolder, "TestHalfAnExportIsNoFile"),
	},
	{
		name:          "orders-of-others-found",
		meaning:       "A customer lists the orders of another.",
		substitutions: []substitution{{"api/orders.go", "!owner.IsZero() && given != owner", "!owner.IsZero() && given.IsZero()"}},
		test:          in(apiFolder, "TestStaffFindsOrdersOfACustomer"),
	},
	{
		name:          "rates-not-shared",
		meaning:       "Who goes to several processes gets as much of each.",
		substitutions: []substitution{{"api/rate_share.go", "quotas[usage.Quota].use(", "_ = quotas[usage.Quota].find; new(quota).use("}},
		test:          in(apiFolder, "TestRow36ProcessesShareRates"),
	},
	{
		name:          "usage-counts-twice",
		meaning:       "A message that is sent again uses up a caller's share once more.",
		substitutions: []substitution{{"persistence/redis/usage.go", "m.at <= last[m.publisher] || ", ""}},
		test:          in("persistence/redis", "TestUsagesCountOnce"),
	},
	{
		name:          "cookie-from-anywhere",
		meaning:       "A page of another site makes a browser change something.",
		substitutions: []substitution{{"api/authenticate.go", "x.intoCookies && !x.isFromHere()", "false"}},
		test:          in(apiFolder, "TestRow17CrossSite"),
	},
	{
		name:          "cookie-for-scripts",
		meaning:       "A script of a page can read the tokens.",
		substitutions: []substitution{{"api/session_cookie.go", "cookie.SetHTTPOnly(true)", "cookie.SetHTTPOnly(false)"}},
		test:          in(apiFolder, "TestRow16Cookies"),
	},
	{
		name:          "page-of-before",
		meaning:       "A list shows a product as it was before a change.",
		substitutions: []substitution{{"api/catalogue.go", "productKey(id), editionKey)", "productKey(id))"}},
		test:          in(apiFolder, "TestAPageIsACopy"),
	},
	{
		name:          "stock-of-another-time",
		meaning:       "What was imported for the past counts as if it were new.",
		substitutions: []substitution{{"persistence/sqlite/movements.go", "coalesce(sum(CASE WHEN at <= ?2 THEN delta_on_hand END), 0)", "coalesce(sum(delta_on_hand), 0)"}},
		test:          in("persistence/sqlite", "TestConformance"),
	},
}
