package api

import "holdfast/inventory"

// ownCodes are the refusals of what is changed about the own account.
var ownCodes = []inventory.Code{inventory.CodeNotFound, inventory.CodeInvalidTransition, inventory.CodeUnknownOutcome, inventory.CodeOverloaded, codeRateLimited}

func factorRoutes() []route {
	return []route{
		{method: "POST", path: "/api/login/2fa", who: anyone, cost: 20, handle: loginSecondStep, body: secondStepBody{},
			summary: "Finish a login with a second factor",
			detail: "The code is what the device shows, or one of the recovery codes. A code is good once. After five codes with one token, or twenty " +
				"wrong ones in a day, further codes are answered with rate_limited; after the latter, recovery codes are still taken.",
			replies: []reply{{status: 200, description: "The account and its tokens.", body: sessionReply{}}},
			codes:   []inventory.Code{codeUnauthorized, codeForbidden, codeRateLimited, inventory.CodeUnknownOutcome}},
		{method: "POST", path: "/api/2fa/enroll", who: people, cost: 50, handle: enrollFactor, body: enrollBody{},
			summary: "Begin to set up a second factor",
			detail:  "Answers with a secret for a device, which counts once POST /api/2fa/activate has got a code of it.",
			replies: []reply{{status: 200, description: "The secret.", body: enrollReply{}}},
			codes:   ownCodes},
		{method: "POST", path: "/api/2fa/activate", who: people, cost: 20, handle: activateFactor, body: codeBody{},
			summary: "Put the second factor in force",
			detail:  "All sessions end; the answer has a new one, and ten recovery codes.",
			replies: []reply{{status: 200, description: "Recovery codes and a session.", body: activateReply{}}},
			codes:   ownCodes},
		{method: "POST", path: "/api/2fa/recovery-codes", who: people, cost: 50, handle: renewRecoveryCodes, body: bothFactorsBody{},
			summary: "Get new recovery codes",
			detail:  "Those from before are worth nothing from then on.",
			replies: []reply{{status: 200, description: "Recovery codes.", body: recoveryReply{}}},
			codes:   ownCodes},
		{method: "POST", path: "/api/2fa/disable", who: people, cost: 50, handle: disableFactor, body: bothFactorsBody{},
			summary: "Remove the second factor",
			detail:  "All sessions end; the answer has a new one. Staff has the rights of a customer from then on.",
			replies: []reply{{status: 200, description: "A session.", body: sessionReply{}}},
			codes:   ownCodes},
	}
}

func ownAccountRoutes() []route {
	return []route{
		{method: "POST", path: "/api/me/password", who: people, cost: 50, handle: changePassword, body: passwordBody{},
			summary: "Change your password",
			detail:  "All sessions end; the answer has a new one.",
			replies: []reply{{status: 200, description: "A session.", body: sessionReply{}}},
			codes:   ownCodes},
		{method: "POST", path: "/api/me/erase", who: people, cost: 50, handle: eraseAccount, body: eraseBody{},
			summary: "End your account",
			detail: "What tells of you is removed: address, name, password, and where you logged in. Your orders stay, under an id that means " +
				"nobody any more, because books have to be kept.",
			replies: []reply{{status: 204, description: "It is done."}},
			codes:   ownCodes},
		{method: "POST", path: "/api/password/forgot", who: anyone, cost: 20, handle: forgotPassword, body: forgottenBody{},
			summary: "Get a mail for a new password",
			detail:  "The answer is the same, and as fast, whether there is such an account or not. The mail is good for 30 minutes, once.",
			replies: []reply{{status: 202, description: "If there is such an account, a mail is on its way."}},
			codes:   []inventory.Code{codeRateLimited, codeMailUnavailable}},
		{method: "POST", path: "/api/password/reset", who: anyone, cost: 50, handle: resetPassword, body: resetBody{},
			summary: "Set a new password with the mail",
			detail:  "All sessions end.",
			replies: []reply{{status: 204, description: "It is the password now."}},
			codes:   []inventory.Code{codeUnauthorized, inventory.CodeStoreUnavailable, inventory.CodeUnknownOutcome, inventory.CodeOverloaded}},
		{method: "POST", path: "/api/setup", who: anyone, cost: 50, handle: makeFirstAdmin, body: setupBody{},
			summary: "Make the first administrator",
			detail:  "The start prints the token while there is no administrator. It is good for 15 minutes, once.",
			replies: []reply{{status: 201, description: "The account and its tokens.", body: sessionReply{}}},
			codes: []inventory.Code{codeUnauthorized, codeForbidden, codeEmailTaken, inventory.CodeInvalidTransition, inventory.CodeUnknownOutcome,
				inventory.CodeOverloaded}},
	}
}

func staffRoutes() []route {
	return []route{
		{method: "GET", path: "/api/users", who: admins, cost: 5, handle: listUsers,
			summary: "List accounts, by address",
			parameters: []parameter{limitInQuery, cursorInQuery,
				{name: "email", in: "query", kind: "string", bounds: []string{"minLength=1", "maxLength=254"}, description: "What the address begins with."},
				{name: "role", in: "query", kind: "string", enum: []string{"customer", "service", "admin"}, description: "Only accounts with this role."}},
			replies: []reply{{status: 200, description: "A page.", body: userPage{}, headers: [][2]string{linkHeader}}},
			codes:   []inventory.Code{codeInvalidCursor}},
		{method: "PUT", path: "/api/users/{id}", who: admins, cost: 5, handle: changeUserAccount, body: userChangeBody{},
			summary:    "Change the role of an account, or disable it",
			detail:     "Its sessions and access tokens end at once. Nobody can do it to the own account.",
			parameters: []parameter{idInPath},
			replies:    []reply{{status: 200, description: "The account.", body: userReply{}}},
			codes:      []inventory.Code{inventory.CodeNotFound, inventory.CodeInvalidTransition, inventory.CodeUnknownOutcome}},
		{method: "GET", path: "/api/apikeys", who: admins, cost: 5, handle: listKeys,
			summary: "List the API keys",
			replies: []reply{{status: 200, description: "All of them, by name.", body: keyList{}}}},
		{method: "POST", path: "/api/apikeys", who: admins, cost: 5, handle: makeKey, body: keyBody{},
			summary: "Make an API key",
			replies: []reply{{status: 201, description: "The key, which is shown once.", body: madeKeyReply{}}},
			codes:   []inventory.Code{inventory.CodeVersionConflict, inventory.CodeUnknownOutcome}},
		{method: "DELETE", path: "/api/apikeys/{id}", who: admins, cost: 5, handle: deleteKey,
			summary:    "Delete an API key",
			detail:     "It is refused from then on.",
			parameters: []parameter{idInPath},
			replies:    []reply{{status: 204, description: "It is deleted."}},
			codes:      []inventory.Code{inventory.CodeNotFound, inventory.CodeUnknownOutcome}},
		{method: "GET", path: "/api/audit", who: admins, cost: 5, handle: listAudit,
			summary:    "Read the audit log, newest first",
			detail:     "What was done to accounts, keys and the catalogue, and by whom. Each entry has the hash of the one before it in its own: \"holdfast audit verify\" checks them.",
			parameters: []parameter{limitInQuery, cursorInQuery},
			replies:    []reply{{status: 200, description: "A page.", body: auditPage{}, headers: [][2]string{linkHeader}}},
			codes:      []inventory.Code{codeInvalidCursor}},
	}
}
