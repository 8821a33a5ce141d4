package api

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/secondfactor"
	"holdfast/internal/token"
	"holdfast/persistence"
)

const (
	lantern  = "a quiet lantern in any wind"
	lantern2 = "another lantern, in no wind"
)

// staff registers somebody with a password, and gives a role.
func (s *stand) staff(email string, role persistence.Role) {
	s.t.Helper()
	got := s.do(call{method: "POST", path: "/api/register", body: fmt.Sprintf(`{"email":"%s","password":"%s","name":"Ada"}`, email, lantern)})
	require.Equal(s.t, 201, got.status, "%s", got.body)
	s.store.lock.Lock()
	defer s.store.lock.Unlock()
	user := s.store.users[email]
	user.Role = role
	s.store.users[email] = user
}

func (s *stand) login(email, secret string) result {
	return s.do(call{method: "POST", path: "/api/login", body: fmt.Sprintf(`{"email":"%s","password":"%s"}`, email, secret)})
}

func (s *stand) secondStep(mfa, code string) result {
	return s.do(call{method: "POST", path: "/api/login/2fa", body: fmt.Sprintf(`{"mfa_token":"%s","code":"%s"}`, mfa, code)})
}

// withFactor sets up a second factor and returns its secret, the recovery codes and an
// access token.
func (s *stand) withFactor(email string) (secret string, codes []string, access string) {
	s.t.Helper()
	access = s.login(email, lantern).text("access_token")
	enrolled := s.do(call{method: "POST", path: "/api/2fa/enroll", token: access, body: `{"password":"` + lantern + `"}`})
	require.Equal(s.t, 200, enrolled.status, "%s", enrolled.body)
	secret = enrolled.text("secret")
	require.Contains(s.t, enrolled.text("otpauth_uri"), secret)
	got := s.do(call{method: "POST", path: "/api/2fa/activate", token: access, body: `{"code":"` + s.code(secret) + `"}`})
	require.Equal(s.t, 200, got.status, "%s", got.body)
	for _, code := range got.json["recovery_codes"].([]any) {
		codes = append(codes, code.(string))
	}
	require.Equal(s.t, 401, s.me(access), "all sessions have ended")
	session := got.json["session"].(map[string]any)
	return secret, codes, session["access_token"].(string)
}

// code is what the device shows now.
func (s *stand) code(secret string) string {
	code, err := secondfactor.CodeAt(secret, s.clock.Now())
	require.NoError(s.t, err)
	return code
}

func TestRow6StaffNeedsASecondFactor(t *testing.T) {
	s := newStand(t)
	s.staff("ada@example.org", persistence.RoleAdmin)
	weak := s.login("ada@example.org", lantern)
	require.Equal(t, 200, weak.status)
	for _, bound := range s.server.routes {
		if bound.who&(customers|anyone) != 0 {
			continue
		}
		got := s.do(call{method: bound.method, path: matrixPath(bound.path), token: weak.text("access_token")})
		require.Equal(t, 403, got.status, "%s %s", bound.method, bound.path)
	}
	_, _, access := s.withFactor("ada@example.org")
	require.Equal(t, 200, s.do(call{method: "GET", path: "/api/users", token: access}).status)
	require.Contains(t, s.store.actions(), persistence.AuditFactorOn)
}

