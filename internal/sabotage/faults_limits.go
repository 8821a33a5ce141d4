package main

// limitFaults let the server break a bound, or suffer at one.
var limitFaults = []fault{
	{
		name:          "filter-errs-often",
		meaning:       "The filter of keys takes every tenth new key for a known one: these orders wait for SQL.",
		substitutions: []substitution{{"actors/keyfilter.go", "filterBitsPerKey = 16", "filterBitsPerKey = 8"}},
		test:          in(engineFolder, "TestTheFilterKnowsAndErrsLittle"),
	},
	{
		name:          "rest-after-a-stall",
		meaning:       "The projection rests for nine times as long as the database kept it waiting.",
		substitutions: []substitution{{engineProjector, "min(projectionRestFactor*worked, projectionRestMax)", "projectionRestFactor*worked"}},
		test:          in(engineFolder, "TestARestIsBounded"),
	},
	{
		name:          "backlog-refuses-repeats",
		meaning:       "The repeat of an accepted order is refused while too much waits for the database.",
		substitutions: []substitution{{"actors/orders.go", "e.backlogged() && !e.mayKnowKey(op.event.Key)", "e.backlogged()"}},
		test:          in(engineFolder, "TestRepeatsAreAnsweredWhileTheBacklogIsFull"),
	},
	{
		name:          "backlog-leaks-by-the-filter",
		meaning:       "An order whose key the filter takes for a known one is accepted beyond the bound of the backlog.",
		substitutions: []substitution{{engineKeys, "case fresh && op.event.Kind == inventory.OrderPlaced && a.engine.backlogged():", "case false:"}},
		test:          in(engineFolder, "TestRepeatsAreAnsweredWhileTheBacklogIsFull"),
	},
	{
		name:          "memory-limit-not-taken",
		meaning:       "The heap doubles until the kernel kills the server, whatever its control group lets it have.",
		substitutions: []substitution{{"cmd/holdfast/memorylimit.go", "	debug.SetMemoryLimit(limit)\n", "	debug.SetMemoryLimit(-1)\n"}},
		test:          in("cmd/holdfast", "TestTheHeapIsKeptWithinTheBound"),
	},
}
