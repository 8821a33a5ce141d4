package main

const (
	engineRuleChanges = "actors/rulechanges.go"
	engineProduct     = "actors/product.go"
	engineOrderNews   = "actors/ordernews.go"
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
	{
		name:          "news-before-the-sync",
		meaning:       "Who watches an order is told of a state when it is appended, not when it is durable.",
		substitutions: []substitution{{engineOperation, "	op.orders.letGo(op)\n", "	op.orders.letGo(op)\n	op.tellNews()\n"}},
		test:          in(engineFolder, "TestNewsOfOrdersWaitForTheSync"),
	},
	{
		name:    "news-before-the-commit",
		meaning: "Who watches an order is told of a state when the journal has it, although answers wait for the database.",
		substitutions: []substitution{{engineOperation, "		op.engine.commits.add(sequence, op)\n",
			"		op.tellNews()\n		op.engine.commits.add(sequence, op)\n"}},
		test: in(engineFolder, "TestNewsOfOrdersWaitForTheCommit"),
	},
	{
		name:          "news-without-ended-holds",
		meaning:       "Who watches an order is not told that its hold has ended.",
		substitutions: []substitution{{engineOrderNews, "w.count.Load() > 0 && ", "w.count.Load() > 0 && !op.unattended && "}},
		test:          in(engineFolder, "TestNewsTellOfEveryState"),
	},
	{
		name:          "news-end-for-all-who-watch",
		meaning:       "When one of two no longer watches a customer, the other is not told any more.",
		substitutions: []substitution{{engineOrderNews, "	case 1:\n", "	case 1, 2:\n"}},
		test:          in(engineFolder, "TestWatchesAreCounted"),
	},
	{
		name:          "repeats-counted-as-orders",
		meaning:       "An order that is sent again counts as one more that was placed.",
		substitutions: []substitution{{"api/orders.go", "	} else {\n		x.server.pulse.placed.Add(1)\n", "	}\n	{\n		x.server.pulse.placed.Add(1)\n"}},
		test:          in(apiFolder, "TestFiguresTellWhatRequestsDid"),
	},
	{
		name:          "recovered-records-are-changes",
		meaning:       "All records that the engine has when it begins count as changes of that second.",
		substitutions: []substitution{{"api/figures.go", "r.known && now.known && ", ""}},
		test:          in(apiFolder, "TestFiguresWithoutAnEngine"),
	},
	{
		name:          "patrol-of-one-part",
		meaning:       "The invariants of most products are never looked at.",
		substitutions: []substitution{{"actors/patrol.go", "	p.next = (p.next + 1) % indexParts\n", "	p.next = 0\n"}},
		test:          in(engineFolder, "TestOversoldLooksAtALargeShelfInParts"),
	},
	{
		name:          "pace-by-looks",
		meaning:       "How fast a product sells depends on how often somebody looks.",
		substitutions: []substitution{{"inventory/pace.go", "	share := shareOf(elapsed, half)\n", "	share := shareOf(Second, half)\n"}},
		test:          in("inventory", "TestPaceDoesNotDependOnHowOftenItIsSeen"),
	},
	{
		name:          "pace-of-before-the-sale",
		meaning:       "What was taken before a sale was live again counts towards its pace.",
		substitutions: []substitution{{"inventory/pace.go", "	case phase != PhaseLive || !p.live:\n", "	case !p.live:\n"}},
		test:          in("inventory", "TestASaleThatIsNotLiveHasNoPace"),
	},
}