func TestALoginHasTwoSteps(t *testing.T) {
	s := newStand(t)
	s.staff("ada@example.org", persistence.RoleAdmin)
	secret, codes, _ := s.withFactor("ada@example.org")
	login := func() string {
		s.clock.advance(30 * time.Second)
		got := s.login("ada@example.org", lantern)
		require.Equal(t, 200, got.status)
		require.Equal(t, true, got.json["mfa_required"])
		require.NotContains(t, got.json, "access_token")
		return got.text("mfa_token")
	}
	mfa := login()
	for _, path := range []string{"/api/me", "/api/users", "/api/orders"} {
		require.Equal(t, 401, s.do(call{method: "GET", path: path, token: mfa}).status, "it is good for the second step alone")
	}
	require.Equal(t, 401, s.secondStep(mfa, "000000").status)
	good := s.code(secret)
	first := s.secondStep(mfa, good)
	require.Equal(t, 200, first.status, "%s", first.body)
	require.Equal(t, 200, s.do(call{method: "GET", path: "/api/users", token: first.text("access_token")}).status)
	require.Equal(t, 401, s.secondStep(login(), good).status, "a code is good once")
	refreshed := s.refreshWith(first.text("refresh_token"))
	require.Equal(t, 200, s.do(call{method: "GET", path: "/api/users", token: refreshed.text("access_token")}).status, "a session keeps its strength")

	require.Equal(t, 200, s.secondStep(login(), codes[3]).status)
	require.Equal(t, 401, s.secondStep(login(), codes[3]).status, "a recovery code is good once")
	require.Contains(t, s.store.actions(), persistence.AuditRecoveryUsed)
	require.Contains(t, s.log.String(), "a recovery code was used")
	require.NotContains(t, s.log.String(), codes[3])
	for _, forged := range []string{"", "hfm_", mfa + "x", first.text("refresh_token"), first.text("access_token")} {
		require.Contains(t, []int{401, 422}, s.secondStep(forged, s.code(secret)).status)
	}
	late := login()
	s.clock.advance(secondStepMax)
	require.Equal(t, 401, s.secondStep(late, s.code(secret)).status, "it has ended")
}

// Of fifty parallel uses of one code, one passes.
func TestRow8ACodeIsTakenOnce(t *testing.T) {
	s := newStand(t)
	s.staff("ada@example.org", persistence.RoleCustomer)
	secret, _, _ := s.withFactor("ada@example.org")
	s.clock.advance(time.Minute)
	code := s.code(secret)
	user := s.store.users["ada@example.org"]
	const many = 50
	statuses := make([]int, many)
	var group sync.WaitGroup
	for i := range many {
		mfa := s.server.secondSteps.Token(token.Pending{Account: user.ID, Version: user.Version, Until: s.clock.Now().Add(instant(secondStepMax))})
		group.Go(func() { statuses[i] = s.secondStep(mfa, code).status })
	}
	group.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	require.Equal(t, 1, count[200], "%v", count)
	require.Equal(t, many, count[200]+count[401]+count[429])
}

// Ten thousand guesses, over as many logins as one likes: twenty are looked at in a day, and
// then not even the right code is. A recovery code still is.
func TestRow7CodesAreNotGuessed(t *testing.T) {
	s := newStand(t)
	s.staff("ada@example.org", persistence.RoleAdmin)
	secret, codes, _ := s.withFactor("ada@example.org")
	user := s.store.users["ada@example.org"]
	pending := func() string {
		return s.server.secondSteps.Token(token.Pending{Account: user.ID, Version: user.Version, Until: s.clock.Now().Add(instant(secondStepMax))})
	}
	evaluated := 0
	mfa := pending()
	for guess := range 10_000 {
		if guess%secondStepTriesMax == 0 {
			mfa = pending()
		}
		s.clock.advance(time.Second)
		switch got := s.secondStep(mfa, fmt.Sprintf("%06d", guess)); got.status {
		case 401:
			evaluated++
		case 429:
		default:
			t.Fatalf("%d: %s", got.status, got.body)
		}
	}
	require.LessOrEqual(t, evaluated, codeFailuresMax)
	require.Equal(t, 429, s.secondStep(pending(), s.code(secret)).status)
	require.Equal(t, 200, s.secondStep(pending(), codes[0]).status)
	s.clock.advance(codeFailuresPeriod)
	require.Equal(t, 200, s.secondStep(pending(), s.code(secret)).status, "the next day it is")

	mfa = pending()
	for range secondStepTriesMax {
		s.secondStep(mfa, "000000")
	}
	require.Equal(t, 429, s.secondStep(mfa, codes[1]).status, "one login has five tries, whatever is tried")
}

