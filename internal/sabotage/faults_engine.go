package main

const (
	engineFolder    = "actors"
	engineOrder     = "actors/order.go"
	engineKeys      = "actors/keys.go"
	engineChange    = "actors/change.go"
	engineAdjust    = "actors/adjust.go"
	engineRecovery  = "actors/recovery.go"
	engineOperation = "actors/operation.go"
	engineMailbox   = "actors/mailbox.go"
	engineProjector = "actors/projector.go"
)

// engineFaults sell a unit twice, lose one, or tell what is not durable.
var engineFaults = []fault{
	{
		name:    "publish-before-durable",
		meaning: "The board shows an order when it is appended, not when it is durable.",
		substitutions: []substitution{
			{engineOperation, "	return persistence.AppendEvent(dst, &op.event), nil\n",
				"	for i := range op.event.Lines {\n		op.stock = op.products[i].board.apply(&op.event, &op.event.Lines[i])\n	}\n" +
					"	return persistence.AppendEvent(dst, &op.event), nil\n"},
			{engineOperation, "		op.stock = op.products[i].board.apply(&op.event, line)\n", ""},
		},
		test: in(engineFolder, "TestNothingIsToldBeforeItIsDurable"),
	},
	{
		name:          "repeat-answered-before-durable",
		meaning:       "The repeat of a confirm is answered while the first one is not durable yet.",
		substitutions: []substitution{{"actors/engine.go", " && op.waitFor > e.journal.DurableSequence() {\n", " && false {\n"}},
		test:          in(engineFolder, "TestARepeatWaitsForTheFirst"),
	},
	{
		name:          "answered-before-batch-is-published",
		meaning:       "Who placed an order is answered before it can be read.",
		substitutions: []substitution{{engineOperation, "	op.engine.published.add(op)\n", "	op.finish()\n"}},
		test:          in(engineFolder, "TestAnswersLeaveWithTheWholeBatch"),
	},
	{
		name:    "failed-sync-answered-with-success",
		meaning: "An order is answered as placed although the journal said that its sync failed.",
		substitutions: []substitution{{engineOperation,
			"		op.refuse(inventory.Refusal{Code: inventory.CodeUnknownOutcome,\n" +
				"			Detail: \"The journal failed. Repeat the request with the same key to learn what became of it.\"})\n",
			"		op.finish()\n"}},
		test: in(engineFolder, "TestAFailedSyncEndsTheAcknowledgements"),
	},
	{
		name:    "replayed-keys-dropped",
		meaning: "A start does not remember the keys of orders that it finds in the journal or held in SQL.",
		substitutions: []substitution{
			{engineRecovery, "		a.memory.keys[record.Key] = keyEntry{body: record.Body, kind: inventory.OrderPlaced, record: record}\n", ""},
			{engineRecovery, "		a.memory.keys[order.Key] = keyEntry{body: order.Body, kind: event.Kind, record: order, sequence: record.Sequence}\n", ""},
		},
		test: in(engineFolder, "TestAStartFollowsTheJournal"),
	},
	{
		name:    "replayed-adjustment-keys-dropped",
		meaning: "A start does not remember the keys of adjustments in the journal, so a repeat books the units again.",
		substitutions: []substitution{{engineRecovery,
			"		a.memory.keys[event.Key] = keyEntry{body: event.Body, kind: event.Kind, sequence: record.Sequence,\n" +
				"			subject: event.Lines[0].ProductID}\n", ""}},
		test: in(engineFolder, "TestAStartFollowsTheJournal"),
	},
	{
		name:          "replayed-orders-not-taken",
		meaning:       "A start shows what the journal's orders took, but the product can sell it again.",
		substitutions: []substitution{{engineRecovery, "		p.stock = p.board.stock\n", ""}},
		test:          in(engineFolder, "TestAStartFollowsTheJournal"),
	},
	{
		name:          "replayed-confirm-keeps-its-deadline",
		meaning:       "An order whose confirm is in the journal stays in line to expire, and nothing behind it does.",
		substitutions: []substitution{{engineRecovery, "		a.deadlines.remove(order)\n", "		_ = a\n"}},
		test:          in(engineFolder, "TestAStartFollowsTheJournal"),
	},
	{
		name:          "stored-keys-not-loaded",
		meaning:       "A start does not put SQL's keys in the filter, so none of them is looked up.",
		substitutions: []substitution{{engineRecovery, "	r.engine.keyFilter.add(key.Key)\n", ""}},
		test:          in(engineFolder, "TestAKeyStandsForOneOrder"),
	},
	{
		name:          "key-forgotten-with-its-order",
		meaning:       "The key of an order that leaves memory does not reach the filter.",
		substitutions: []substitution{{"actors/memory.go", "			forget(record.Key)\n", ""}},
		test:          in(engineFolder, "TestAKeyIsKnownAfterItsOrderHasLeftMemory"),
	},
	{
		name:          "body-not-compared-in-memory",
		meaning:       "A key that is in memory answers another request than the one it was used with.",
		substitutions: []substitution{{engineKeys, "entry.body != op.event.Body || entry.kind", "entry.kind"}},
		test:          in(engineFolder, "TestAKeyStandsForOneOrder"),
	},
	{
		name:          "body-not-compared-in-sql",
		meaning:       "A key that is only in SQL answers another request than the one it was used with.",
		substitutions: []substitution{{engineKeys, "result.key.Body != op.event.Body || result.key.Kind", "result.key.Kind"}},
		test:          in(engineFolder, "TestAKeyStandsForOneOrder"),
	},
	{
		name:    "unsure-key-taken-for-new",
		meaning: "A key that SQL may know is taken for new while SQL is away, so it makes a second order.",
		substitutions: []substitution{{engineKeys,
			"		a.abandonKey(op, refusedStoreUnavailable)\n", "		a.fresh(op)\n"}},
		test: in(engineFolder, "TestSellingGoesOnWithoutTheDatabase"),
	},
	{
		name:    "key-not-claimed",
		meaning: "A key is not claimed while its order is on the way, so parallel sends make several orders.",
		substitutions: []substitution{{engineKeys,
			"	a.memory.keys[key] = keyEntry{body: op.event.Body, kind: op.event.Kind, inFlight: true}\n", ""}},
		test: in(engineFolder, "TestAKeyIsClaimedBeforeItsOrderIsDecided"),
	},
	{
		name:    "refused-key-kept",
		meaning: "A refused order keeps its key, so that it can never be placed.",
		substitutions: []substitution{{engineKeys,
			"	delete(a.memory.keys, op.event.Key)\n	op.refuse(refusal)\n", "	op.refuse(refusal)\n"}},
		test: in(engineFolder, "TestARefusedKeyIsDecidedAnew"),
	},
	{
		name:    "give-before-append",
		meaning: "A cancel or expiry gives its units back before its record is appended.",
		substitutions: []substitution{
			{engineChange, "	if !a.appendOrder(op, record) {\n",
				"	for i := range lines {\n		a.engine.shelf.get(lines[i].ProductID).tell(a.engine, kind, from, lines[i].Quantity)\n	}\n" +
					"	if !a.appendOrder(op, record) {\n"},
			{engineChange, "	a.memory.add(record)\n	for i := range lines {\n" +
				"		a.engine.shelf.get(lines[i].ProductID).tell(a.engine, kind, from, lines[i].Quantity)\n	}\n", "	a.memory.add(record)\n"},
		},
		test: in(engineFolder, "TestAFullDiskRefusesAndResumes"),
	},
	{
		name:    "receive-before-append",
		meaning: "Units that the staff books in can be sold before their record is appended.",
		substitutions: []substitution{
			{engineAdjust, "	sequence, err := a.engine.journal.Append(op)\n",
				"	if delta > 0 {\n		product.tell(a.engine, inventory.StockAdjusted, 0, delta)\n	}\n	sequence, err := a.engine.journal.Append(op)\n"},
			{engineAdjust, "	a.memory.awaitProjection(sequence, nil, key)\n	if delta > 0 {\n		product.tell(a.engine, inventory.StockAdjusted, 0, delta)\n	}\n",
				"	a.memory.awaitProjection(sequence, nil, key)\n"},
		},
		test: in(engineFolder, "TestAFullDiskRefusesAndResumes"),
	},
	{
		name:    "refused-order-keeps-units",
		meaning: "Units that were taken for an order stay taken when the journal has no room for it.",
		substitutions: []substitution{{engineOrder,
			"			op.products[i].tell(a.engine, inventory.OrderExpired, inventory.Reserved, record.Lines[i].Quantity)\n",
			"			_ = op.products[i]\n"}},
		test: in(engineFolder, "TestAFullDiskRefusesAndResumes"),
	},
	{
		name:    "refused-write-off-keeps-units",
		meaning: "Units that the staff books out stay taken when the journal has no room for the record.",
		substitutions: []substitution{{engineAdjust,
			"			product.tell(a.engine, inventory.StockAdjusted, 0, -delta)\n", "			_ = product\n"}},
		test: in(engineFolder, "TestAFullDiskRefusesAndResumes"),
	},
	{
		name:    "take-not-made",
		meaning: "The product says yes and does not take the units, so others get them too.",
		substitutions: []substitution{{"actors/product.go",
			"	if !op.refusal.Refused() {\n		p.evolve(&op.event, line)\n	}\n", ""}},
		test: in(engineFolder, "TestNobodyBuysWhatIsNotThere"),
	},
	{
		name:          "cancelled-units-not-given-back",
		meaning:       "The units of an order that was cancelled or expired can never be sold again.",
		substitutions: []substitution{{engineChange, ".tell(a.engine, kind, from, lines[i].Quantity)\n", ".tell(a.engine, kind, from, 0)\n"}},
		test:          in(engineFolder, "TestARefusedKeyIsDecidedAnew"),
	},
	{
		name:    "hold-forgotten-on-full-disk",
		meaning: "A hold that could not be ended because the disk was full is not tried again.",
		substitutions: []substitution{{"actors/expiry.go",
			"	op.event = record.FollowUp(inventory.OrderExpired, now, inventory.ID{})\n",
			"	op.event = record.FollowUp(inventory.OrderExpired, now, inventory.ID{})\n	a.deadlines.remove(record)\n"}},
		test: in(engineFolder, "TestHoldsEndAfterAFullDisk"),
	},
	{
		name:          "holds-of-last-run-never-end",
		meaning:       "A start does not watch the deadlines of the orders that it finds.",
		substitutions: []substitution{{engineRecovery, "		a.deadlines.add(record)\n", ""}},
		test:          in(engineFolder, "TestHoldsOfTheLastRunEndAfterAStart"),
	},
	{
		name:    "recovery-not-checked",
		meaning: "A start does not compare the reserved units with the orders that hold them.",
		substitutions: []substitution{{engineRecovery,
			"		case stock.Reserved != reserved[id]:\n", "		case false:\n"}},
		test: in(engineFolder, "TestAStartRefusesStockThatItsOrdersDoNotExplain"),
	},
	{
		name:          "anothers-order-readable-in-engine",
		meaning:       "The engine gives an order to whoever knows its ID.",
		substitutions: []substitution{{"actors/read.go", "	if !refusal.Refused() && !owner.IsZero() && order.Customer != owner {\n", "	if false {\n"}},
		test:          in(engineFolder, "TestAnothersOrderIsNotFound"),
	},
	{
		name:          "anothers-order-changeable",
		meaning:       "A customer can confirm and cancel the orders of others.",
		substitutions: []substitution{{engineChange, "	if !op.owner.IsZero() && op.owner != record.Customer {\n", "	if false {\n"}},
		test:          in(engineFolder, "TestAnothersOrderIsNotFound"),
	},
	{
		name:    "panic-not-recovered",
		meaning: "A panic in an actor ends the process.",
		substitutions: []substitution{{engineMailbox,
			"		if cause := recover(); cause != nil {\n", "		if cause := any(nil); cause != nil {\n"}},
		test: in(engineFolder, "TestMailboxAnswersEveryMessageOnce"),
	},
	{
		name:    "panic-not-answered",
		meaning: "An order actor that panicked stands still and does not answer who waits.",
		substitutions: []substitution{{engineOrder,
			"	op.refuse(inventory.Refusal{Code: inventory.CodeUnknownOutcome, Detail: \"The engine failed at this request.\"})\n", ""}},
		test: in(engineFolder, "TestAPanicQuarantinesOneShard"),
	},
	{
		name:    "message-answered-twice",
		meaning: "A shard in quarantine refuses a message and then handles it all the same.",
		substitutions: []substitution{{engineOrder,
			"		op.refuse(refusedQuarantined)\n		return\n", "		op.refuse(refusedQuarantined)\n"}},
		test: in(engineFolder, "TestAPanicQuarantinesOneShard"),
	},
	{
		name:          "two-consumers-of-a-mailbox",
		meaning:       "Whoever pushes on a mailbox whose consumer runs becomes a second consumer.",
		substitutions: []substitution{{engineMailbox, "		if old != nil {\n", "		if old != nil && old != running {\n"}},
		test:          in(engineFolder, "TestMailboxAnswersEveryMessageOnce"),
	},
	{
		name:          "operations-unbounded",
		meaning:       "Requests wait for the engine in any number.",
		substitutions: []substitution{{"actors/engine.go", "e.inFlight.Add(1) > e.inFlightMax {\n", "e.inFlight.Add(1) < 0 {\n"}},
		test:          in(engineFolder, "TestOperationsInFlightAreBounded"),
	},
	{
		name:          "full-mailbox-takes-more",
		meaning:       "A mailbox takes new work beyond its bound.",
		substitutions: []substitution{{engineMailbox, "n > m.limit && !op.begun {\n", "n > 2*m.limit && !op.begun {\n"}},
		test:          in(engineFolder, "TestMailboxKeepsItsBound"),
	},
	{
		name:          "journal-released-too-far",
		meaning:       "The projector lets the journal delete records that SQL does not have.",
		substitutions: []substitution{{engineProjector, "journal.Release(to.Sequence)", "journal.Release(p.engine.journal.DurableSequence())"}},
		test:          in(engineFolder, "TestWhatSQLLacksStaysInMemoryAndJournal"),
	},
	{
		name:          "order-forgotten-too-early",
		meaning:       "An order leaves memory while SQL still has an older state of it.",
		substitutions: []substitution{{"actors/memory.go", " || record.Sequence > sequence {\n", " {\n"}},
		test:          in(engineFolder, "TestWhatSQLLacksStaysInMemoryAndJournal"),
	},
	{
		name:          "unknown-commit-not-followed-up",
		meaning:       "After a failed transaction the projector does not ask SQL where it stands.",
		substitutions: []substitution{{engineProjector, "			from = position\n", "			_ = position\n"}},
		test:          in(engineFolder, "TestAnUnknownCommitIsFollowedUp"),
	},
	{
		name:          "corrupt-data-goes-on",
		meaning:       "The program goes on selling when the projection finds data that cannot be verified.",
		substitutions: []substitution{{engineProjector, "			p.engine.failed(err)\n", ""}},
		test:          in(engineFolder, "TestCorruptDataEndsTheProgram"),
	},
}
