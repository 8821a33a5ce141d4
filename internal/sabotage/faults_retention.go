package main

const (
	retentionEngine      = "actors/retention.go"
	sqlitePurgeOrders    = "persistence/sqlite/purgeorders.go"
	sqlitePurgeMoves     = "persistence/sqlite/purgemovements.go"
	postgresPurgeOrders  = "persistence/postgres/purgeorders.go"
	postgresPurgeMoves   = "persistence/postgres/purgemovements.go"
	purgeableStates      = "o.state NOT IN (1, 2, 5) AND o.updated_at <"
	purgeableStatesFault = "o.state NOT IN (1, 2) AND o.updated_at <"
	countsTowardsLimit   = "p.purchase_limit > 0 AND o.placed_at >="
	countsNowhere        = "p.purchase_limit < 0 AND o.placed_at >="
	notTheNewest         = "m.stock_version < old.newest"
	theNewestToo         = "m.stock_version <= old.newest"
)

// retentionFaults delete what is old and still needed.
var retentionFaults = []fault{
	{
		name:          "purge-ignores-limits",
		meaning:       "Orders that count towards a limit are deleted: their customers may buy again after a start.",
		substitutions: []substitution{{sqlitePurgeOrders, countsTowardsLimit, countsNowhere}},
		test:          in(sqliteFolder, "TestConformance/PurgeOrdersThatCount"),
	},
	{
		name:          "postgres-purge-ignores-limits",
		meaning:       "Orders that count towards a limit are deleted from Postgres.",
		substitutions: []substitution{{postgresPurgeOrders, countsTowardsLimit, countsNowhere}},
		test:          in(postgresFolder, "TestConformance/PurgeOrdersThatCount"),
	},
	{
		name:          "purge-of-unsettled-orders",
		meaning:       "An order that is shipped in part and waits for the rest is deleted.",
		substitutions: []substitution{{sqlitePurgeOrders, purgeableStates, purgeableStatesFault}},
		test:          in(sqliteFolder, "TestConformance/PurgeOrdersOfEveryState"),
	},
	{
		name:          "postgres-purge-of-unsettled-orders",
		meaning:       "An order that is shipped in part and waits for the rest is deleted from Postgres.",
		substitutions: []substitution{{postgresPurgeOrders, purgeableStates, purgeableStatesFault}},
		test:          in(postgresFolder, "TestConformance/PurgeOrdersOfEveryState"),
	},
	{
		name:          "purge-leaves-keys",
		meaning:       "The key of a deleted order stays, and stands for nothing.",
		substitutions: []substitution{{sqlitePurgeOrders, "{&p.bulk.purgedKeys, keyAndID}, ", ""}, {sqlitePurgeOrders, "	keyAndID := func(row []any, i int) []any { return append(row, orders[i].key[:], orders[i].id[:]) }\n", ""}},
		test:          in(sqliteFolder, "TestConformance/PurgeOrdersOfEveryState"),
	},
	{
		name:          "purge-anywhere",
		meaning:       "Orders are deleted wherever the position stands: a database that lost its last transactions cannot get them again.",
		substitutions: []substitution{{sqlitePurgeOrders, "err == nil && found != *at {", "err == nil && found.Sequence > at.Sequence+1<<32 {"}},
		test:          in(sqliteFolder, "TestConformance/PurgeOrdersPositionMoved"),
	},
	{
		name:          "postgres-purge-anywhere",
		meaning:       "Orders are deleted from Postgres wherever the position stands.",
		substitutions: []substitution{{postgresPurgeOrders, "err == nil && found != *at {", "err == nil && found.Sequence > at.Sequence+1<<32 {"}},
		test:          in(postgresFolder, "TestConformance/PurgeOrdersPositionMoved"),
	},
	{
		name:          "purge-of-the-newest-movement",
		meaning:       "A product may have no movement left: the ledger does not reach its stock.",
		substitutions: []substitution{{sqlitePurgeMoves, notTheNewest, theNewestToo}},
		test:          in(sqliteFolder, "TestConformance/PurgeMovements"),
	},
	{
		name:          "postgres-purge-of-the-newest-movement",
		meaning:       "A product may have no movement left in Postgres.",
		substitutions: []substitution{{postgresPurgeMoves, notTheNewest, theNewestToo}},
		test:          in(postgresFolder, "TestConformance/PurgeMovements"),
	},
	{
		name:          "purge-ahead-of-the-projection",
		meaning:       "An order is deleted whose change is in the journal and not in SQL yet: no start can replay it.",
		substitutions: []substitution{{retentionEngine, "	if projected < r.after {\n", "	if projected < 0 {\n"}},
		test:          in(engineFolder, "TestAnOrderWithAChangeOnItsWayIsNotDeleted"),
	},
	{
		name:          "deleted-orders-changed",
		meaning:       "An order that was read before it was deleted is changed after that: its record can be projected by nobody.",
		substitutions: []substitution{{retentionEngine, "settled != 0 && settled < r.floor }", "settled != 0 && settled < 0*r.floor }"}},
		test:          in(engineFolder, "TestAnOrderThatWasDeletedMeanwhileIsNotChanged"),
	},
}
