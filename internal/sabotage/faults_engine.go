package main

const (
	engineFolder    = "actors"
	engineOrder     = "actors/order.go"
	engineKeys      = "actors/keys.go"
	engineKeyTable  = "actors/keytable.go"
	engineMemory    = "actors/memory.go"
	engineSlab      = "actors/slab.go"
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
		name:          "repeat-of-yesterday",
		meaning:       "A repeat is answered with what SQL said before memory left it a later state.",
		substitutions: []substitution{{engineKeys, "	a.findOrder(op)\n", "	record := a.memory.make(&op.lookup.order, a.number)\n	a.repeatRecord(op, record)\n	a.memory.dismiss(record)\n"}},
		test:          in(engineFolder, "TestARepeatTellsOfTheLastStateOfAnOrder"),
	},
	{
		name:          "a-category-for-each-product",
		meaning:       "Every product has its category's text for itself.",
		substitutions: []substitution{{"actors/texts.go", "			t.categories[shared] = shared\n", "			t.categories[shared+text] = shared\n"}},
		test:          in(engineFolder, "TestTextsOfProductsAreShared"),
	},
	{
		name:    "past-in-parts",
		meaning: "The receipt of what was sold before, and the order that takes it, can be parted by a crash.",
		substitutions: []substitution{{"actors/past.go", "	if last, err = e.journal.AppendTogether(entries); err != nil {\n",
			"	for _, entry := range entries[1:] {\n		if _, err = e.journal.Append(entries[0]); err != nil {\n			break\n		}\n		entries[0] = entry\n	}\n" +
				"	if last, err = e.journal.Append(entries[0]); err != nil {\n"}},
		test: in(engineFolder, "TestThePastIsAppendedTogether"),
	},
	{
		name:    "publish-before-durable",
		meaning: "The board shows an order when it is appended, not when it is durable.",
		substitutions: []substitution{
			{engineOperation, "\t\tproduct.free.Store(op.stock.Available())\n", "\t\tproduct.free.Store(op.stock.Available())\n\t\tproduct.board.apply(&op.event, line, op.heldUntil)\n"},
			{engineOperation, "\t\tproduct.board.apply(&op.event, line, op.heldUntil)\n\t\top.engine.broadcast.mark(product)\n", "\t\t_ = line\n\t\top.engine.broadcast.mark(product)\n"}},
		test: in(engineFolder, "TestNothingIsToldBeforeItIsDurable"),
	},
	{
		name:          "repeat-answered-before-durable",
		meaning:       "The repeat of a confirm is answered while the first one is not durable yet.",
		substitutions: []substitution{{"actors/engine.go", "op.waitFor > e.acknowledged() && ", "false && "}},
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
			{engineRecovery, "\tr.engine.keys.putOrder(record)\n", ""},
			{engineRecovery, "\t\tr.engine.keys.putOrder(order)\n", ""}},
		test: in(engineFolder, "TestAStartFollowsTheJournal"),
	},
	{
		name:    "replayed-adjustment-keys-dropped",
		meaning: "A start does not remember the keys of adjustments in the journal, so a repeat books the units again.",
		substitutions: []substitution{
			{engineRecovery, "\t\tr.engine.keys.put(event.Key, &keyEntry{body: event.Body, kind: event.Kind, sequence: record.Sequence, owner: a.number})\n", ""}},
		test: in(engineFolder, "TestAStartFollowsTheJournal"),
	},
	{
		name:    "replayed-orders-not-taken",
		meaning: "A start shows what the journal's orders took, but the product can sell it again.",
		substitutions: []substitution{
			{engineRecovery, "\t\tp.stock = p.ledger.apply(", "\t\tp.ledger.apply("}},
		test: in(engineFolder, "TestAStartFollowsTheJournal"),
	},
	{
		name:    "replayed-confirm-keeps-its-deadline",
		meaning: "An order whose confirm is in the journal stays in line to expire, and nothing behind it does.",
		substitutions: []substitution{
			{"actors/expiry.go", "\td.remove(record)\n\tif record.State == inventory.Reserved {\n", "\tif record.place == 0 && record.State == inventory.Reserved {\n"}},
		test: in(engineFolder, "TestAStartFollowsTheJournal"),
	},
	{
		name:          "stored-keys-not-loaded",
		meaning:       "A start does not put SQL's keys in the filter, so none of them is looked up.",
		substitutions: []substitution{{engineRecovery, "	r.engine.keyFilter.add(key.Key)\n", ""}},
		test:          in(engineFolder, "TestAKeyStandsForOneOrder"),
	},
	{
		name:    "key-forgotten-with-its-order",
		meaning: "The key of an order that leaves memory does not reach the filter.",
		substitutions: []substitution{
			{engineProjector, "\t\t\ta.engine.keyFilter.add(key)\n", ""}},
		test: in(engineFolder, "TestAKeyIsKnownAfterItsOrderHasLeftMemory"),
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
		substitutions: []substitution{
			{engineKeys, "\tcase result.err != nil:\n\t\ta.abandonKey(op, refusedStoreUnavailable)\n", "\tcase result.err != nil:\n\t\ta.fresh(op)\n"}},
		test: in(engineFolder, "TestAKeyThatOnlySQLKnowsWaitsForSQL"),
	},
	{
		name:    "key-not-claimed",
		meaning: "A key is not claimed while its order is on the way, so parallel sends make several orders.",
		substitutions: []substitution{
			{engineKeyTable, "part.placed.put(&t.byKey, record, false); first", "part.placed.get(&t.byKey, name); first"}},
		test: in(engineFolder, "TestAKeyIsClaimedBeforeItsOrderIsDecided"),
	},
	{
		name:    "order-memory-given-twice",
		meaning: "The memory of an order that is gone is given out to two others.",
		substitutions: []substitution{
			{engineSlab, "slab.free = slab.orders[index].place", "_ = slab.orders[index].place"}},
		test: in(engineFolder, "TestAnOrderBelongsToOne"),
	},
	{
		name:    "order-memory-not-emptied",
		meaning: "A new order begins with what the one before it in its memory was.",
		substitutions: []substitution{
			{engineSlab, "*record = heldOrder{place: slab.free}", "record.place = slab.free"}},
		test: in(engineFolder, "TestAnOrderBelongsToOne"),
	},
	{
		name:    "refused-order-keeps-memory",
		meaning: "Every refused order takes memory until the program ends.",
		substitutions: []substitution{
			{engineKeys, "\t\ta.memory.dismiss(op.record)\n\t\top.record = nil\n", "\t\top.record = nil\n"}},
		test: in(engineFolder, "TestWhatIsNotPlacedTakesNoMemory"),
	},
	{
		name:    "projected-order-keeps-memory",
		meaning: "An order that SQL has keeps its memory until the program ends.",
		substitutions: []substitution{
			{engineMemory, "\t\tm.remove(record)\n\t\tm.dismiss(record)\n", "\t\tm.remove(record)\n"}},
		test: in(engineFolder, "TestWhatIsNotPlacedTakesNoMemory"),
	},
	{
		name:    "late-memory-kept",
		meaning: "The memory that was rebuilt for an actor that has panicked again is never let go.",
		substitutions: []substitution{
			{engineOrder, "\ta.undo(op)\n\ta.discard(op)\n\ta.refuseWith(op, refusedRebuilt)\n", "\ta.undo(op)\n\ta.refuseWith(op, refusedRebuilt)\n"}},
		test: in(engineFolder, "TestAMemoryThatComesTooLateGoesBack"),
	},
	{
		name:    "lines-given-out-again",
		meaning: "The lines of an order are written over by those of later ones, in the answers that have them too.",
		substitutions: []substitution{
			{engineMemory, "\tm.lines = m.lines[len(lines):]\n", ""}},
		test: in(engineFolder, "TestAReplyOutlivesItsOrder"),
	},
	{
		name:    "abandoned-operation-recycled-early",
		meaning: "An operation that its caller gave up serves another one while the first still looks at it.",
		substitutions: []substitution{
			{engineOperation, "\t\tcase op.state.CompareAndSwap(abandoned, orphaned):\n\t\t\treturn\n", ""}},
		test: in(engineFolder, "TestAnOperationIsRecycledByWhoLeavesItLast"),
	},
	{
		name:    "key-of-another-forgotten",
		meaning: "An order that leaves memory takes its key along although a newer order has it.",
		substitutions: []substitution{
			{engineProjector, "known && !entry.inFlight && (placed != nil && entry.record == placed || placed == nil && entry.sequence == used)", "known && entry.owner == a.number"}},
		test: in(engineFolder, "TestAnOldOrderDoesNotForgetTheKeyOfANewOne"),
	},
	{
		name:    "refused-key-kept",
		meaning: "A refused order keeps its key, so that it can never be placed.",
		substitutions: []substitution{
			{engineOrder, "\ta.unclaim(op)\n\ta.finish(op)\n", "\ta.finish(op)\n"}},
		test: in(engineFolder, "TestAKeyThatALimitRefusedIsFree"),
	},
	{
		name:    "give-before-append",
		meaning: "A cancel or expiry gives its units back before its record is appended.",
		substitutions: []substitution{
			{engineOrder, "\tsequence, err := a.engine.journal.Append(op)\n", "\tif op.event.Kind.OfOrder() && !op.event.Takes() {\n\t\ta.owed = debt{event: op.event, placed: op.order.PlacedAt, sequence: 1 << 62}\n\t\ta.settle()\n\t}\n\tsequence, err := a.engine.journal.Append(op)\n"},
			{engineOperation, "\tif !op.event.Takes() {\n\t\towed := &op.orders.owed", "\tif !op.event.Takes() && !op.event.Kind.OfOrder() {\n\t\towed := &op.orders.owed"}},
		test: in(engineFolder, "TestAFullDiskRefusesAndResumes"),
	},
	{
		name:    "receive-before-append",
		meaning: "Units that the staff books in can be sold before their record is appended.",
		substitutions: []substitution{
			{engineOrder, "\tsequence, err := a.engine.journal.Append(op)\n", "\tif op.event.Kind == inventory.StockAdjusted && !op.event.Takes() {\n\t\ta.owed = debt{event: op.event, sequence: 1 << 62}\n\t\ta.settle()\n\t}\n\tsequence, err := a.engine.journal.Append(op)\n"},
			{engineOperation, "\tif !op.event.Takes() {\n\t\towed := &op.orders.owed", "\tif !op.event.Takes() && op.event.Kind.OfOrder() {\n\t\towed := &op.orders.owed"}},
		test: in(engineFolder, "TestAFullDiskRefusesAndResumes"),
	},
	{
		name:    "refused-order-keeps-units",
		meaning: "Units that were taken for an order stay taken when the journal has no room for it.",
		substitutions: []substitution{
			{engineOrder, "\ta.undo(op)\n\ta.unclaim(op)\n", "\ta.unclaim(op)\n"}},
		test: in(engineFolder, "TestAFullDiskRefusesAndResumes"),
	},
	{
		name:    "refused-write-off-keeps-units",
		meaning: "Units that the staff books out stay taken when the journal has no room for the record.",
		substitutions: []substitution{
			{engineAdjust, "\ta.undo(op)\n", ""}},
		test: in(engineFolder, "TestAFullDiskRefusesAndResumes"),
	},
	{
		name:    "take-not-made",
		meaning: "The product says yes and does not take the units, so others get them too.",
		substitutions: []substitution{
			{"actors/product.go", "\tmoved.Quantity = units\n\tp.evolve(&op.event, &moved)\n", "\tmoved.Quantity = units\n"}},
		test: in(engineFolder, "TestUndecidedUnitsAreNeitherSoldNorGone"),
	},
	{
		name:    "cancelled-units-not-given-back",
		meaning: "The units of an order that was cancelled or expired can never be sold again.",
		substitutions: []substitution{
			{"actors/slip.go", "\t\ta.forward(op, &a.engine.shelf.get(line.ProductID).mailbox)\n", "\t\top.recycle()\n"}},
		test: in(engineFolder, "TestARefusedKeyIsDecidedAnew"),
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
		name:    "holds-of-last-run-never-end",
		meaning: "A start does not watch the deadlines of the orders that it finds.",
		substitutions: []substitution{
			{engineRecovery, "\ta.deadlines.follow(record)\n", ""}},
		test: in(engineFolder, "TestHoldsOfTheLastRunEndAfterAStart"),
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
		meaning: "An order actor that panicked does not answer whom it had in hand.",
		substitutions: []substitution{
			{engineOrder, "\t\top.refuse(inventory.Refusal{Code: inventory.CodeUnknownOutcome, Detail: \"The engine failed at this request.\"})\n", ""}},
		test: in(engineFolder, "TestAPanicRebuildsOneShard"),
	},
	{
		name:    "message-answered-twice",
		meaning: "An actor that passed a message on and then panicked answers it all the same.",
		substitutions: []substitution{
			{engineMailbox, "\tm.letGo(op)\n\tif to.enqueue(op) {\n", "\tif to.enqueue(op) {\n"}},
		test: in(engineFolder, "TestTenThousandPanics"),
	},
	{
		name:    "two-consumers-of-a-mailbox",
		meaning: "Whoever pushes on a mailbox whose consumer runs becomes a second consumer.",
		substitutions: []substitution{
			{engineMailbox, "\t\t\treturn old == nil\n", "\t\t\treturn old == nil || old == running\n"}},
		test: in(engineFolder, "TestMailboxAnswersEveryMessageOnce"),
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
		substitutions: []substitution{{engineOutage, "		case position != from:\n			return p.accept(from, position)\n", "		case position != from:\n			return from, nil\n"}},
		test:          in(engineFolder, "TestAnUnknownCommitIsFollowedUp"),
	},
	{
		name:          "corrupt-data-goes-on",
		meaning:       "The program goes on selling when the projection finds data that cannot be verified.",
		substitutions: []substitution{{engineProjector, "			p.engine.giveUp(err)\n", ""}},
		test:          in(engineFolder, "TestCorruptDataEndsTheProgram"),
	},
	{
		name:    "append-without-tenure",
		meaning: "An order is appended although a product has forgotten, in a panic, the units that it gave.",
		substitutions: []substitution{
			{engineOperation, "stop.product.tenure.Load() != stop.taken {", "false {"}},
		test: in(engineFolder, "TestAnOrderWhoseUnitsAreForgottenIsNotPlaced"),
	},
	{
		name:    "undecided-units-are-gone",
		meaning: "Who wants units that are not decided yet is refused.",
		substitutions: []substitution{
			{"actors/product.go", "\t\tv.wait, v.refusal = p.weigh(op.event.Customer, take, v.refusal)\n", ""}},
		test: in(engineFolder, "TestUndecidedUnitsAreNeitherSoldNorGone"),
	},
	{
		name:    "early-refusal-without-the-key",
		meaning: "A repeat of an accepted order is refused because its product is sold out by now.",
		substitutions: []substitution{
			{"actors/soldout.go", "\t\tif e.mayKnowKey(op.event.Key) {\n", "\t\tif false {\n"}},
		test: in(engineFolder, "TestARepeatIsAnsweredWhateverHappenedSince"),
	},
	{
		name:    "timers-run-during-recovery",
		meaning: "A hold that ended while the program did not run is ended before its confirm is replayed.",
		substitutions: []substitution{
			{"actors/expiry.go", "\tif !d.awake || d.wakesAt != 0", "\tif d.wakesAt != 0"}},
		test: in(engineFolder, "TestAStartWithOverdueHolds"),
	},
	{
		name:    "limit-not-counted",
		meaning: "A customer's units are not counted towards the limit.",
		substitutions: []substitution{
			{"actors/tenure.go", "\tif (*p)[customer] += units; (*p)[customer] == 0 {\n", "\tif (*p)[customer] += 0 * units; (*p)[customer] == 0 {\n"}},
		test: in(engineFolder, "TestALimitHoldsForParallelBaskets"),
	},
	{
		name:          "give-without-sequence",
		meaning:       "A rebuilt product gives units again that its new state has already.",
		substitutions: []substitution{{"actors/product.go", "	if op.sequence > p.rebuiltAt {\n", "	if true {\n"}},
		test:          in(engineFolder, "TestARebuiltProductIgnoresWhatItHas"),
	},
	{
		name:          "undo-without-tenure",
		meaning:       "A rebuilt product gives units back that it has forgotten.",
		substitutions: []substitution{{"actors/product.go", "	if op.oneSlip[0].taken == p.tenure.Load() {\n", "	if true {\n"}},
		test:          in(engineFolder, "TestARebuiltProductIgnoresWhatItHas"),
	},
	{
		name:          "rebuilds-pile-up",
		meaning:       "Every panic of an order actor adds a reader of its orders, and the last one counts.",
		substitutions: []substitution{{"actors/rebuild.go", "	a.endRebuild()\n", ""}},
		test:          in(engineFolder, "TestARebuildEndsTheOneBefore"),
	},
}
