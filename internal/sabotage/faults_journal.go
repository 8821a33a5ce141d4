package main

const (
	journalFolder   = "persistence/journal"
	journalWriter   = "persistence/journal/writer.go"
	journalRecovery = "persistence/journal/recovery.go"
	journalHistory  = "persistence/journal/history.go"
)

// journalFaults lose what was acknowledged, or acknowledge what can be lost.
var journalFaults = []fault{
	{
		name:    "acknowledge-before-sync",
		meaning: "Entries are told durable when their batch is written, and the sync follows.",
		substitutions: []substitution{
			{journalWriter, "	start := j.options.Clock.Now()\n", "	b.tell(nil)\n	start := j.options.Clock.Now()\n"},
			{journalWriter, "	b.tell(nil)\n	records := len(b.entries)\n", "	records := len(b.entries)\n"},
		},
		test: in(journalFolder, "TestNoAcknowledgementBeforeTheSyncEnds"),
	},
	{
		name:    "acknowledge-without-sync",
		meaning: "A batch is written and never synced: the page cache is taken for the disk.",
		substitutions: []substitution{{journalWriter,
			"	if err := j.current.file.Sync(); err != nil {\n", "	if err := error(nil); err != nil {\n"}},
		test: in(journalFolder, "TestCrashAnywhereKeepsWhatWasAcknowledged"),
	},
	{
		name:    "no-directory-sync-after-roll",
		meaning: "A segment that was given its name is used before the directory is synced.",
		substitutions: []substitution{{journalWriter,
			"	if err := j.options.FS.SyncDirectory(directory); err != nil {\n		return err\n	}\n", ""}},
		test: in(journalFolder, "TestRolledSegmentSurvivesLostDirectoryEntries"),
	},
	{
		name:    "no-directory-sync-after-recovery",
		meaning: "The copy of the last segment takes its place, and the directory is not synced.",
		substitutions: []substitution{{journalRecovery,
			"	if err := fs.SyncDirectory(directory); err != nil {\n		return fmt.Errorf(\"sync the directory: %w\", err)\n	}\n", ""}},
		test: in(journalFolder, "TestFirstSegmentSurvivesLostDirectoryEntries"),
	},
	{
		name:    "no-directory-sync-after-release",
		meaning: "Segments are deleted one after the other without a sync of the directory: a crash can leave a gap.",
		substitutions: []substitution{{"persistence/journal/release.go",
			"	if err := fs.SyncDirectory(directory); err != nil {\n", "	if err := error(nil); err != nil {\n"}},
		test: in(journalFolder, "TestReleaseLeavesNoGapAfterACrash"),
	},
	{
		name:    "retry-failed-sync",
		meaning: "A sync that failed is tried again, and its success is believed although the pages are gone.",
		substitutions: []substitution{{journalWriter,
			"	if err := j.current.file.Sync(); err != nil {\n		return result, j.failed(\"sync\", b, err)\n	}\n",
			"	if err := j.current.file.Sync(); err != nil {\n		if err = j.current.file.Sync(); err != nil {\n" +
				"			return result, j.failed(\"sync\", b, err)\n		}\n	}\n"}},
		test: in(journalFolder, "TestEveryOperationMayFail"),
	},
	{
		name:          "failed-sync-told-durable",
		meaning:       "When the sync of a batch fails, its entries are told that they are durable.",
		substitutions: []substitution{{journalWriter, "		b.tell(err)\n", "		b.tell(nil)\n"}},
		test:          in(journalFolder, "TestFailedSyncIsNeverRetried"),
	},
	{
		name:          "appends-go-on-after-failure",
		meaning:       "The journal takes records after a failed sync, as if the next one could be believed.",
		substitutions: []substitution{{"persistence/journal/journal.go", "	if j.closing || j.fault != nil || j.ended != nil {\n", "	if j.closing {\n"}},
		test:          in(journalFolder, "TestFailedSyncIsNeverRetried"),
	},
	{
		name:          "truncate-at-first-bad-checksum",
		meaning:       "Damage in the last segment is taken for its torn end, although valid batches follow.",
		substitutions: []substitution{{"persistence/journal/tail.go", "	if t.found {\n", "	if t.found && cause == nil {\n"}},
		test:          in(journalFolder, "TestDamageBeforeTheTailIsRefused"),
	},
	{
		name:          "watermark-not-checked",
		meaning:       "An older copy of the last segment is accepted, although the watermark knows of more.",
		substitutions: []substitution{{journalHistory, "	if i.history.watermark.valid {\n", "	if false {\n"}},
		test:          in(journalFolder, "TestOlderCopyOfTheLastSegmentIsRefused"),
	},
	{
		name:          "watermark-not-raised",
		meaning:       "The watermark is written only when the journal is closed in order.",
		substitutions: []substitution{{journalWriter, "	return result, j.watermark.write(result.end, false)\n", "	return result, nil\n"}},
		test:          in(journalFolder, "TestWatermarkOfAKilledProcessRefusesAnOlderCopy"),
	},
	{
		name:    "database-ahead-accepted",
		meaning: "A journal that ends before what the database holds is accepted.",
		substitutions: []substitution{{journalHistory,
			"	if projected != (persistence.Position{}) {\n		i.marks", "	if false {\n		i.marks"}},
		test: in(journalFolder, "TestDatabaseOfAnotherHistoryIsRefused"),
	},
	{
		name:    "gap-behind-database-accepted",
		meaning: "A journal that begins after what the database holds is accepted: the records between are lost.",
		substitutions: []substitution{{journalHistory,
			"	if h.begin.Sequence > projected.Sequence {\n", "	if false {\n"}},
		test: in(journalFolder, "TestGapBetweenDatabaseAndJournalIsRefused"),
	},
	{
		name:    "foreign-segment-accepted",
		meaning: "Segments are put together by their sequences alone, whatever history they belong to.",
		substitutions: []substitution{
			{journalHistory, "	case header.journal != end.Journal:\n", "	case false:\n"},
			{journalHistory, "	case before.Hash != end.Hash:\n", "	case false:\n"},
		},
		test: in(journalFolder, "TestPartOfAnotherHistoryIsRefused/segment"),
	},
	{
		name:          "foreign-batch-accepted",
		meaning:       "A batch is believed by its checksum and sequence, although it follows another history.",
		substitutions: []substitution{{"persistence/journal/cursor.go", "	case header.previous != c.end.Hash:\n", "	case false:\n"}},
		test:          in(journalFolder, "TestPartOfAnotherHistoryIsRefused/batch"),
	},
	{
		name:    "recovered-tail-not-synced",
		meaning: "What a start found is copied and served before the copy is synced.",
		substitutions: []substitution{{journalRecovery,
			"	return zeroFill(file, end, header.bytes, func() error { return nil })\n",
			"	return writeFull(file, make([]byte, header.bytes-end), end)\n"}},
		test: in(journalFolder, "TestRecoveredTailIsSyncedBeforeItIsServed"),
	},
	{
		name:    "segment-named-before-first-batch",
		meaning: "A segment gets its name before its header and first batch are synced.",
		substitutions: []substitution{
			{journalWriter, "	if err := writeFull(j.current.file, data, offset); err != nil {\n",
				"	if next != nil {\n		if err := j.enter(result.added.name); err != nil {\n			return result, err\n		}\n	}\n" +
					"	if err := writeFull(j.current.file, data, offset); err != nil {\n"},
			{journalWriter, "	if next != nil {\n		if err := j.enter(result.added.name); err != nil {\n			return result, j.failed(\"name the segment of\", b, err)\n		}\n	}\n", ""},
		},
		test: in(journalFolder, "TestCrashAnywhereKeepsWhatWasAcknowledged"),
	},
	{
		name:          "release-what-sql-lacks",
		meaning:       "A segment is deleted although the database does not have all of it.",
		substitutions: []substitution{{"persistence/journal/release.go", " && j.segments[below].last <= sequence {\n", " {\n"}},
		test:          in(journalFolder, "TestReleaseDeletesWholeSegmentsBelow"),
	},
	{
		name:          "append-without-room",
		meaning:       "A record is appended on a full disk although it has no place in a segment.",
		substitutions: []substitution{{"persistence/journal/journal.go", "	case j.full:\n		return persistence.ErrJournalFull\n", "	case j.full:\n		return nil\n"}},
		test:          in(journalFolder, "TestFullDiskRefusesAndResumes"),
	},
	{
		name:    "two-processes-one-journal",
		meaning: "The lock of the data directory does not keep a second process out.",
		substitutions: []substitution{{"persistence/journal/lock.go",
			"unix.LOCK_EX|unix.LOCK_NB", "unix.LOCK_SH|unix.LOCK_NB"}},
		test: in(journalFolder, "TestLockDirectoryIsExclusive"),
	},
	{
		name:    "reader-ahead-of-sync",
		meaning: "Readers see batches that are written and not synced, so SQL can get ahead of the journal.",
		substitutions: []substitution{
			{journalWriter, "	start := j.options.Clock.Now()\n", "	j.durable.Store(result.end.Sequence)\n	start := j.options.Clock.Now()\n"},
		},
		test: in(journalFolder, "TestReaderSeesDurableBatchesOnly"),
	},
	{
		name:          "together-parted",
		meaning:       "Other records, and the end of a batch, come between records that belong together.",
		substitutions: []substitution{{"persistence/journal/together.go", "	for _, entry := range entries {\n", "	for _, entry := range entries {\n		j.mutex.Unlock()\n		j.mutex.Lock()\n"}},
		test:          in(journalFolder, "TestNothingPartsWhatBelongsTogether"),
	},
}
