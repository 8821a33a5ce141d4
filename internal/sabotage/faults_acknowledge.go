package main

const (
	engineAcknowledge = "actors/acknowledge.go"
	engineOutage      = "actors/outage.go"
)

// acknowledgeFaults tell what the database does not have, with ack=database, or follow a
// database that is somebody else's.
var acknowledgeFaults = []fault{
	{
		name:          "answered-before-commit",
		meaning:       "With ack=database an order is answered after the sync of the journal.",
		substitutions: []substitution{{engineOperation, "		op.engine.commits.add(sequence, op)\n", "		op.show(sequence)\n		op.engine.published.add(op)\n"}},
		test:          in(engineFolder, "TestNothingIsToldBeforeItIsCommitted"),
	},
	{
		name:          "shown-before-commit",
		meaning:       "With ack=database the board shows an order that is not committed.",
		substitutions: []substitution{{engineAcknowledge, "	abandoned := c.abandoned\n", "	abandoned := c.abandoned\n	entry.show(sequence)\n"}, {engineAcknowledge, "		c.due[i].entry.show(c.due[i].sequence)\n", "		_ = i\n"}},
		test:          in(engineFolder, "TestNothingIsToldBeforeItIsCommitted"),
	},
	{
		name:    "released-beyond-commit",
		meaning: "A commit answers everyone who waits, also those whose records it does not have.",
		substitutions: []substitution{{engineAcknowledge, "c.waiting.length() > 0 && c.waiting.front().sequence <= to {",
			"c.waiting.length() > 0 {"}},
		test: in(engineFolder, "TestCommitsAreAnsweredInOrder"),
	},
	{
		name:    "key-answered-before-commit",
		meaning: "With ack=database the repeat of a key is answered with an order that is not committed.",
		substitutions: []substitution{{engineKeys, "entry.sequence > a.engine.acknowledged():",
			"entry.sequence > a.engine.journal.DurableSequence():"}},
		test: in(engineFolder, "TestAnUncommittedOrderIsInFlight"),
	},
	{
		name:    "read-before-commit",
		meaning: "With ack=database a change can be read before it is committed.",
		substitutions: []substitution{{"actors/engine.go", "op.waitFor > e.acknowledged() && !",
			"op.waitFor > e.journal.DurableSequence() && !"}},
		test: in(engineFolder, "TestARepeatWaitsForTheCommit"),
	},
	{
		name:    "listed-before-commit",
		meaning: "With ack=database a customer's list shows an order that is not committed.",
		substitutions: []substitution{{"actors/read.go", "ordersOf(op.filter, a.engine.acknowledged())",
			"ordersOf(op.filter, a.engine.journal.DurableSequence())"}},
		test: in(engineFolder, "TestAnUncommittedOrderIsInFlight"),
	},
	{
		name:          "start-serves-before-commit",
		meaning:       "With ack=database a start shows what it found in the journal before SQL has it.",
		substitutions: []substitution{{"actors/engine.go", "	return e.waitAcknowledged(ctx, last)\n", "	return e.journal.WaitDurable(ctx, last)\n"}},
		test:          in(engineFolder, "TestAStartCommitsWhatItFinds"),
	},
	{
		name:          "moved-position-followed",
		meaning:       "With ack=database the engine goes on with a database that somebody else writes to.",
		substitutions: []substitution{{engineOutage, "	if p.engine.commits != nil {\n		return from, fmt", "	if p.engine.commits == nil {\n		return from, fmt"}},
		test:          in(engineFolder, "TestAMovedPositionEndsTheAcknowledgements"),
	},
	{
		name:          "late-commit-disowned",
		meaning:       "A commit that comes after its transaction was given up is taken for somebody else's.",
		substitutions: []substitution{{engineOutage, "position.Sequence <= p.tried.Sequence\n", "position == p.tried\n"}},
		test:          in(engineFolder, "TestALateCommitIsOurs"),
	},
	{
		name:          "commits-wait-for-records",
		meaning:       "With ack=database the projection rests between two transactions while callers wait.",
		substitutions: []substitution{{engineProjector, "p.engine.commits != nil || p.behind {", "p.behind {"}},
		test:          in(engineFolder, "TestCommitsAreShared"),
	},
	{
		name:          "abandoned-commit-loses-its-place",
		meaning:       "Whoever waits for the database when the engine ends hears nothing.",
		substitutions: []substitution{{"actors/stop.go", "	if e.commits != nil {\n		e.commits.abandon()\n	}\n", ""}},
		test:          in(engineFolder, "TestAnEndAbandonsWhoWaits"),
	},
	{
		name:          "outage-logged-each-time",
		meaning:       "An outage of the database writes a line for every attempt.",
		substitutions: []substitution{{engineOutage, "	if p.outage.note(err, p.engine.clock.Now()) {\n", "	if p.outage.note(err, p.engine.clock.Now()); true {\n"}},
		test:          in(engineFolder, "TestAnOutageIsToldOfOnce"),
	},
}
