package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"holdfast/internal/password"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

const goodPassword = "seventeen lobsters"

func registration(email, word, name string) call {
	return call{method: "POST", path: "/api/register", body: fmt.Sprintf(`{"email":%q,"password":%q,"name":%q}`, email, word, name)}
}

func loginWith(email, word string) call {
	return call{method: "POST", path: "/api/login", body: fmt.Sprintf(`{"email":%q,"password":%q}`, email, word)}
}

func TestRegisterLoginMe(t *testing.T) {
	s := newStand(t)
	got := s.do(registration("Ada@Example.org", goodPassword, "Ada"))
	require.Equal(t, 201, got.status, "%s", got.body)
	require.EqualValues(t, 600, got.json["expires_in"])
	user := got.json["user"].(map[string]any)
	require.Equal(t, "ada@example.org", user["email"])
	require.Equal(t, "customer", user["role"])
	require.Equal(t, 201, s.do(registration("b@example.org", goodPassword, "Bob")).status)

	got = s.do(loginWith("ADA@example.org", goodPassword))
	require.Equal(t, 200, got.status)
	mine := s.do(call{method: "GET", path: "/api/me", token: got.text("access_token")})
	require.Equal(t, 200, mine.status)
	require.Equal(t, user["id"], mine.text("id"))
	require.NotContains(t, string(mine.body), "argon2id")
	require.Equal(t, "no-store", mine.header.Get("Cache-Control"))

	taken := s.do(registration("ada@example.org", goodPassword, "Eve"))
	require.Equal(t, 409, taken.status)
	require.Equal(t, "email_taken", taken.text("code"))
	require.NotContains(t, s.log.String(), goodPassword)
}

func TestFailedLoginsAreAlike(t *testing.T) {
	s := newStand(t)
	require.Equal(t, 201, s.do(registration("ada@example.org", goodPassword, "Ada")).status)
	closed := s.store.users["ada@example.org"]
	closed.Email, closed.Disabled, closed.ID = "closed@example.org", true, inventory.ID{9}
	s.store.users["closed@example.org"] = closed
	var bodies []string
	for _, c := range []call{loginWith("ada@example.org", "wrong"), loginWith("nobody@example.org", goodPassword),
		loginWith("not an address", goodPassword), loginWith("closed@example.org", goodPassword), loginWith("other@example.org", "")} {
		if strings.Contains(c.body, `"password":""`) {
			c.body = strings.Replace(c.body, `""`, `" "`, 1)
		}
		got := s.do(c)
		require.Equal(t, 401, got.status, c.body)
		delete(got.json, "request_id")
		bodies = append(bodies, fmt.Sprint(got.json))
	}
	for _, body := range bodies[1:] {
		require.Equal(t, bodies[0], body)
	}
}

func TestRegistrationRefusesBadValues(t *testing.T) {
	s := newStand(t)
	for name, c := range map[string]struct {
		call     call
		pointers []string
	}{
		"short password":    {registration("a@example.org", "fourteen chars", "A"), []string{"#/password"}},
		"shop's name":       {registration("a@example.org", "holdfast-holdfast", "A"), []string{"#/password"}},
		"own name":          {registration("a@example.org", "margarethe12345", "Margarethe"), []string{"#/password"}},
		"no address":        {registration("nobody", goodPassword, "A"), []string{"#/email"}},
		"named address":     {registration("A <a@example.org>", goodPassword, "A"), []string{"#/email"}},
		"unreachable":       {registration("a@Imported.Invalid", goodPassword, "A"), []string{"#/email"}},
		"long address":      {registration(strings.Repeat("a", 250)+"@example.org", goodPassword, "A"), []string{"#/email"}},
		"blank name":        {registration("a@example.org", goodPassword, " "), []string{"#/name"}},
		"control in name":   {registration("a@example.org", goodPassword, "a\x01b"), []string{"#/name"}},
		"dotted I":          {registration("\u0130@example.org", goodPassword, "A"), []string{"#/email"}},
		"Kelvin sign":       {registration("\u212a@example.org", goodPassword, "A"), []string{"#/email"}},
		"no width":          {registration("a\u200b@example.org", goodPassword, "A"), []string{"#/email"}},
		"joiner":            {registration("a@exa\u200dmple.org", goodPassword, "A"), []string{"#/email"}},
		"soft hyphen":       {registration("a\u00ad@example.org", goodPassword, "A"), []string{"#/email"}},
		"filler":            {registration("\u3164@example.org", goodPassword, "A"), []string{"#/email"}},
		"turned name":       {registration("a@example.org", goodPassword, "A \u202egnp.exe"), []string{"#/name"}},
		"isolated name":     {registration("a@example.org", goodPassword, "A \u2066b"), []string{"#/name"}},
		"name of no width":  {registration("a@example.org", goodPassword, "\u200b"), []string{"#/name"}},
		"name of two lines": {registration("a@example.org", goodPassword, "A\u2028B"), []string{"#/name"}},
		"alphabet":          {registration("a@example.org", "abcdefghijklmno", "A"), []string{"#/password"}},
		"all at once":       {registration("nobody", "holdfast-holdfast", " "), []string{"#/email", "#/name", "#/password"}},
		"role":              {call{method: "POST", path: "/api/register", body: `{"email":"a@example.org","password":"x","name":"A","role":"admin"}`}, []string{"#/password", "#/role"}},
		"nothing":           {call{method: "POST", path: "/api/register", body: `{}`}, []string{"#/email", "#/password", "#/name"}},
	} {
		c.call.body = strings.ReplaceAll(c.call.body, `\x01`, `\u0001`)
		got := s.do(c.call)
		require.Equal(t, 422, got.status, "%s: %s", name, got.body)
		require.ElementsMatch(t, c.pointers, got.pointers(), "%s: %s", name, got.body)
	}
	require.Len(t, s.store.users, 3, "no account was made")
}

