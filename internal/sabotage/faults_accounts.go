package main

const (
	factorFile  = "api/second_factor.go"
	secondsFile = "internal/secondfactor/secondfactor.go"
)

// accountFaults weaken second factors and the record of what was done.
var accountFaults = []fault{
	{
		name:          "factor-not-asked-for",
		meaning:       "The password alone opens a session of staff.",
		substitutions: []substitution{{factorFile, "user.Role != persistence.RoleCustomer && !session.Strong", "false && !session.Strong"}},
		test:          in(apiFolder, "TestRow6StaffNeedsASecondFactor"),
	},
	{
		name:          "factor-wrong-codes-free",
		meaning:       "Wrong codes are not counted.",
		substitutions: []substitution{{factorFile, "		factor.Failures, factor.FailedAt = factor.Failures+1, x.now\n", ""}},
		test:          in(apiFolder, "TestRow7CodesAreNotGuessed"),
	},
	{
		name:          "password-in-the-log",
		meaning:       "A debug line tells the password of a login.",
		substitutions: []substitution{{"api/accounts.go", "	user, evaluated := x.checkLogin(", "	s.log.Debug(\"login\", \"body\", body)\n	user, evaluated := x.checkLogin("}},
		test:          in(commandFolder, "TestRow45CanarySecrets"),
	},
	{
		name:          "hashes-as-urgent-as-orders",
		meaning:       "Whoever logs in takes the processors from those who sell.",
		substitutions: []substitution{{"internal/password/polite_linux.go", "attributes.Policy = unix.SCHED_IDLE", "attributes.Policy = unix.SCHED_NORMAL"}},
		test:          in("internal/password", "TestAProcessGivesWayAndKnowsNoSecrets"),
	},
	{
		name:          "logins-in-vain-are-looked-up",
		meaning:       "Whoever logs in again and again keeps the database busy, although nothing can come of it.",
		substitutions: []substitution{{"internal/password/hasher.go", "	if err := h.enter(); err != nil {\n		return false, err\n	}\n	defer h.inside.Add(-1)\n	phc, err := find()\n	if err != nil {\n		return false, err\n	}\n", "	phc, err := find()\n	if err != nil {\n		return false, err\n	}\n	if err := h.enter(); err != nil {\n		return false, err\n	}\n	defer h.inside.Add(-1)\n"}},
		test:          in(apiFolder, "TestALoginThatWouldWaitInVainCostsNothing"),
	},
	{
		name:          "logins-starve",
		meaning:       "Nobody can log in while all processors are busy.",
		substitutions: []substitution{{"internal/password/worker.go", "		if !errors.Is(err, ErrBusy) {\n			return key, err", "		if true || !errors.Is(err, ErrBusy) {\n			return key, err"}},
		test:          in("internal/password", "TestAProcessThatGetsNoProcessorIsReplacedByANiceOne"),
	},
	{
		name:          "hash-that-hangs-is-waited-for",
		meaning:       "One process that hangs stops all logins.",
		substitutions: []substitution{{"internal/password/worker.go", "func() { _ = process.Kill() })", "func() { _ = process })"}},
		test:          in("internal/password", "TestAProcessThatHangsIsReplaced"),
	},
	{
		name:          "hash-after-a-death-fails",
		meaning:       "Nobody can log in any more once a process that hashed has died.",
		substitutions: []substitution{{"internal/password/worker.go", "if err != nil && running && !errors.Is(err, ErrBusy) {", "if err != nil && running && errors.Is(err, ErrBusy) {"}},
		test:          in("internal/password", "TestAProcessThatDiedIsReplaced"),
	},
	{
		name:          "factor-code-good-twice",
		meaning:       "A code is good again while its time lasts.",
		substitutions: []substitution{{secondsFile, " && candidate > last", ""}},
		test:          in(apiFolder, "TestRow8ACodeIsTakenOnce"),
	},
	{
		name:          "factor-step-not-kept",
		meaning:       "The step of an accepted code is not kept.",
		substitutions: []substitution{{factorFile, "	factor.Step = step\n", "	_ = step\n"}},
		test:          in(apiFolder, "TestRow8ACodeIsTakenOnce"),
	},
	{
		name:          "factor-window-wide",
		meaning:       "Codes are good for minutes.",
		substitutions: []substitution{{secondsFile, "stepsOff    = 1", "stepsOff    = 3"}},
		test:          in("internal/secondfactor", "TestACodeIsGoodOnceAndInItsTime"),
	},
	{
		name:          "factor-recovery-code-stays",
		meaning:       "A recovery code is good for ever.",
		substitutions: []substitution{{factorFile, "		factor.RecoveryCodes = left\n", "		_ = left\n"}},
		test:          in(apiFolder, "TestALoginHasTwoSteps"),
	},
	{
		name:          "pending-for-every-purpose",
		meaning:       "The token of a mail finishes a login.",
		substitutions: []substitution{{"internal/token/pending.go", "	code.Write([]byte(p.prefix))\n", ""}},
		test:          in(tokenFolder, "TestPendingTokens"),
	},
	{
		name:          "reset-good-twice",
		meaning:       "The link of a mail sets a password again.",
		substitutions: []substitution{{"api/mail.go", "		user.PasswordHash = hash\n		user.Version++\n", "		user.PasswordHash = hash\n"}},
		test:          in(apiFolder, "TestAForgottenPasswordIsReplacedByMail"),
	},
	{
		name:          "demoted-admin-goes-on",
		meaning:       "The access tokens of a role that was taken away stay good.",
		substitutions: []substitution{{"api/own_account.go", "		s.endVersions(&user, change.At)\n	case", "	case"}, {"api/own_account.go", "		s.revokeSessions(ended, change.At)\n", ""}},
		test:          in(apiFolder, "TestRow13ADemotedAdminIsRefused"),
	},
	{
		name:          "session-of-an-old-password",
		meaning:       "Whoever has shown a password that was changed meanwhile gets a session.",
		substitutions: []substitution{{"persistence/sqlite/sessions.go", "err == nil && version != session.AccountVersion:", "false:"}},
		test:          in("persistence/sqlite", "TestConformance/SessionsOfAnOldAccount"),
	},
	{
		name:          "own-account-changed-late",
		meaning:       "A change of the own account is made although somebody else has changed it since.",
		substitutions: []substitution{{"api/own_account.go", "	if user.Version != x.principal.Version || user.Disabled {", "	if false {"}},
		test:          in(apiFolder, "TestAnAccountThatChangedMeanwhileIsLeftAlone"),
	},
	{
		name:          "two-first-admins",
		meaning:       "Whoever has the link makes an administrator although there is one.",
		substitutions: []substitution{{"persistence/sqlite/users.go", "		case err == nil:\n			return persistence.ErrVersion\n", "		case err == nil:\n"}},
		test:          in("persistence/sqlite", "TestConformance/FirstAdmin"),
	},
	{
		name:          "audit-without-a-chain",
		meaning:       "An entry does not depend on the one before it.",
		substitutions: []substitution{{"persistence/audit.go", "binary.BigEndian.AppendUint64(before[:], uint64(e.Number))", "binary.BigEndian.AppendUint64(before[:0], uint64(e.Number))"}},
		test:          in("persistence", "TestTheAuditLogShowsEveryChange"),
	},
	{
		name:          "audit-end-not-looked-at",
		meaning:       "The last entries can be deleted without a trace.",
		substitutions: []substitution{{"persistence/audit.go", "if err == nil && (number != entries || hash != before) {", "if false {"}},
		test:          in("persistence", "TestTheAuditLogShowsEveryChange"),
	},
	{
		name:          "key-deleted-and-good",
		meaning:       "A key that was deleted is taken from the cache.",
		substitutions: []substitution{{"api/api_keys.go", "		x.server.revocations.EndKey(id)\n", ""}},
		test:          in(apiFolder, "TestAPIKeysAreMadeAndDeleted"),
	},
	{
		name:    "weak-hashes-stay",
		meaning: "A password that was hashed with weaker parameters keeps its weak hash for ever.",
		substitutions: []substitution{{"api/accounts.go",
			"		if password.Weak(user.PasswordHash) {\n", "		if false {\n"}},
		test: in("api", "TestRow3ALoginRenewsAWeakHash"),
	},
}