func TestASecondFactorIsRemovedByItsOwner(t *testing.T) {
	s := newStand(t)
	s.staff("ada@example.org", persistence.RoleAdmin)
	secret, _, access := s.withFactor("ada@example.org")
	s.clock.advance(time.Minute)
	disable := func(password, code string) result {
		return s.do(call{method: "POST", path: "/api/2fa/disable", token: access, body: fmt.Sprintf(`{"password":"%s","code":"%s"}`, password, code)})
	}
	require.Equal(t, 403, disable(lantern2, s.code(secret)).status)
	require.Equal(t, 403, disable(lantern, "000000").status)
	require.Equal(t, 409, s.do(call{method: "POST", path: "/api/2fa/enroll", token: access, body: `{"password":"` + lantern + `"}`}).status)
	got := disable(lantern, s.code(secret))
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, 401, s.me(access))
	require.Equal(t, 403, s.do(call{method: "GET", path: "/api/users", token: got.text("access_token")}).status, "staff without one")
	require.NotEmpty(t, s.login("ada@example.org", lantern).text("access_token"))
	require.Contains(t, s.store.actions(), persistence.AuditFactorOff)
}

// Nothing of a second factor lies open in the database or the log.
func TestRow9ASecretIsNotShown(t *testing.T) {
	s := newStand(t)
	s.staff("ada@example.org", persistence.RoleCustomer)
	secret, codes, _ := s.withFactor("ada@example.org")
	dump := fmt.Sprintf("%+v %q", s.store.users["ada@example.org"], s.store.users["ada@example.org"].Factor.Secret)
	require.NotContains(t, dump, secret)
	for _, code := range codes {
		require.NotContains(t, dump, code)
		require.NotContains(t, s.log.String(), code)
	}
	require.NotContains(t, s.log.String(), secret)
}

func TestAPasswordIsChanged(t *testing.T) {
	s := newStand(t)
	s.staff("ada@example.org", persistence.RoleCustomer)
	first, second := s.login("ada@example.org", lantern), s.login("ada@example.org", lantern)
	change := func(access, old, next string) result {
		return s.do(call{method: "POST", path: "/api/me/password", token: access, body: fmt.Sprintf(`{"password":"%s","new_password":"%s"}`, old, next)})
	}
	require.Equal(t, 403, change(first.text("access_token"), lantern2, lantern2).status)
	require.Equal(t, []string{"#/new_password"}, change(first.text("access_token"), lantern, "passwordpassword").pointers())
	got := change(first.text("access_token"), lantern, lantern2)
	require.Equal(t, 200, got.status, "%s", got.body)
	for _, old := range []result{first, second} {
		require.Equal(t, 401, s.me(old.text("access_token")))
		require.Equal(t, 401, s.refreshWith(old.text("refresh_token")).status)
	}
	require.Equal(t, 200, s.me(got.text("access_token")))
	require.Equal(t, 401, s.login("ada@example.org", lantern).status)
	require.Equal(t, 200, s.login("ada@example.org", lantern2).status)
}

func TestAnAccountIsErased(t *testing.T) {
	s := newStand(t)
	s.staff("ada@example.org", persistence.RoleCustomer)
	session := s.login("ada@example.org", lantern)
	product := s.product("A", 5)
	order := s.order(session.text("access_token"), "one", product, 1)
	erase := call{method: "POST", path: "/api/me/erase", token: session.text("access_token"), body: `{"password":"` + lantern2 + `"}`}
	require.Equal(t, 403, s.do(erase).status)
	erase.body = `{"password":"` + lantern + `"}`
	require.Equal(t, 204, s.do(erase).status)
	require.Equal(t, 401, s.me(session.text("access_token")))
	require.Equal(t, 401, s.login("ada@example.org", lantern).status)
	for email, user := range s.store.users {
		require.NotContains(t, email+user.Name, "ada@")
		require.NotContains(t, user.Name, "Ada")
	}
	require.Equal(t, 200, s.do(call{method: "GET", path: "/api/orders/" + order, token: s.admin}).status, "books are kept")
	s.staff("ada@example.org", persistence.RoleAdmin) // the address is free again
	staff := s.login("ada@example.org", lantern)
	erase.token = staff.text("access_token")
	require.Equal(t, 409, s.do(erase).status, "staff is made a customer first")
}