func TestStoreThatIsDownIsAnswered(t *testing.T) {
	s := newStand(t)
	s.store.down = errDown
	for _, c := range []call{loginWith("a@example.org", goodPassword),
		{method: "GET", path: "/api/me", token: s.customer}, {method: "GET", path: "/api/products"},
		{method: "GET", path: "/api/products/01234567-89ab-7def-8123-456789abcdef"},
	} {
		got := s.do(c)
		require.Equal(t, 503, got.status, c.path)
		require.Equal(t, "store_unavailable", got.text("code"))
		require.NotEmpty(t, got.header.Get("Retry-After"))
	}
	require.Equal(t, 200, s.do(call{method: "GET", path: "/readyz?verbose"}).status, "selling goes on")
}

// Letters of ASCII are one in both cases; others are what they are.
func TestAddressesAreComparedByASCII(t *testing.T) {
	for given, want := range map[string]string{"Ada@Example.ORG": "ada@example.org", " ada@example.org ": "ada@example.org",
		"\u00fcmit@example.org": "\u00fcmit@example.org", "\u0131@example.org": "\u0131@example.org",
		"\u00dcmit@example.org": "", "\u0130@example.org": "", "i\u0307@example.org": "i\u0307@example.org"} {
		got, valid := normaliseEmail(given)
		require.Equal(t, want != "", valid, "%q", given)
		if valid {
			require.Equal(t, want, got, "%q", given)
		}
	}
}

// The other form of a password's accents opens the account too.
func TestPasswordsAreNormalised(t *testing.T) {
	s := newStand(t)
	require.Equal(t, 201, s.do(registration("ada@example.org", "zwo\u0308lf Hummer u\u0308ben", "Ada")).status)
	require.Equal(t, 200, s.do(loginWith("ada@example.org", "zw\u00f6lf Hummer \u00fcben")).status)
	require.Equal(t, 401, s.do(loginWith("ada@example.org", "zwolf Hummer uben")).status)
}

// A write that was not answered may be done: nobody may say that it was not.
func TestWriteWithoutAnAnswerIsUnknown(t *testing.T) {
	s := newStand(t)
	s.store.down = errDown
	for _, c := range []call{registration("a@example.org", goodPassword, "A"),
		{method: "POST", path: "/api/products", token: s.admin, body: fullProduct},
		{method: "POST", path: "/api/products", token: s.admin, body: fullProduct, headers: key("product")},
	} {
		got := s.do(c)
		require.Equal(t, 503, got.status, c.path)
		require.Equal(t, "unknown_outcome", got.text("code"))
		require.NotEmpty(t, got.header.Get("Retry-After"))
		require.NotContains(t, string(got.body), "Nothing was changed")
	}
}

// Whoever floods the hasher fills a counter, and no log that people read.
func TestRefusedHashesAreCountedAndNotLogged(t *testing.T) {
	s := newStand(t)
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, nil, nil)
	x := &exchange{}
	x.begin(s.server, s.server.unreadable, &ctx)
	defer x.end()
	x.failHashing(password.ErrBusy)
	require.Equal(t, 503, ctx.Response.StatusCode())
	require.EqualValues(t, 1, s.counter("http_server_password_hashes_refused_total"))
	require.NotContains(t, s.log.String(), "level=WARN")
	require.NotContains(t, s.log.String(), "level=ERROR")

	for range 3 {
		x.failHashing(errors.New("no process"))
		require.Equal(t, 503, ctx.Response.StatusCode())
	}
	require.Equal(t, 1, strings.Count(s.log.String(), "level=ERROR"))
	x.now += hashFailureEvery
	x.failHashing(errors.New("no process"))
	require.Equal(t, 2, strings.Count(s.log.String(), "level=ERROR"))
	require.Contains(t, s.log.String(), `level=ERROR msg="a password was not hashed" error="no process"`)
}

