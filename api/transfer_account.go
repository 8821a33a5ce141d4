package api

// The bodies of accounts, sessions, keys and the audit log: see transfer.go.

type registerBody struct {
	Email    string `json:"email" doc:"The address; its case does not matter." schema:"format=email;minLength=3;maxLength=254"`
	Password string `json:"password" doc:"15 to 128 characters; well-known passwords and your own name are refused." schema:"minLength=15;maxLength=128"`
	Name     string `json:"name" doc:"What to call you." schema:"minLength=1;maxLength=100"`
	Cookies  bool   `json:"cookies,omitzero" doc:"Puts the tokens into cookies, which scripts of pages cannot read, in place of the answer."`
}

type loginBody struct {
	Email    string `json:"email" schema:"minLength=1;maxLength=254"`
	Password string `json:"password" schema:"minLength=1;maxLength=128"`
	Cookies  bool   `json:"cookies,omitzero" doc:"Puts the tokens into cookies, which scripts of pages cannot read, in place of the answer."`
}

type userReply struct {
	ID           string `json:"id" schema:"format=uuid"`
	Email        string `json:"email"`
	Name         string `json:"name"`
	Role         string `json:"role" doc:"Without a second factor, staff has the rights of a customer." schema:"enum=customer|service|admin"`
	Disabled     bool   `json:"disabled"`
	SecondFactor bool   `json:"second_factor" doc:"Whether a second factor is asked for."`
	CreatedAt    string `json:"created_at" schema:"format=date-time"`
}

type userPage struct {
	Items      []userReply `json:"items"`
	NextCursor *string     `json:"next_cursor" doc:"Null on the last page."`
}

type userChangeBody struct {
	Role     string `json:"role" schema:"enum=customer|service|admin"`
	Disabled bool   `json:"disabled" doc:"Whether nobody can log in to it."`
}

// secondStepReply is what a login answers that needs a second step.
type secondStepReply struct {
	MFARequired bool   `json:"mfa_required" doc:"Always true."`
	MFAToken    string `json:"mfa_token" doc:"For POST /api/login/2fa."`
	ExpiresIn   int64  `json:"expires_in" doc:"Seconds until the token ends." schema:"minimum=1"`
}

// loginReply describes both answers of a login: a session, or the need of a second step.
type loginReply struct {
	User             *userReply `json:"user,omitzero"`
	AccessToken      string     `json:"access_token,omitzero" doc:"Send it as Authorization: Bearer."`
	TokenType        string     `json:"token_type,omitzero" schema:"enum=Bearer"`
	ExpiresIn        int64      `json:"expires_in" doc:"Seconds until the access token, or mfa_token, ends." schema:"minimum=1"`
	RefreshToken     string     `json:"refresh_token,omitzero" doc:"For one POST /api/refresh, which answers with the next."`
	RefreshExpiresIn int64      `json:"refresh_expires_in,omitzero" doc:"Seconds until the session ends unless it is refreshed." schema:"minimum=0"`
	MFARequired      bool       `json:"mfa_required,omitzero" doc:"true when a second step is needed; then only mfa_token is there."`
	MFAToken         string     `json:"mfa_token,omitzero" doc:"For POST /api/login/2fa."`
}

type secondStepBody struct {
	MFAToken string `json:"mfa_token" schema:"minLength=1;maxLength=256"`
	Code     string `json:"code" doc:"What the device shows, or a recovery code." schema:"minLength=1;maxLength=64"`
	Cookies  bool   `json:"cookies,omitzero" doc:"Puts the tokens into cookies, which scripts of pages cannot read, in place of the answer."`
}

type codeBody struct {
	Code string `json:"code" doc:"What the device shows." schema:"minLength=1;maxLength=64"`
}

type enrollBody struct {
	Password string `json:"password" schema:"minLength=1;maxLength=128"`
}

type enrollReply struct {
	Secret  string `json:"secret" doc:"To type into a device. It is not shown again."`
	Address string `json:"otpauth_uri" doc:"The same for a device that reads addresses."`
	Picture string `json:"qr_code" doc:"The same as a QR code, a data: address with a PNG."`
}

type activateReply struct {
	RecoveryCodes []string      `json:"recovery_codes" doc:"Each is good once in place of a code. They are not shown again."`
	Session       *sessionReply `json:"session" doc:"A new session; all others have ended. null when none could be opened: log in."`
}

type recoveryReply struct {
	RecoveryCodes []string `json:"recovery_codes" doc:"Each is good once in place of a code. They are not shown again."`
}

// bothFactorsBody shows both factors.
type bothFactorsBody struct {
	Password string `json:"password" schema:"minLength=1;maxLength=128"`
	Code     string `json:"code" doc:"What the device shows, or a recovery code." schema:"minLength=1;maxLength=64"`
}

