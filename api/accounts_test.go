package api

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
		"short password":  {registration("a@example.org", "fourteen chars", "A"), []string{"#/password"}},
		"shop's name":     {registration("a@example.org", "holdfast-holdfast", "A"), []string{"#/password"}},
		"own name":        {registration("a@example.org", "margarethe12345", "Margarethe"), []string{"#/password"}},
		"no address":      {registration("nobody", goodPassword, "A"), []string{"#/email"}},
		"named address":   {registration("A <a@example.org>", goodPassword, "A"), []string{"#/email"}},
		"long address":    {registration(strings.Repeat("a", 250)+"@example.org", goodPassword, "A"), []string{"#/email"}},
		"blank name":      {registration("a@example.org", goodPassword, " "), []string{"#/name"}},
		"control in name": {registration("a@example.org", goodPassword, "a\x01b"), []string{"#/name"}},
		"all at once":     {registration("nobody", "holdfast-holdfast", " "), []string{"#/email", "#/name", "#/password"}},
		"role":            {call{method: "POST", path: "/api/register", body: `{"email":"a@example.org","password":"x","name":"A","role":"admin"}`}, []string{"#/password", "#/role"}},
		"nothing":         {call{method: "POST", path: "/api/register", body: `{}`}, []string{"#/email", "#/password", "#/name"}},
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
	for _, c := range []call{registration("a@example.org", goodPassword, "A"), loginWith("a@example.org", goodPassword),
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
	s.clock.advance(31_000_000_000)
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
