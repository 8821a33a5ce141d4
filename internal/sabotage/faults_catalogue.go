package main

const (
	editFile     = "api/catalogue_edit.go"
	recountFile  = "actors/recount.go"
	sqliteSearch = "persistence/sqlite/search.go"
)

// catalogueFaults lose changes of the catalogue, find the wrong products, or count a limit
// wrongly.
var catalogueFaults = []fault{
	{
		name:          "edit-of-an-old-version",
		meaning:       "Whoever changes a product undoes what was changed meanwhile.",
		substitutions: []substitution{{"api/product_change.go", "case version != versionAny && version != row.Version:", "case false:"}},
		test:          in(apiFolder, "TestOfTwoAdminsOneIsHeard"),
	},
	{
		name:          "edit-not-in-force",
		meaning:       "A change that the engine refused, or that may have been done, is forgotten.",
		substitutions: []substitution{{editFile, "	if err != nil {\n		c.settle(engine, id)\n	}\n", ""}},
		test:          in(apiFolder, "TestAChangeComesIntoForceLater"),
	},
	{
		name:          "edit-keeps-the-copy",
		meaning:       "A changed product is read from a copy of before.",
		substitutions: []substitution{{editFile, "		err = c.store.UpdateProduct(ctx, row, entry)\n		c.forget(ctx, id)\n", "		err = c.store.UpdateProduct(ctx, row, entry)\n"}},
		test:          in(apiFolder, "TestAnEditInvalidates"),
	},
	{
		name:          "search-words-not-changed",
		meaning:       "A product is found by the words that it had.",
		substitutions: []substitution{{"persistence/sqlite/products.go", "_, err = tx.ExecContext(ctx, updateWords, persistence.SearchTextOf(&product), product.ID[:])", "_ = updateWords"}},
		test:          in("persistence/sqlite", "TestConformance/Search"),
	},
	{
		name:          "search-of-a-part-of-a-word",
		meaning:       "Among many matches, a word is found within another.",
		substitutions: []substitution{{sqliteSearch, "	return \" \" + term.Word + \" \"\n", "	return term.Word\n"}},
		test:          in("persistence/sqlite", "TestConformance/DenseSearch"),
	},
	{
		name:          "recount-forgets-what-comes",
		meaning:       "What is bought while a new limit is counted is not counted.",
		substitutions: []substitution{{recountFile, "		if change.sequence > r.sequence {", "		if false {"}},
		test:          in(engineFolder, "TestALimitIsCountedWhileOrdersGoOn"),
	},
	{
		name:          "recount-counts-twice",
		meaning:       "What SQL has already is counted again.",
		substitutions: []substitution{{recountFile, "		if change.sequence > r.sequence {", "		if true {"}},
		test:          in(engineFolder, "TestALimitIsCountedWhileOrdersGoOn"),
	},
	{
		name:          "recount-keeps-the-undecided",
		meaning:       "Orders that were not counted are placed after the limit is in force.",
		substitutions: []substitution{{"actors/product.go", "		if r != nil {\n			p.renew(appended)\n		}\n", "		if r != nil {\n			p.purchases = p.ledger.copyPurchases()\n		}\n"}},
		test:          in(engineFolder, "TestALimitIsCountedWhileOrdersGoOn"),
	},
	{
		name:          "recount-in-force-too-late",
		meaning:       "A count that was given up is put in force.",
		substitutions: []substitution{{"actors/product.go", "case r != nil && (p.engine.recount != r || r.full), // it was given up", "case r != nil && false, // it was given up"}},
		test:          in(engineFolder, "TestACountThatWasGivenUpIsNotInForce"),
	},
}