// Who logs in again and again while others do must not make the database look them up.
func TestALoginThatWouldWaitInVainCostsNothing(t *testing.T) {
	const crowd = 100 // more than may wait for one turn
	hasher := password.NewHasher(1)
	s := newStand(t, func(o *Options) { o.Hasher = hasher })
	enough := make(chan struct{})
	placed := make(chan struct{}, 2*crowd)
	var group sync.WaitGroup
	defer group.Wait()
	defer close(enough)
	for range crowd {
		group.Go(func() {
			_, err := hasher.VerifyFound(context.Background(), "anything", func() (string, error) {
				placed <- struct{}{}
				<-enough
				return "", errors.New("enough")
			})
			if errors.Is(err, password.ErrBusy) {
				placed <- struct{}{}
			}
		})
	}
	for range crowd {
		<-placed
	}
	asked := s.store.asked
	got := s.do(loginWith("customer@example.org", goodPassword))
	require.Equal(t, 503, got.status)
	require.Equal(t, "overloaded", got.text("code"))
	again, err := strconv.Atoi(got.header.Get("Retry-After"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, again, hashAgainMin)
	require.LessOrEqual(t, again, hashAgainMax)
	require.Equal(t, asked, s.store.asked)
	require.EqualValues(t, 1, s.counter("http_server_password_hashes_refused_total"))
}

func TestAPIKeysAreTrustedForAMinute(t *testing.T) {
	s := newStand(t)
	order := s.order(s.customer, "one", s.product("A", 5), 1)
	confirm := call{method: "POST", path: "/api/orders/" + order + "/confirm", token: s.service}
	require.Equal(t, 200, s.do(confirm).status)
	asked := s.store.asked
	require.Equal(t, 200, s.do(confirm).status)
	require.Equal(t, asked, s.store.asked, "the second call must come from the cache")
	clear(s.store.keys)
	require.Equal(t, 200, s.do(confirm).status)
	s.clock.advance(keyCacheLifetime)
	require.Equal(t, 401, s.do(confirm).status)
}

func TestCachedTokenEnds(t *testing.T) {
	s := newStand(t)
	mine := call{method: "GET", path: "/api/me", token: s.customer}
	require.Equal(t, 200, s.do(mine).status)
	s.clock.advance(token.AccessLifetime - 1)
	require.Equal(t, 200, s.do(mine).status)
	s.clock.advance(20 * time.Second)
	_, known := s.server.tokens.Get([]byte(s.customer), s.clock.Now())
	require.True(t, known, "a token that is accepted is known, in its last seconds too")
	require.Equal(t, 200, s.do(mine).status)
	s.clock.advance(11 * time.Second)
	got := s.do(mine)
	require.Equal(t, 401, got.status)
	require.Contains(t, got.header.Get("WWW-Authenticate"), "Bearer")
}

func TestCredentialForms(t *testing.T) {
	s := newStand(t)
	for value, status := range map[string]int{
		"Bearer " + s.customer: 200, "bearer " + s.customer: 200, "BEARER " + s.customer: 200,
		s.customer: 401, "Basic " + s.customer: 401, "Bearer": 401, "Bearer ": 401, "Bearer  " + s.customer: 401,
		"Bearer " + strings.Repeat("a", 5000): 401, "Bearer hfk_" + strings.Repeat("A", 43): 401,
	} {
		got := s.do(call{method: "GET", path: "/api/me", headers: map[string]string{"Authorization": value}})
		require.Equal(t, status, got.status, "%.40s", value)
	}
}

// TestAHashOfAKeyIsNoCredential sends the stored hash of a key that is cached.
func TestAHashOfAKeyIsNoCredential(t *testing.T) {
	s := newStand(t)
	for {
		secret, hash := token.NewKey()
		if bytes.ContainsFunc(hash[:], func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			continue
		}
		s.store.keys[hash] = persistence.APIKey{ID: inventory.ID{1}, Role: persistence.RoleAdmin, Hash: hash}
		list := call{method: "GET", path: "/api/orders", token: secret}
		require.Equal(t, 200, s.do(list).status)
		response := s.raw("GET /api/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + string(hash[:]) + "\r\n\r\n")
		require.Equal(t, 401, response.StatusCode)
		return
	}
}
