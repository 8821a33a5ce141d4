package main

const (
	redisFolder    = "persistence/redis"
	redisCache     = "persistence/redis/cache.go"
	redisEntry     = "persistence/redis/entry.go"
	redisCodec     = "persistence/redis/codec.go"
	redisFollower  = "persistence/redis/follower.go"
	redisPublisher = "persistence/redis/publisher.go"
	hintsFolder    = "persistence/hints"
	hintsHub       = "persistence/hints/hub.go"
	broadcastFile  = "actors/broadcast.go"
	productCopy    = "api/product_copy.go"
)

// redisFaults let a cache or a bus tell what is not so, or wait for a server.
var redisFaults = []fault{
	{
		name:          "broadcast-undurable",
		meaning:       "Other processes are told of units that an undecided order has.",
		substitutions: []substitution{{broadcastFile, "p.rules.Load(), p.board.read(), b", "p.rules.Load(), p.ledger.stock, b"}},
		test:          in("actors", "TestNothingIsBroadcastBeforeItIsDurable"),
	},
	{
		name:    "broadcast-change-lost",
		meaning: "A change that comes while its product is told of is not told.",
		substitutions: []substitution{{broadcastFile,
			"	p.marked.Store(false)\n	rules, stock, now := p.rules.Load(), p.board.read(), b.engine.clock.Now()\n",
			"	rules, stock, now := p.rules.Load(), p.board.read(), b.engine.clock.Now()\n	defer b.unmark(p)\n"},
			{broadcastFile, "// stateOf reads", "func (b *broadcast) unmark(p *productActor) { runtime.Gosched(); p.marked.Store(false) }\n\n// stateOf reads"},
			{broadcastFile, "	\"context\"\n", "	\"context\"\n	\"runtime\"\n"}},
		test: in("actors", "TestNoChangeIsLostWhileItIsTold"),
	},
	{
		name:          "broadcast-not-conflated",
		meaning:       "Other processes are told of every change of a product.",
		substitutions: []substitution{{broadcastFile, "p.marked.Load() || p.marked.Swap(true)", "p.marked.Swap(true) && b.bus == nil"}},
		test:          in("actors", "TestABusThatHangsDelaysNobody"),
	},
	{
		name:          "copy-not-compared",
		meaning:       "What is in Redis is shown although it is no copy of the row.",
		substitutions: []substitution{{productCopy, "	if !bytes.Equal(appendProductCopy(buffer[:0], &row), data) {\n", "	if bytes.Equal(appendProductCopy(buffer[:0], &row), nil) {\n"}},
		test:          in(apiFolder, "TestWhatIsNoCopyIsRefused"),
	},
	{
		name:          "copy-of-another-product",
		meaning:       "The copy of another product is shown.",
		substitutions: []substitution{{productCopy, "d.bad || row.ID != id {", "d.bad {"}},
		test:          in(apiFolder, "TestABadCopyIsAMiss"),
	},
	{
		name:          "create-does-not-invalidate",
		meaning:       "A write of the catalogue leaves the copies as they are.",
		substitutions: []substitution{{"api/catalogue.go", "	defer c.forget(ctx, product.ID)\n", ""}},
		test:          in(apiFolder, "TestACreateInvalidates"),
	},
	{
		name:          "strangers-fill-the-cache",
		meaning:       "Whoever asks for products that do not exist fills Redis with their names.",
		substitutions: []substitution{{"api/catalogue.go", "!known || c.cache == nil", "!known && c.cache == nil"}},
		test:          in(apiFolder, "TestWhatDoesNotExistIsNotKept"),
	},
	{
		name:    "cache-joins-old-load",
		meaning: "Who asks after an invalidation gets the load that began before it.",
		substitutions: []substitution{{"persistence/hints/flights.go",
			"			flight.outdated = true\n			delete(f.all, key)\n", "			flight.outdated = true\n"}},
		test: in("persistence/local", "TestCacheConformance/CacheInvalidationWins"),
	},
	{
		name:    "cache-keeps-old-load",
		meaning: "A load that began before an invalidation is kept after it.",
		substitutions: []substitution{{"persistence/hints/flights.go",
			"			flight.outdated = true\n			delete(f.all, key)\n", "			delete(f.all, key)\n"}},
		test: in("persistence/local", "TestCacheConformance/CacheInvalidationWins"),
	},
	{
		name:          "cache-key-not-compared",
		meaning:       "A copy of another key is returned, as after a mix-up of replies.",
		substitutions: []substitution{{redisEntry, "string(found.key) != key || ", ""}},
		test:          in(redisFolder, "TestLiesAreNeverReturned/another-key-with-its-mark"),
	},
	{
		name:          "cache-mark-not-compared",
		meaning:       "A copy from before an invalidation in another process is returned.",
		substitutions: []substitution{{redisEntry, " || !bytes.Equal(found.mark, mark)", " || len(mark) == 0 || bytes.Equal(mark, nil)"}},
		test:          in(redisFolder, "TestInvalidationsReachOtherProcesses"),
	},
	{
		name:          "cache-seal-not-compared",
		meaning:       "Whoever can write to Redis can make up what is shown.",
		substitutions: []substitution{{redisCodec, "	if !hmac.Equal(s.of(purpose, data), sealed[len(data):]) {\n", "	if purpose == \"\" {\n"}},
		test:          in(redisFolder, "TestLiesAreNeverReturned/made-up-without-the-secret"),
	},
	{
		name:          "cache-invalidation-not-owed",
		meaning:       "An invalidation that did not reach Redis is forgotten.",
		substitutions: []substitution{{redisCache, "		if c.deliver(ctx, keys[:n]) {\n			c.paid(", "		if c.deliver(ctx, keys[:n]); true {\n			c.paid("}},
		test:          in(redisFolder, "TestAnInvalidationIsOwed"),
	},
	{
		name:          "cache-breaker-never-opens",
		meaning:       "A dead Redis costs every reader a time-out.",
		substitutions: []substitution{{"persistence/redis/breaker.go", "	if b.failures < failuresMax {\n", "	if b.failures >= 0 {\n"}},
		test:          in(redisFolder, "TestTheBreakerLetsOneLook"),
	},
	{
		name:    "redis-guard-open",
		meaning: "Bytes from Redis reach a decoder that believes their lengths.",
		substitutions: []substitution{{redisCodec,
			"	if err := checkForm(data); err != nil {\n		return err\n	}\n", ""}},
		test: in(redisFolder, "TestHostileBytesCostNothing"),
	},
	{
		name:          "bus-version-goes-back",
		meaning:       "A late message makes a product older than what was told.",
		substitutions: []substitution{{hintsHub, "	return state.After(&k.state)\n", "	return *state != k.state\n"}},
		test:          in("persistence/local", "TestBusConformance/BusNeverGoesBack"),
	},
	{
		name:          "bus-rules-not-told",
		meaning:       "A change of rules alone waits for the next order.",
		substitutions: []substitution{{"persistence/bus.go", "	return s.StockAfter(other) || !other.StockAfter(s) && s.Revision > other.Revision\n", "	return s.StockAfter(other)\n"}},
		test:          in("persistence/local", "TestBusConformance/BusTellsRules"),
	},
	{
		name:          "bus-rules-of-before",
		meaning:       "A stock is shown with a price of before, because the message with the new one was lost.",
		substitutions: []substitution{{hintsHub, "(from != product.from || state.Revision != product.state.Revision)", "from == 0"}},
		test:          in(redisFolder, "TestStatesOfUnknownRulesAreMissed"),
	},
	{
		name:          "broadcast-rules-not-marked",
		meaning:       "Other processes are told of new rules with the next order only.",
		substitutions: []substitution{{"actors/product.go", "		p.engine.broadcast.mark(p)\n", ""}},
		test:          in("actors", "TestRulesAreTold"),
	},
	{
		name:          "bus-gap-not-noticed",
		meaning:       "A lost batch goes unnoticed as soon as the next one has come.",
		substitutions: []substitution{{redisFollower, "	if m.sequence > one.sequence+1 {\n", "	if m.sequence < one.sequence {\n"}},
		test:          in(redisFolder, "TestGapsAreTold"),
	},
	{
		name:          "bus-last-batch-lost",
		meaning:       "When the last batch before a pause is lost, nobody notices.",
		substitutions: []substitution{{redisFollower, "	if m.sequence != one.sequence {\n", "	if m.sequence < one.sequence {\n"}},
		test:          in(redisFolder, "TestGapsAreTold"),
	},
	{
		name:          "bus-part-not-read-again",
		meaning:       "A state that was stored before its batch was lost is never told.",
		substitutions: []substitution{{redisFollower, "!is || moment >= one.since(", "!is || moment > one.since("}},
		test:          in(redisFolder, "TestPartsOfTheLastBeaconAreReadAgain"),
	},
	{
		name:          "bus-all-parts-read-again",
		meaning:       "Each lost message has a million products read again.",
		substitutions: []substitution{{redisFollower, "		if one.since(index) == 0 {\n", "		if one.since(index) >= 0 {\n"}},
		test:          in(redisFolder, "TestARepairReadsWhatHasChanged"),
	},
	{
		name:          "bus-repair-begins-again",
		meaning:       "A repair of a million products begins again with each call that fails, and never ends.",
		substitutions: []substitution{{redisFollower, "		one.noteRead(indexes[i], beacon.moment)\n", ""}},
		test:          in(redisFolder, "TestARepairGoesOn"),
	},
	{
		name:          "bus-silence-not-told",
		meaning:       "A publisher that is gone stays fresh.",
		substitutions: []substitution{{redisFollower, "		case !silent(one, now):\n", "		case !silent(one, now) || !one.lost:\n"}},
		test:          in(redisFolder, "TestSilenceIsTold"),
	},
	{
		name:          "bus-parts-not-written-again",
		meaning:       "A Redis that was emptied stays empty: who comes later learns nothing.",
		substitutions: []substitution{{redisPublisher, "		missing = there != int64(len(names))", "		missing = there > int64(len(names))"}},
		test:          in(redisFolder, "TestABusWhoseServerIsEmptied"),
	},
	{
		name:          "bus-fresh-too-early",
		meaning:       "A publisher that became stale again is told to be fresh.",
		substitutions: []substitution{{"persistence/hints/subscription.go", "		known.fresh = 0\n		s.takenBack++\n", "		s.takenBack++\n"}},
		test:          in(hintsFolder, "TestASubscriptionKnowsWhatTheHubKnows"),
	},
}
