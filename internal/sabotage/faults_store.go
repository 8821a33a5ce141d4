package main

const (
	sqliteFolder     = "persistence/sqlite"
	sqliteProjection = "persistence/sqlite/projection.go"
)

// storeFaults make SQL something else than the fold of the journal up to its
// position.
var storeFaults = []fault{
	{
		name:    "position-outside-transaction",
		meaning: "SQL's position moves in a transaction of its own, before the rows that it stands for.",
		substitutions: []substitution{
			{sqliteProjection, "	err = s.write(ctx, func(tx *sql.Tx) error {\n",
				"	err = s.write(ctx, func(tx *sql.Tx) error {\n		p := projecting{ctx: ctx, tx: tx, bulk: s.bulk}\n" +
					"		return p.move(&run.From, &run.To)\n	})\n	if err != nil {\n		return err\n	}\n" +
					"	err = s.write(ctx, func(tx *sql.Tx) error {\n"},
			{sqliteProjection, "	if err := p.move(&run.From, &run.To); err != nil {\n		return err\n	}\n", ""},
		},
		test: in(sqliteFolder, "TestConformance/ProjectionInterrupted"),
	},
	{
		name:    "position-not-compared",
		meaning: "A run is applied wherever the position stands: a repeated transaction counts twice.",
		substitutions: []substitution{{sqliteProjection,
			"		WHERE journal = ? AND epoch = ? AND sequence = ? AND hash = ?`\n",
			"		WHERE (journal = ? AND epoch = ? AND sequence = ? AND hash = ?) OR true`\n"}},
		test: in(sqliteFolder, "TestConformance/ProjectionPositionMoved"),
	},
	{
		name:    "keys-not-in-sql",
		meaning: "Idempotency keys are not stored in SQL: they are gone when the journal's segment is.",
		substitutions: []substitution{{sqliteProjection,
			"	if err := p.writeKeys(changes.Keys); err != nil {\n", "	if err := p.writeKeys(nil); err != nil {\n"}},
		test: in(sqliteFolder, "TestConformance/ProjectionFollowsHistory"),
	},
	{
		name:    "keys-of-open-orders-forgotten",
		meaning: "A start does not get the keys of old orders that are not final.",
		substitutions: []substitution{{"persistence/sqlite/keys.go",
			"(k.at >= ?1 OR o.state IN (1, 2, 5) OR o.updated_at >= ?1)`", "k.at >= ?1`"}},
		test: in("actors", "TestAKeyOutlivesItsDayWhileItsOrderIsOpen"),
	},
	{
		name:          "sql-commits-not-synced",
		meaning:       "SQL's transactions are not synced, and the journal's segments are deleted after them.",
		substitutions: []substitution{{"persistence/sqlite/store.go", "synchronous(FULL)", "synchronous(NORMAL)"}},
		test:          in(sqliteFolder, "TestSettings"),
	},
	{
		name:          "failed-run-committed",
		meaning:       "A transaction in which something failed is committed with what it had done.",
		substitutions: []substitution{{"persistence/sqlite/store.go", "		if rollback := tx.Rollback();", "		if rollback := tx.Commit();"}},
		test:          in(sqliteFolder, "TestConformance/ProjectionRefusesWhatCannotFollow"),
	},
	{
		name:          "database-readable-by-all",
		meaning:       "Other users of the machine can read addresses and password hashes.",
		substitutions: []substitution{{"persistence/sqlite/store.go", "fileMode = 0o600", "fileMode = 0o644"}},
		test:          in(sqliteFolder, "TestFilesArePrivate"),
	},
	{
		name:    "opening-stock-comes-again",
		meaning: "After a start, a repeated creation of a product brings its opening stock once more.",
		substitutions: []substitution{{"actors/products.go",
			"	if stock.Version == 0 {\n		p.opening.Store(opening)\n	}\n", "	p.opening.Store(opening)\n"},
			{"actors/openings.go", "			p.opening.Store(0)\n", ""}},
		test: in("actors", "TestAStartKnowsThatAnOpeningReceiptWasIssued"),
	},
	{
		name:    "opening-keys-are-read",
		meaning: "A start reads a key for every product that was ever opened.",
		substitutions: []substitution{{"persistence/sqlite/keys.go",
			"(k.kind <> 5 OR k.key <> k.subject_id) AND ", ""}},
		test: in("persistence/sqlite", "TestConformance/KeysOfOpenings"),
	},
}
