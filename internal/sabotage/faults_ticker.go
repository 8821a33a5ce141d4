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
		substitutions: []substitution{{"api/ticker/audience.go", " || members.edge != edge\n", "\n"}},
		test:          in(tickerFolder, "TestAChangeOfPhaseIsToldAtOnce"),
	},
	{
		name:          "ticker-lane-believed",
		meaning:       "Who comes into a lane that was told already is not told.",
		substitutions: []substitution{{"api/ticker/client.go", "	if s.lane() != lanePaused {\n		s.mark()\n	}\n", ""}},
		test:          in(tickerFolder, "TestAChangeOfLanesMissesNothing"),
	},
	{
		name:          "ticker-group-half-known",
		meaning:       "Who is in the middle of a group's snapshot is told of products as if all were known.",
		substitutions: []substitution{{"api/ticker/group.go", "told.whole && told.more\n", "false\n"}},
		test:          in(tickerFolder, "TestAGroupIsWhatTheBoardShows"),
	},
	{
		name:          "ticker-gone-left-out",
		meaning:       "Who is in the middle of a group's snapshot is not told of products that have left it.",
		substitutions: []substitution{{"api/ticker/group.go", "!(one.left && key.begins)", "!(one.left && key.whole)"}},
		test:          in(tickerFolder, "TestAGroupIsWhatTheBoardShows"),
	},
	{
		name:          "ticker-orders-of-others",
		meaning:       "Anybody who is known watches the orders of anybody.",
		substitutions: []substitution{{"api/ticker/serve.go", "	case wanted.customer != c.user:\n		return unknownChannel(*wanted)\n", ""}},
		test:          in(tickerFolder, "TestPrivateChannelsAreForTheirOwners"),
	},
	{
		name:          "ticker-private-after-expiry",
		meaning:       "A connection goes on with what is its user's after the access token has ended.",
		substitutions: []substitution{{"api/ticker/identity.go", "	s.dropForbidden(c, \"The access token has ended.\", now)\n", ""}},
		test:          in(tickerFolder, "TestAConnectionSaysWhoItIs"),
	},
	{
		name:          "ticker-stale-untold",
		meaning:       "Nobody is told that a product's seller is not heard.",
		substitutions: []substitution{{"api/ticker/frame.go", " && s.stale == other.stale", ""}},
		test:          in(tickerFolder, "TestStaleProductsAreToldOf"),
	},
	{
		name:          "ticker-never-demotes",
		meaning:       "A client that does not keep up is served as fast as it has asked for.",
		substitutions: []substitution{{"api/ticker/shard.go", "			s.demote(c, now)\n", ""}},
		test:          in(tickerFolder, "TestSlowClientsAreDemoted"),
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
	{
		name:          "ticker-first-bytes-lost",
		meaning:       "What ends the wait of a reader is not read as the beginning of what follows.",
		substitutions: []substitution{{"api/ticker/reader.go", "	r.early = r.first[:r.bytes]\n", ""}},
		test:          in(tickerFolder, "TestAWatcherSeesEveryState"),
	},
	{
		name:          "ticker-polled-unclosed",
		meaning:       "A polled connection that the server cuts is never forgotten.",
		substitutions: []substitution{{"api/ticker/care.go", "	c.closeSocket()\n", "	_ = c.socket.Close()\n"}},
		test:          in(tickerFolder, "TestAReaderThatNeverReadsIsCut"),
	},
	{
		name:          "ticker-stops-at-once",
		meaning:       "A stop sends all clients away at the same moment.",
		substitutions: []substitution{{"api/ticker/hub.go", "s.dismiss(dismissParts-part,", "s.dismiss(1,"}},
		test:          in(tickerFolder, "TestAStopOfManyIsSpread"),
	},
	{
		name:          "ticker-document-says-less",
		meaning:       "The AsyncAPI document does not know a member that is sent.",
		substitutions: []substitution{{"api/asyncapi_messages.go", "		Checksum int64            `json:\"x,omitzero\"", "		Checksum int64            `json:\"y,omitzero\""}},
		test:          in(apiFolder, "TestTheSocketDocumentSaysWhatIsSent"),
	},
}
