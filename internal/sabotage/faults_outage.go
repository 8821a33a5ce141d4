package main

const commandFolder = "cmd/holdfast"

// outageFaults do not outlive Postgres, lose something with it, or tell what it does not
// have.
var outageFaults = []fault{
	{
		name:    "outage-run-skipped",
		meaning: "After a failed transaction the projection goes on behind it, as if it had been committed.",
		substitutions: []substitution{{engineProjector, "			from, err = p.findPosition(ctx, from)\n",
			"			if _, err = p.findPosition(ctx, from); err == nil {\n				from = p.tried\n			}\n"}},
		test: in(commandFolder, "TestOutagesLoseNothing"),
	},
	{
		name:    "outage-large-runs-cut",
		meaning: "Of a large run, only the first movements are written: only what has gathered in an outage is large.",
		substitutions: []substitution{{postgresWrite, "	if err := p.copy(movementRows(changes.Movements)); err != nil {\n",
			"	if len(changes.Movements) > 500 {\n		changes.Movements = changes.Movements[:500]\n	}\n	if err := p.copy(movementRows(changes.Movements)); err != nil {\n"}},
		test: in(commandFolder, "TestOutagesLoseNothing"),
	},
	{
		name:          "outage-rests",
		meaning:       "What has gathered during an outage waits for the projection's pauses.",
		substitutions: []substitution{{engineProjector, "p.engine.commits != nil || p.behind {", "p.engine.commits != nil {"}},
		test:          in(engineFolder, "TestTheProjectionCatchesUpWithoutAPause"),
	},
	{
		name:    "outage-never-forgotten",
		meaning: "After an outage the projection never rests again for those who sell.",
		substitutions: []substitution{{engineProjector, "			p.behind = false // that was all there was\n",
			"			p.behind = p.tried.Sequence > 0\n"}},
		test: in(engineFolder, "TestTheProjectionCatchesUpWithoutAPause"),
	},
	{
		name:          "outage-ends-a-start",
		meaning:       "A start ends when the database goes away in its middle.",
		substitutions: []substitution{{"cmd/holdfast/server.go", "s.withDatabase(s.startEngine)", "s.startEngine"}},
		test:          in(commandFolder, "TestAStartOutlivesItsDatabase"),
	},
	{
		name:    "outage-of-a-connection",
		meaning: "A connection that broke is not taken for a database that is away.",
		substitutions: []substitution{{"persistence/postgres/errors.go",
			"unconnected || broken || pgconn.SafeToRetry(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||",
			"unconnected || broken && false || errors.Is(err, io.EOF) ||"}},
		test: in(commandFolder, "TestAStartOutlivesItsDatabase"),
	},
	{
		name:          "postgres-answered-before-commit",
		meaning:       "With ack=database an order is answered after the sync of the journal, whatever Postgres does.",
		substitutions: []substitution{{engineOperation, "		op.engine.commits.add(sequence, op)\n", "		op.show(sequence)\n		op.engine.published.add(op)\n"}},
		test:          in(commandFolder, "TestWhatIsAcknowledgedIsInPostgres"),
	},
	{
		name:          "postgres-shown-before-commit",
		meaning:       "With ack=database the board shows what Postgres does not have.",
		substitutions: []substitution{{engineAcknowledge, "	abandoned := c.abandoned\n", "	abandoned := c.abandoned\n	entry.show(sequence)\n"}, {engineAcknowledge, "		c.due[i].entry.show(c.due[i].sequence)\n", "		_ = i\n"}},
		test:          in(commandFolder, "TestNothingIsAcknowledgedWithoutPostgres"),
	},
}