type passwordBody struct {
	Password    string `json:"password" doc:"The present one." schema:"minLength=1;maxLength=128"`
	NewPassword string `json:"new_password" doc:"15 to 128 characters; well-known passwords and your own name are refused." schema:"minLength=15;maxLength=128"`
	Code        string `json:"code,omitzero" doc:"Of the second factor, when there is one." schema:"maxLength=64"`
}

type eraseBody struct {
	Password string `json:"password" schema:"minLength=1;maxLength=128"`
	Code     string `json:"code,omitzero" doc:"Of the second factor, when there is one." schema:"maxLength=64"`
}

type forgottenBody struct {
	Email string `json:"email" schema:"minLength=1;maxLength=254"`
}

type resetBody struct {
	Token       string `json:"token" doc:"Of the mail." schema:"minLength=1;maxLength=256"`
	NewPassword string `json:"new_password" doc:"15 to 128 characters; well-known passwords and your own name are refused." schema:"minLength=15;maxLength=128"`
}

type setupBody struct {
	Token    string `json:"token" doc:"Of the link that the start has printed." schema:"minLength=1;maxLength=128"`
	Email    string `json:"email" doc:"The address; its case does not matter." schema:"format=email;minLength=3;maxLength=254"`
	Password string `json:"password" doc:"15 to 128 characters; well-known passwords and your own name are refused." schema:"minLength=15;maxLength=128"`
	Name     string `json:"name" doc:"What to call you." schema:"minLength=1;maxLength=100"`
	Cookies  bool   `json:"cookies,omitzero" doc:"Puts the tokens into cookies, which scripts of pages cannot read, in place of the answer."`
}

type keyBody struct {
	Name string `json:"name" doc:"What the key is for; unique." schema:"minLength=1;maxLength=100"`
	Role string `json:"role" schema:"enum=service|admin"`
}

type keyItem struct {
	ID        string `json:"id" schema:"format=uuid"`
	Name      string `json:"name"`
	Role      string `json:"role" schema:"enum=service|admin"`
	CreatedAt string `json:"created_at" schema:"format=date-time"`
}

type keyList struct {
	Items []keyItem `json:"items"`
}

type madeKeyReply struct {
	Item keyItem `json:"item"`
	Key  string  `json:"key" doc:"The key itself. It is not shown again."`
}

type auditItem struct {
	Number  int64   `json:"number" schema:"minimum=1"`
	At      string  `json:"at" schema:"format=date-time"`
	Actor   *string `json:"actor" doc:"The account or API key; null is a command at the machine." schema:"format=uuid"`
	Action  string  `json:"action"`
	Subject string  `json:"subject"`
	Detail  string  `json:"detail"`
	Address string  `json:"address"`
	Hash    string  `json:"hash" doc:"SHA-256 over the entry and the hash of the one before it, in hexadecimal."`
}

type auditPage struct {
	Items      []auditItem `json:"items"`
	NextCursor *string     `json:"next_cursor" doc:"Null on the last page."`
}

type sessionReply struct {
	User        userReply `json:"user"`
	AccessToken string    `json:"access_token,omitzero" doc:"Send it as Authorization: Bearer. Absent when it is in a cookie."`
	TokenType   string    `json:"token_type,omitzero" schema:"enum=Bearer"`
	ExpiresIn   int64     `json:"expires_in" doc:"Seconds until the token ends." schema:"minimum=1"`
	// The names of the two that follow are those of RFC 6749 where it has one.
	RefreshToken     string `json:"refresh_token,omitzero" doc:"Absent when it is in a cookie. For one POST /api/refresh, which answers with the next."`
	RefreshExpiresIn int64  `json:"refresh_expires_in" doc:"Seconds until the session ends unless it is refreshed." schema:"minimum=0"`
}

type refreshBody struct {
	RefreshToken string `json:"refresh_token,omitzero" doc:"Required unless a cookie has it." schema:"minLength=1;maxLength=128"`
}

type sessionList struct {
	Items []sessionItem `json:"items"`
}

type sessionItem struct {
	ID        string `json:"id" schema:"format=uuid"`
	Current   bool   `json:"current" doc:"Whether it is the session of this request."`
	CreatedAt string `json:"created_at" schema:"format=date-time"`
	UsedAt    string `json:"used_at" doc:"When its last refresh token was issued." schema:"format=date-time"`
	ExpiresAt string `json:"expires_at" doc:"When it ends unless it is refreshed." schema:"format=date-time"`
	Address   string `json:"address" doc:"Where the login came from."`
	Agent     string `json:"agent" doc:"What the program there says it is."`
}
