package main

const (
	engineRuleChanges = "actors/rulechanges.go"
	engineProduct     = "actors/product.go"
)

// followerFaults let who follows the engine, as tickers do, miss something, or wait for it.
var followerFaults = []fault{
	{
		name:          "edited-rules-untold",
		meaning:       "Who follows the rules of products is not told of those that were edited.",
		substitutions: []substitution{{engineProduct, "		p.engine.ruleChanges.note(rules.ID)\n", ""}},
		test:          in(engineFolder, "TestEachChangeOfRulesIsTold"),
	},
	{
		name:          "change-of-rules-overwritten",
		meaning:       "A change of rules is taken for known when another one is in its place.",
		substitutions: []substitution{{engineRuleChanges, "now-revision > ruleChangesMax", "now-revision > ruleChangesMax+1"}},
		test:          in(engineFolder, "TestRuleChangesAreThoseOfAList"),
	},
	{
		name:    "shelf-locked-by-a-reader-of-rules",
		meaning: "Nobody can add a product while somebody reads the rules of all.",
		substitutions: []substitution{{engineRuleChanges, "	e.shelf.eachUnlocked(func(p *productActor) bool { return visit(p.rules.Load()) })\n",
			"	e.shelf.each(func(_ inventory.ID, p *productActor) bool { return visit(p.rules.Load()) })\n"}},
		test: in(engineFolder, "TestVisitsOfProductsHoldNoLock"),
	},
}
