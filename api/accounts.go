package api

import (
	"errors"
	"net/mail"
	"strings"

	"github.com/go-json-experiment/json"

	"holdfast/internal/identifier"
	"holdfast/internal/password"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// register makes a customer account and logs it in.
func register(x *exchange) {
	var body registerBody
	if !x.decode(&body) {
		return
	}
	email, valid := normaliseEmail(body.Email)
	name := strings.TrimSpace(body.Name)
	var fields []fieldError
	if !valid {
		fields = append(fields, fieldError{pointer: "#/email", code: fieldInvalid, detail: "It must be a plain email address of at most 254 bytes."})
	}
	if name == "" || strings.ContainsAny(name, "\t\n") {
		fields = append(fields, fieldError{pointer: "#/name", code: fieldInvalid, detail: "It must be one line that is not empty."})
	}
	if reason := password.Check(body.Password, name, email); reason != "" {
		fields = append(fields, fieldError{pointer: "#/password", code: fieldInvalid, detail: string(reason)})
	}
	if len(fields) > 0 {
		x.failFields(fields...)
		return
	}
	hash, err := x.server.hasher.Hash(x.server.living, body.Password)
	if err != nil {
		x.failHashing(err)
		return
	}
	user := persistence.User{ID: identifier.Unsharded(x.now), Email: email, Name: name,
		Role: persistence.RoleCustomer, PasswordHash: hash, CreatedAt: x.now}
	ctx, cancel := x.storeContext()
	defer cancel()
	switch err := x.server.store.CreateUsers(ctx, []persistence.User{user}); {
	case errors.Is(err, persistence.ErrExists):
		x.fail(codeEmailTaken, "There is an account with this address. Log in instead.")
	case err != nil:
		x.failStore("creating an account", err)
	default:
		x.answerSession(201, &user)
	}
}

// login exchanges address and password for an access token. Unknown address,
// wrong password and closed account take the same time and get the same answer.
func login(x *exchange) {
	var body loginBody
	if !x.decode(&body) {
		return
	}
	user, err := x.findUser(body.Email)
	if err != nil {
		x.failStore("looking up an account", err)
		return
	}
	matches, err := x.server.hasher.Verify(x.server.living, body.Password, user.PasswordHash)
	switch {
	case errors.Is(err, password.ErrHash):
		x.server.log.Error("an account's password hash is broken", "user_id", user.ID.String(), "error", err)
	case err != nil:
		x.failHashing(err)
		return
	}
	if !matches || user.Disabled || user.ID.IsZero() || !token.KnownRole(user.Role) {
		x.fail(codeUnauthorized, "The address or the password is wrong.")
		return
	}
	x.answerSession(200, &user)
}

// findUser returns the account with the address, or the zero User.
func (x *exchange) findUser(address string) (persistence.User, error) {
	email, valid := normaliseEmail(address)
	if !valid {
		return persistence.User{}, nil
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	user, err := x.server.store.UserByEmail(ctx, email)
	if errors.Is(err, persistence.ErrNotFound) {
		return persistence.User{}, nil
	}
	return user, err
}

// me returns the caller's account.
func me(x *exchange) {
	ctx, cancel := x.storeContext()
	defer cancel()
	user, err := x.server.store.UserByID(ctx, x.principal.ID)
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		x.fail(inventory.CodeNotFound, "No person's account belongs to this credential.")
	case err != nil:
		x.failStore("reading an account", err)
	default:
		x.answerJSON(200, userReplyOf(&user))
	}
}

// answerSession sends an account with a fresh access token.
func (x *exchange) answerSession(status int, user *persistence.User) {
	access, err := x.server.signer.Issue(token.Principal{ID: user.ID, Role: user.Role}, token.AccessLifetime)
	if err != nil {
		panic(err) // only for an account without id or role, which is excluded before
	}
	x.answerJSON(status, sessionReply{User: userReplyOf(user), AccessToken: access, TokenType: "Bearer",
		ExpiresIn: int64(token.AccessLifetime.Seconds())})
}

// failHashing answers when no password could be hashed in time.
func (x *exchange) failHashing(err error) {
	x.server.log.Warn("a password was not hashed", "error", err, "request_id", string(x.requestID))
	x.fail(inventory.CodeOverloaded, "Too many people are logging in at this moment. Try again.")
}

// answerJSON sends a body that is described by a struct.
func (x *exchange) answerJSON(status int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err) // only text that is not UTF-8, which no store holds
	}
	x.answer(status, encoded)
}

func userReplyOf(user *persistence.User) userReply {
	return userReply{ID: user.ID.String(), Email: user.Email, Name: user.Name, Role: string(user.Role),
		CreatedAt: instantText(user.CreatedAt)}
}

// normaliseEmail returns an address in lower case, when it is a plain one.
func normaliseEmail(text string) (string, bool) {
	text = strings.TrimSpace(text)
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != text || len(text) > emailBytesMax {
		return "", false
	}
	return strings.ToLower(text), true
}
