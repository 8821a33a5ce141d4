package main

const tickerFolder = "api/ticker"

// tickerFaults let tickers tell what is not so, or one client cost the others.
var tickerFaults = []fault{
	{
		name:          "ticker-writes-wait",
		meaning:       "A write to a client waits until its kernel takes more.",
		substitutions: []substitution{{"api/ticker/socket.go", "				return true\n", "				return a.err != syscall.EAGAIN\n"}},
		test:          in(tickerFolder, "TestAReaderThatNeverReadsIsCut"),
	},
	{
		name:          "ticker-forgets-the-slow",
		meaning:       "A client that did not read for a moment is never told anything again.",
		substitutions: []substitution{{"api/ticker/shard.go", "		if c.blockedSince != 0 {\n			s.flush(c, now)\n		}\n", ""}},
		test:          in(tickerFolder, "TestAStalledReaderDelaysNobody"),
	},
	{
		name:          "ticker-late-phase",
		meaning:       "Who asked to be told seldom hears late that a product is off sale.",
		substitutions: []substitution{{"api/ticker/audience.go", " && members.seen.phase == newest.phase {", " {"}},
		test:          in(tickerFolder, "TestAChangeOfPhaseIsToldAtOnce"),
	},
	{
		name:          "ticket-used-twice",
		meaning:       "A ticket opens a WebSocket again.",
		substitutions: []substitution{{"api/tickets.go", "	one, open := t.open[hash]\n	delete(t.open, hash)\n", "	one, open := t.open[hash]\n"}},
		test:          in(apiFolder, "TestRow33SocketTickets"),
	},
	{
		name:    "cookies-without-origin",
		meaning: "A request that says no origin may send cookies.",
		substitutions: []substitution{{"api/origin.go",
			"	case len(origins) == 0 && len(header.Peek(fasthttp.HeaderCookie)) > 0:\n		return \"A request with cookies must say its Origin.\"\n", ""}},
		test: in(apiFolder, "TestRow32SocketOrigins"),
	},
}
