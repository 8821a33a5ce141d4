package main

const benchFolder = "bench"

// benchFaults let a bad server look good.
var benchFaults = []fault{
	{
		name:    "latency-from-the-sending",
		meaning: "A flash sale measures from when an order was sent: a server that stalls the generator hides its stall.",
		substitutions: []substitution{{"bench/flashworker.go", "entry.took = since(ticket.due, w.session.now())",
			"entry.took = since(ticket.due+time.Duration(entry.sent)*time.Microsecond, w.session.now())"}},
		test: in(benchFolder, "TestAStallCountsForAllThatWereDue"),
	},
	{
		name:    "trouble-taken-for-the-outage",
		meaning: "Whatever a server logs as an error is put down to the outage of its database.",
		substitutions: []substitution{{"bench/blackbox/log.go",
			"!(l.outage && strings.Contains(line, storeFailed))", "!l.outage"}},
		test: in("bench/blackbox", "TestTroubleIsNotTheOutage"),
	},
	{
		name:          "lost-order-unnoticed",
		meaning:       "An order that was accepted and is nowhere listed is no fault of a flash sale.",
		substitutions: []substitution{{"bench/flashcheck.go", "if !seen[index] {", "if !seen[index] && s.entries[index].found {"}},
		test:          in(benchFolder, "TestALyingServerIsCaught"),
	},
	{
		name:          "early-refusal-unnoticed",
		meaning:       "A product may refuse orders while it has units.",
		substitutions: []substitution{{"bench/flashstock.go", "if begun < product.opening.OnHand {", "if begun == 0 {"}},
		test:          in(benchFolder, "TestALyingServerIsCaught"),
	},
	{
		name:          "cheap-answers-measured",
		meaning:       "A share counts answers of any status that are refusals: those of an overload are cheaper than those of a sale.",
		substitutions: []substitution{{"bench/contest.go", "grown > 0 && status != c.status {", "grown > m.Requests && status != c.status {"}},
		test:          in(benchFolder, "TestOnlyTheRightAnswersAreAMeasurement"),
	},
	{
		name:          "fault-not-made",
		meaning:       "A pair compares a server in health with another one in health.",
		substitutions: []substitution{{"bench/pairedservices.go", "resume, err := s.services.postgres.Freeze()", "resume, err := func() {}, error(nil)"}},
		test:          in(benchFolder, "TestHealthAndAStalledPostgresAreCompared"),
	},
	{
		name:          "refused-orders-measured",
		meaning:       "Orders that were not accepted count as sales of a pair.",
		substitutions: []substitution{{"bench/pairedsale.go", "if entry.outcome != flashAccepted {", "if entry.outcome == flashWrong {"}},
		test:          in(benchFolder, "TestASaleOfAPairIsJudged"),
	},
	{
		name:          "death-not-judged",
		meaning:       "A server that crashed for another reason counts as one that died for want of memory.",
		substitutions: []substitution{{"bench/blackbox/memory.go", "if strings.Contains(trouble, words) {", "if strings.Contains(trouble, words) || trouble != \"\" {"}},
		test:          in("bench/blackbox", "TestADeathOfAnotherKindIsNoFamine"),
	},
}