// Whoever was recognised before the account was changed, or disabled, changes nothing.
func TestAnAccountThatChangedMeanwhileIsLeftAlone(t *testing.T) {
	for _, change := range []func(*persistence.User){func(u *persistence.User) { u.Version++ }, func(u *persistence.User) { u.Disabled = true }} {
		s := newStand(t)
		s.staff("ada@example.org", persistence.RoleCustomer)
		access := s.login("ada@example.org", lantern).text("access_token")
		s.do(call{method: "POST", path: "/api/2fa/enroll", token: access, body: `{"password":"` + lantern + `"}`})
		s.store.lock.Lock()
		user := s.store.users["ada@example.org"]
		change(&user) // by a process of which this one has not heard yet
		s.store.users["ada@example.org"] = user
		s.store.lock.Unlock()
		for path, body := range map[string]string{
			"/api/me/password":  fmt.Sprintf(`{"password":"%s","new_password":"%s"}`, lantern, lantern2),
			"/api/me/erase":     `{"password":"` + lantern + `"}`,
			"/api/2fa/activate": `{"code":"000000"}`,
			"/api/2fa/enroll":   `{"password":"` + lantern + `"}`,
		} {
			require.Equal(t, 401, s.do(call{method: "POST", path: path, token: access, body: body}).status, path)
		}
		require.Equal(t, user, s.store.users["ada@example.org"])
	}
}

// People with the role service have an account like others.
func TestAPersonOfServiceHasAnAccount(t *testing.T) {
	s := newStand(t)
	s.staff("ada@example.org", persistence.RoleService)
	_, _, access := s.withFactor("ada@example.org")
	require.Equal(t, 200, s.me(access))
	require.Equal(t, 200, s.do(call{method: "GET", path: "/api/me/sessions", token: access}).status)
	require.Equal(t, 204, s.do(call{method: "POST", path: "/api/logout", token: access}).status)
}

func TestRow10RecoveryCodesAreRenewed(t *testing.T) {
	s := newStand(t)
	s.staff("ada@example.org", persistence.RoleAdmin)
	secret, old, access := s.withFactor("ada@example.org")
	renew := func(password, code string) result {
		return s.do(call{method: "POST", path: "/api/2fa/recovery-codes", token: access, body: fmt.Sprintf(`{"password":%q,"code":%q}`, password, code)})
	}
	s.clock.advance(30 * time.Second)
	require.Equal(t, 403, renew(lantern2, s.code(secret)).status)
	require.Equal(t, 403, renew(lantern, "000000").status)
	require.Equal(t, 403, renew(lantern, "no such recovery code").status)
	got := renew(lantern, s.code(secret))
	require.Equal(t, 200, got.status, "%s", got.body)
	fresh := got.json["recovery_codes"].([]any)
	require.Len(t, fresh, len(old))
	require.Equal(t, 200, s.me(access), "nothing ends")
	second := func(code string) int {
		return s.secondStep(s.login("ada@example.org", lantern).text("mfa_token"), code).status
	}
	require.Equal(t, 401, second(old[0]))
	require.Equal(t, 200, second(fresh[0].(string)))
	require.Equal(t, 401, second(fresh[0].(string)))
	require.Equal(t, persistence.AuditRecoveryUsed, s.store.audit[len(s.store.audit)-1].Action)
	s.staff("customer2@example.org", persistence.RoleCustomer)
	require.Equal(t, 409, s.do(call{method: "POST", path: "/api/2fa/recovery-codes", token: s.login("customer2@example.org", lantern).text("access_token"),
		body: fmt.Sprintf(`{"password":%q,"code":"1"}`, lantern)}).status)
}
