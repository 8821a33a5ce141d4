package main

const (
	postgresFolder      = "persistence/postgres"
	postgresProjection  = "persistence/postgres/projection.go"
	postgresWrite       = "persistence/postgres/projectionwrite.go"
	postgresTransaction = "persistence/postgres/transaction.go"
	postgresServer      = "persistence/postgres/server.go"
)

// postgresFaults make Postgres something else than the fold of the journal up to its
// position, or trust a server that must not be trusted.
var postgresFaults = []fault{
	{
		name:    "postgres-position-not-compared",
		meaning: "A run is applied wherever the position stands: a repeated transaction counts twice.",
		substitutions: []substitution{{postgresProjection,
			"		WHERE journal = $5 AND epoch = $6 AND sequence = $7 AND hash = $8`\n",
			"		WHERE (journal = $5 AND epoch = $6 AND sequence = $7 AND hash = $8) OR true`\n"}},
		test: in(postgresFolder, "TestConformance/ProjectionPositionMoved"),
	},
	{
		name:    "postgres-position-outside-transaction",
		meaning: "The position moves in a transaction of its own, before the rows that it stands for.",
		substitutions: []substitution{{postgresProjection, "	changes, err := run.Fold(stocks, orders)\n",
			"	if err := p.commit(); err != nil {\n		return err\n	}\n	p.begun = false\n	changes, err := run.Fold(stocks, orders)\n"}},
		test: in(postgresFolder, "TestConformance/ProjectionInterrupted"),
	},
	{
		name:          "postgres-keys-not-stored",
		meaning:       "Idempotency keys are not stored: they are gone when the journal's segment is.",
		substitutions: []substitution{{postgresWrite, "		queueKeys(batch, changes.Keys)\n", "		queueKeys(batch, nil)\n"}},
		test:          in(postgresFolder, "TestConformance/ProjectionFollowsHistory"),
	},
	{
		name:    "postgres-key-keeps-its-first-use",
		meaning: "A key that is used again after its time stands for what it was used for first.",
		substitutions: []substitution{{postgresWrite,
			"		ON CONFLICT (key) DO UPDATE SET body = excluded.body, subject_id = excluded.subject_id, at = excluded.at,\n		kind = excluded.kind`\n",
			"		ON CONFLICT (key) DO NOTHING`\n"}},
		test: in(postgresFolder, "TestConformance/ProjectionFollowsHistory"),
	},
	{
		name:    "postgres-keys-of-open-orders-forgotten",
		meaning: "A start does not get the keys of old orders that are not final.",
		substitutions: []substitution{{"persistence/postgres/keys.go",
			"(k.at >= $1 OR o.state IN (1, 2, 5) OR o.updated_at >= $1)`", "k.at >= $1`"}},
		test: in(postgresFolder, "TestConformance/KeysOfUnsettledOrders"),
	},
	{
		name:    "postgres-sequence-of-the-first-record",
		meaning: "An order that was changed keeps the sequence of the record that placed it.",
		substitutions: []substitution{{postgresWrite,
			"updated_at = new.updated_at, sequence = new.sequence\n", "updated_at = new.updated_at\n"}},
		test: in(postgresFolder, "TestConformance/ProjectionFollowsHistory"),
	},
	{
		name:    "postgres-lost-answer-is-failure",
		meaning: "A COMMIT whose answer was lost counts as undone, whatever became of it.",
		substitutions: []substitution{{postgresProjection,
			"	case position == run.To:\n		return nil\n", "	case position == run.To:\n		return uncertain\n"}},
		test: in(postgresFolder, "TestACommitWithoutAnswerCountsOnce"),
	},
	{
		name:    "postgres-lost-commit-is-success",
		meaning: "A COMMIT that never arrived counts as done: its run is missing for ever.",
		substitutions: []substitution{{postgresProjection,
			"		return fmt.Errorf(\"it was not: %w\", uncertain)\n", "		return nil\n"}},
		test: in(postgresFolder, "TestACommitWithoutAnswerCountsOnce"),
	},
	{
		name:    "postgres-uncertain-commit-not-waited-for",
		meaning: "The position is read while the transaction in question may still be committed.",
		substitutions: []substitution{{postgresProjection,
			"	lockPosition = selectPosition + \" FOR UPDATE\"\n", "	lockPosition = selectPosition\n"}},
		test: in(postgresFolder, "TestAnUncertainCommitIsWaitedFor"),
	},
	{
		name:    "postgres-conflicts-not-done-again",
		meaning: "A transaction that a conflict undid is not done again.",
		substitutions: []substitution{{postgresTransaction,
			"		if !isConflict(err) || attempt == attemptsMax {\n", "		if attempt > 0 {\n"}},
		test: in(postgresFolder, "TestConflictsAreDoneAgain"),
	},
	{
		name:    "postgres-failed-run-committed",
		meaning: "A transaction in which the fold failed is committed with what it had done.",
		substitutions: []substitution{{postgresTransaction,
			"t.connection.Exec(limited, \"ROLLBACK\")", "t.connection.Exec(limited, \"COMMIT\")"}},
		test: in(postgresFolder, "TestConformance/ProjectionRefusesWhatCannotFollow"),
	},
	{
		name:          "postgres-commits-not-synced",
		meaning:       "A server is used that says to have stored what it may lose, and the journal's segments are deleted after it.",
		substitutions: []substitution{{postgresServer, "	case f.synchronousCommit == \"off\":\n", "	case f.synchronousCommit == \"no\":\n"}},
		test:          in(postgresFolder, "TestOpenRefuses/synchronous_commit=off"),
	},
	{
		name:    "postgres-settings-checked-once",
		meaning: "Only the first connection checks its server: after a failover nobody does.",
		substitutions: []substitution{{"persistence/postgres/store.go",
			"		return checkServer(ctx, connection, o.careless)\n",
			"		careless := o.careless\n		o.careless = true\n		return checkServer(ctx, connection, careless)\n"}},
		test: in(postgresFolder, "TestEveryConnectionChecksItsServer"),
	},
	{
		name:          "postgres-reads-fail-after-a-restart",
		meaning:       "After a restart of the server, as many reads fail as there were connections.",
		substitutions: []substitution{{"persistence/postgres/store.go", "	if dead {\n", "	if dead && false {\n"}},
		test:          in(postgresFolder, "TestReadsOutliveTheirConnections"),
	},
	{
		name:    "postgres-password-in-errors",
		meaning: "The address is repeated in errors, and so in logs, with its password.",
		substitutions: []substitution{{"persistence/postgres/address.go",
			"		return nil, errors.New(\"the address is not of the form",
			"		return nil, errors.New(address + \" is not of the form"}},
		test: in(postgresFolder, "TestOpenRefuses"),
	},
	{
		name:    "postgres-purge-races-with-use",
		meaning: "A key that is used again while old keys are purged is deleted: a repeat makes a second order.",
		substitutions: []substitution{{"persistence/postgres/purge.go",
			"		batch.Queue(lockPosition)\n", ""}},
		test: in(postgresFolder, "TestPurgeLeavesAKeyThatIsUsedAgain"),
	},
	{
		name:    "postgres-missing-lines-not-noticed",
		meaning: "Units are shipped of lines that are not there, and nobody notices.",
		substitutions: []substitution{{postgresWrite,
			"; missing != 0 {\n", "; missing < 0 {\n"}},
		test: in(postgresFolder, "TestConformance/ProjectionRefusesUnitsThatAreNotThere"),
	},
	{
		name:    "postgres-statements-never-end",
		meaning: "A lock that another session holds stops the projection for as long as that likes.",
		substitutions: []substitution{{"persistence/postgres/address.go",
			"\"lock_timeout\": milliseconds(lockMax),", "\"lock_timeout\": \"0\","}},
		test: in(postgresFolder, "TestSettings"),
	},
	{
		name:    "postgres-glance-at-any-products",
		meaning: "A search for a frequent word shows matches from anywhere, and not the first in the order.",
		substitutions: []substitution{{"persistence/postgres/search.go",
			"	q.inOrder()\n	q.text.WriteString(\" LIMIT \" + strconv.Itoa(glanceMax)", "	q.text.WriteString(\" LIMIT \" + strconv.Itoa(glanceMax)"}},
		test: in(postgresFolder, "TestConformance/DenseSearch"),
	},
	{
		name:    "postgres-opening-keys-are-read",
		meaning: "A start reads a key for every product that was ever opened.",
		substitutions: []substitution{{"persistence/postgres/keys.go",
			"(k.kind <> 5 OR k.key <> k.subject_id) AND ", ""}},
		test: in(postgresFolder, "TestConformance/KeysOfOpenings"),
	},
	{
		name:    "search-ends-with-the-walk",
		meaning: "A search for a frequent word does not find the matches that are further away.",
		substitutions: []substitution{{"persistence/search.go",
			"	if err == nil && until != nil && len(products) < filter.Limit {\n", "	if err == nil && until != nil && len(products) < 0 {\n"}},
		test: in(postgresFolder, "TestConformance/DenseSearch"),
	},
	{
		name:    "postgres-walk-takes-any-word",
		meaning: "Among many matches, products are found that have not the word.",
		substitutions: []substitution{{"persistence/postgres/search.go",
			"	if len(filter.Terms) > 0 && !collected {\n", "	if false {\n"}},
		test: in(postgresFolder, "TestConformance/DenseSearch"),
	},
}
