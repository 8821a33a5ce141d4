package api

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/mail"
	"strings"
	"unicode"

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
	if !x.decode(&body) || !x.takeCookies(body.Cookies) {
		return
	}
	user, fields := customerOf(&body)
	if len(fields) > 0 {
		x.failFields(fields...)
		return
	}
	hash, err := x.server.hasher.Hash(x.server.living, body.Password)
	if err != nil {
		x.failHashing(err)
		return
	}
	user.ID, user.PasswordHash, user.CreatedAt, user.Version = identifier.Unsharded(x.now), hash, x.now, 1
	ctx, cancel := x.storeContext()
	defer cancel()
	switch err := x.server.store.CreateUsers(ctx, []persistence.User{user}); {
	case errors.Is(err, persistence.ErrExists):
		x.fail(codeEmailTaken, "There is an account with this address. Log in instead.")
	case err != nil:
		x.failWrite("creating an account", err, "Log in; if that is refused, register again.")
	default:
		x.openSession(201, &user, false)
	}
}

// customerOf turns a body into an account, or says what is wrong with it.
func customerOf(body *registerBody) (persistence.User, []fieldError) {
	var fields []fieldError
	email, valid := normaliseEmail(body.Email)
	switch {
	case strings.HasSuffix(email, unreachableDomain):
		fields = append(fields, fieldError{pointer: "#/email", code: fieldInvalid, detail: "No mail can reach this address."})
	case !valid:
		fields = append(fields, fieldError{pointer: "#/email", code: fieldInvalid,
			detail: "It must be a plain email address of at most 254 bytes, without invisible characters, and beyond ASCII in small letters."})
	}
	name := strings.TrimSpace(body.Name)
	if name == "" || strings.ContainsFunc(name, isInvisible) {
		fields = append(fields, fieldError{pointer: "#/name", code: fieldInvalid,
			detail: "It must be one line that is not empty, without invisible characters."})
	}
	if reason := password.Check(body.Password, name, email); reason != "" {
		fields = append(fields, fieldError{pointer: "#/password", code: fieldInvalid, detail: string(reason)})
	}
	return persistence.User{Email: email, Name: name, Role: persistence.RoleCustomer}, fields
}

// unreachableDomain is that of addresses which no mail can reach (RFC 2606). Accounts
// that the shop makes itself, for customers of an import, are there: nobody may come
// before them.
const unreachableDomain = ".invalid"

// login exchanges address and password for an access token. Unknown address,
// wrong password and closed account take the same time and get the same answer.
func login(x *exchange) {
	var body loginBody
	if !x.decode(&body) || !x.takeCookies(body.Cookies) {
		return
	}
	s := x.server
	email, valid := normaliseEmail(body.Email)
	if !valid {
		email = body.Email // of nobody, and counted all the same
	}
	attempt, wait := s.logins.begin(email, x.address(), x.now)
	if wait > 0 {
		s.metrics.loginsLimited.Inc()
		x.failLimited("Too many logins have failed. Try again later.", wait)
		return
	}
	user, evaluated := x.checkLogin(email, valid, body.Password)
	switch {
	case !evaluated:
		attempt.undo()
	case user.ID.IsZero():
		x.fail(codeUnauthorized, "The address or the password is wrong.")
	default:
		attempt.succeed(x.now)
		if password.Weak(user.PasswordHash) {
			x.renewHash(&user, body.Password)
		}
		if user.Factor.Active {
			x.askForCode(&user)
			return
		}
		x.openSession(200, &user, false)
	}
}

// checkLogin returns the account that address and password open, or the zero User.
// When it could not look, it has answered, and evaluated is false.
func (x *exchange) checkLogin(email string, valid bool, secret string) (user persistence.User, evaluated bool) {
	var unread error
	matches, err := x.server.hasher.VerifyFound(x.server.living, secret, func() (string, error) {
		if valid {
			user, unread = x.findUser(email)
		}
		return user.PasswordHash, unread
	})
	switch {
	case unread != nil:
		x.failStore("looking up an account", unread)
		return persistence.User{}, false
	case errors.Is(err, password.ErrHash):
		x.server.log.Error("an account's password hash is broken", "user_id", user.ID.String(), "error", err)
	case err != nil:
		x.failHashing(err)
		return persistence.User{}, false
	}
	if !matches || user.Disabled || !token.KnownRole(user.Role) {
		return persistence.User{}, true
	}
	return user, true
}

// renewHash hashes anew a password that was shown and has a weak hash. It ends no session.
// What cannot be done now, the next login does.
func (x *exchange) renewHash(user *persistence.User, secret string) {
	hash, err := x.server.hasher.Hash(x.server.living, secret)
	if err == nil {
		ctx, cancel := x.storeContext()
		defer cancel()
		_, _, err = x.server.store.ChangeUser(ctx, user.ID, persistence.UserChange{At: x.now, Edit: func(now *persistence.User) error {
			if now.PasswordHash == user.PasswordHash {
				now.PasswordHash = hash
			}
			return nil
		}})
	}
	if err != nil {
		x.server.log.Warn("a password keeps its weak hash until the next login", "user_id", user.ID.String(), "error", err)
	}
}

// findUser returns the account with the address, or the zero User.
func (x *exchange) findUser(email string) (persistence.User, error) {
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

// hashFailureEvery is how often the log tells that passwords cannot be hashed.
const hashFailureEvery = 60 * inventory.Second

// hashAgainMin and hashAgainMax are the seconds between which people are told to try again:
// each at another time, since they came at one.
const (
	hashAgainMin = 2
	hashAgainMax = 10
)

// failHashing answers when no password could be hashed in time. It is counted, and
// logged for those who look for it only: whoever floods us must not fill the log.
// That nothing could be hashed at all is another matter, but one that is told now and then.
func (x *exchange) failHashing(err error) {
	x.server.metrics.hashesRefused.Inc()
	level, last := slog.LevelDebug, x.server.hashFailureAt.Load()
	if !errors.Is(err, password.ErrBusy) && x.now >= inventory.Instant(last)+hashFailureEvery &&
		x.server.hashFailureAt.CompareAndSwap(last, int64(x.now)) {
		level = slog.LevelError
	}
	x.server.log.Log(x.server.living, level, "a password was not hashed", "error", err, "request_id", string(x.requestID))
	x.answerProblem(&problem{code: inventory.CodeOverloaded, detail: "Too many people are logging in at this moment. Try again.",
		retryAfter: hashAgainMin + rand.Int64N(hashAgainMax-hashAgainMin+1)})
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
	return userReply{ID: user.ID.String(), Email: user.Email, Name: user.Name, Role: string(user.Role), Disabled: user.Disabled,
		SecondFactor: user.Factor.Active, CreatedAt: instantText(user.CreatedAt)}
}

// normaliseEmail returns an address with the letters of ASCII in lower case, when
// it is a plain one. What the lower case of other letters is depends on the
// language, and two addresses must not become one: they have to come as small
// letters.
func normaliseEmail(text string) (string, bool) {
	text = strings.TrimSpace(text)
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != text || len(text) > emailBytesMax || strings.ContainsFunc(text, isInvisible) {
		return "", false
	}
	lower := strings.Map(lowerASCII, text)
	return lower, lower == strings.ToLower(lower)
}

func lowerASCII(c rune) rune {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// isInvisible reports characters that nobody sees, and that make two names or
// addresses look alike: controls, formats such as a change of direction or a space
// of no width, fillers, and separators of lines.
func isInvisible(c rune) bool {
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}
