package main

const (
	postgresClaim   = "persistence/postgres/claim.go"
	postgresSchema  = "persistence/postgres/schema.go"
	postgresTables  = "persistence/postgres/tables.go"
	postgresRestore = "persistence/postgres/restore.go"
)

// operationsFaults lose something in a backup, a restore or a migration, or let two
// programs write to one database.
var operationsFaults = []fault{
	{
		name:          "claim-not-asked",
		meaning:       "Whoever claims the database gets it, also while another program has it.",
		substitutions: []substitution{{postgresClaim, "err == nil && !taken {\n", "err == nil && !taken && limited == nil {\n"}},
		test:          in(postgresFolder, "TestOneProgramClaimsADatabase"),
	},
	{
		name:          "claim-not-kept",
		meaning:       "A claim ends with its session, and nobody notices.",
		substitutions: []substitution{{postgresClaim, "			if pause(ctx, claimKeepPause) != nil {\n", "			if pause(ctx, claimKeepPause) == nil {\n"}},
		test:          in(postgresFolder, "TestAClaimIsTakenAnew"),
	},
	{
		name:          "claim-lost-goes-on",
		meaning:       "A server goes on although another one has taken its database.",
		substitutions: []substitution{{"cmd/holdfast/database.go", "s.store.claim(ctx, s.fail)", "s.store.claim(ctx, func(error) {})"}},
		test:          in(commandFolder, "TestAServerWhoseDatabaseWasTakenStops"),
	},
	{
		name:          "migrated-under-a-server",
		meaning:       "A newer program migrates the database that an older one serves from.",
		substitutions: []substitution{{postgresSchema, "	if version > 0 {\n", "	if version < 0 {\n"}},
		test:          in(postgresFolder, "TestAClaimedDatabaseIsNotMigrated"),
	},
	{
		name:          "migration-undone-with-orders",
		meaning:       "A migration that orders are lost with is undone.",
		substitutions: []substitution{{"migrations/migration.go", "		case last.Loses == \"\":\n", "		case last.Version == 0:\n"}},
		test:          in("migrations", "TestList"),
	},
	{
		name:          "copy-of-many-moments",
		meaning:       "The tables of a backup are of different moments.",
		substitutions: []substitution{{postgresTables, "IsoLevel: pgx.RepeatableRead", "IsoLevel: pgx.ReadCommitted"}},
		test:          in(postgresFolder, "TestACopyIsOneMoment"),
	},
	{
		name:          "copy-mixed-with-rows",
		meaning:       "A backup is put into a database that has something.",
		substitutions: []substitution{{postgresRestore, "		if occupied {\n", "		if occupied && i < 0 {\n"}},
		test:          in(postgresFolder, "TestACopyGoesIntoAnEmptyDatabaseOnly"),
	},
	{
		name:          "copy-rows-not-counted",
		meaning:       "A file of a backup that lost its end is taken for whole.",
		substitutions: []substitution{{postgresRestore, "	if tag.RowsAffected() != t.Rows {\n", "	if tag.RowsAffected() > t.Rows {\n"}},
		test:          in(postgresFolder, "TestACopyComesWholeOrNotAtAll"),
	},
	{
		name:          "later-products-forgotten",
		meaning:       "A restored database lacks the products that the journal after the backup is about: no server starts on it.",
		substitutions: []substitution{{"cmd/holdfast/restoreproducts.go", "	if err != nil || len(lost) == 0 {\n", "	if err != nil || len(lost) >= 0 {\n"}},
		test:          in(commandFolder, "TestALostDatabaseCostsNoOrder/sqlite"),
	},
	{
		name:          "half-a-restore-served",
		meaning:       "A server starts on a data directory of which a restore was cut off.",
		substitutions: []substitution{{"cmd/holdfast/datadirectory.go", "	if err == nil && half {\n", "	if err == nil && half && d == nil {\n"}},
		test:          in(commandFolder, "TestARestoreThatWasCutOff/sqlite"),
	},
	{
		name:          "side-files-mixed-with-a-restore",
		meaning:       "SQLite takes the log of the lost database for one of the restored.",
		substitutions: []substitution{{"cmd/holdfast/databasecopy.go", "[]string{path, path + \"-wal\", path + \"-shm\", path + \"-journal\"}", "[]string{path}"}},
		test:          in(commandFolder, "TestBackupAndRestoreRefuse"),
	},
	{
		name:          "half-restore-is-for-ever",
		meaning:       "A restore of the database alone that was killed at its end cannot be run again.",
		substitutions: []substitution{{"cmd/holdfast/databasecopy.go", "there && !cutOff", "there || cutOff"}},
		test:          in(commandFolder, "TestARestoreOfTheDatabaseMayBeKilled"),
	},
	{
		name:          "lost-database-made-anew",
		meaning:       "A start makes an empty database in the place of one that is lost.",
		substitutions: []substitution{{"cmd/holdfast/database.go", "	if err := directory.refuseLostDatabase(); err != nil {\n", "	if err := directory.refuseLostDatabase(); err != nil && address != \"\" {\n"}},
		test:          in(commandFolder, "TestAnEmptyDatabaseIsRefused"),
	},
	{
		name:          "renewed-journal-in-the-old-epoch",
		meaning:       "A journal that goes on in the place of a lost one is taken for the same history.",
		substitutions: []substitution{{"persistence/journal/branch.go", "epoch: max(epoch, after.Epoch+1), first: after.Sequence", "epoch: after.Epoch, first: after.Sequence"}},
		test:          in(commandFolder, "TestALostJournalCostsNothingThatTheDatabaseHas/sqlite"),
	},
	{
		name:          "long-run-repeated-as-it-is",
		meaning:       "A run that takes the database too long is tried again at the same size for ever.",
		substitutions: []substitution{{"actors/projector.go", "			p.recordsMax = max(min(p.recordsMax, len(records))/2, 1)\n", ""}},
		test:          in("actors", "TestARunThatTakesTooLongIsMadeSmaller"),
	},
}
