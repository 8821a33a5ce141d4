package main

const (
	sessionsFile    = "api/sessions.go"
	revocationsFile = "internal/token/revocations.go"
	tokenFolder     = "internal/token"
)

// sessionFaults let somebody in who should not be.
var sessionFaults = []fault{
	{
		name:          "session-reuse-forgiven",
		meaning:       "A refresh token that is used again is refused, and its session goes on.",
		substitutions: []substitution{{sessionsFile, "		x.refuseSession(ctx, &session)\n	case errors.Is(err, persistence.ErrNotFound):", "		x.failRefresh()\n	case errors.Is(err, persistence.ErrNotFound):"}},
		test:          in(apiFolder, "TestRow14RefreshTokensUsedAgain"),
	},
	{
		name:          "session-repeat-for-ever",
		meaning:       "A refresh token answers with its successor however late it is sent again.",
		substitutions: []substitution{{sessionsFile, " && now-session.UsedAt <= instant(refreshRepeatMax)", ""}},
		test:          in(apiFolder, "TestRow14RefreshTokensUsedAgain"),
	},
	{
		name:          "session-refreshed-when-closed",
		meaning:       "Whose account was closed still gets tokens.",
		substitutions: []substitution{{sessionsFile, "err == nil && (user.Disabled || !token.KnownRole(user.Role))", "false"}},
		test:          in(apiFolder, "TestAClosedAccountIsNotRefreshed"),
	},
	{
		name:          "revocation-not-asked",
		meaning:       "A token that is in the cache is accepted although its session has ended.",
		substitutions: []substitution{{"api/authenticate.go", "	if s.revocations.Has(principal) {", "	if false {"}},
		test:          in(apiFolder, "TestALogoutEndsTheSession"),
	},
	{
		name:          "revocation-lost-by-a-restart",
		meaning:       "Before it is known which sessions have ended, everybody is let in.",
		substitutions: []substitution{{"api/authenticate.go", "	if !s.recalled.Load() {", "	if false {"}},
		test:          in(apiFolder, "TestRow13RevocationsOutliveARestart"),
	},
	{
		name:          "revocation-forgotten-early",
		meaning:       "A session that has ended is forgotten while its tokens are good.",
		substitutions: []substitution{{revocationsFile, "if at-r.youngSince > sessionLifetime {", "if at-r.youngSince > sessionLifetime/2 {"}},
		test:          in(tokenFolder, "TestAnEndedSessionIsRevokedWhileItsTokensWouldBeGood"),
	},
	{
		name:          "revocation-older-change-wins",
		meaning:       "Of two changes of an account the one that is heard of last counts.",
		substitutions: []substitution{{revocationsFile, "if version > r.accounts[id].version {", "if true {"}},
		test:          in(tokenFolder, "TestOlderVersionsOfAnAccountAreRevoked"),
	},
	{
		name:          "role-change-keeps-sessions",
		meaning:       "Who is no administrator any more goes on with the session of one.",
		substitutions: []substitution{{"persistence/sqlite/users.go", "if err == nil && user.Version != before {", "if false {"}},
		test:          in("persistence/sqlite", "TestConformance/ChangedUsers"),
	},
	{
		name:          "logins-count-themselves-only",
		meaning:       "Logins at the same time leave a user more sessions than there may be.",
		substitutions: []substitution{{"persistence/postgres/sessions.go", "AND NOT disabled FOR NO KEY UPDATE\"", "AND NOT disabled\""}},
		test:          in("persistence/postgres", "TestConformance/SessionsAreBounded"),
	},
	{
		name:          "sockets-outlive-their-session",
		meaning:       "A WebSocket stays that of a user whose session has ended.",
		substitutions: []substitution{{"api/ticker/hub.go", "			if c.revoked() {\n", "			if false {\n"}},
		test:          in("api/ticker", "TestConnectionsEndWithTheirSession"),
	},
}
