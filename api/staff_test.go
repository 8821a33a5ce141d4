package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

func TestUsersAreListedAndChanged(t *testing.T) {
	s := newStand(t)
	for n := range 5 {
		s.person(fmt.Sprintf("ada-%d@example.org", n), persistence.RoleCustomer)
	}
	var found []string
	for path := "/api/users?email=ADA-&limit=2"; path != ""; {
		got := s.do(call{method: "GET", path: path, token: s.admin})
		require.Equal(t, 200, got.status, "%s", got.body)
		for _, item := range got.json["items"].([]any) {
			found = append(found, item.(map[string]any)["email"].(string))
		}
		path = ""
		if link := got.header.Get("Link"); link != "" {
			path = linkPath(link)
		}
	}
	require.Len(t, found, 5)
	admins := s.do(call{method: "GET", path: "/api/users?role=admin", token: s.admin})
	require.Len(t, admins.json["items"], 1)
	require.NotContains(t, string(admins.body), "argon2")

	change := call{method: "PUT", path: "/api/users/" + s.otherID.String(), token: s.admin, body: `{"role":"admin","disabled":false}`}
	got := s.do(change)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, "admin", got.text("role"))
	require.Equal(t, 401, s.me(s.other), "tokens of the old role are refused at once")
	require.Len(t, s.store.actions(), 1)
	require.Equal(t, 200, s.do(change).status)
	require.Len(t, s.store.actions(), 1, "nothing was changed")
	require.Contains(t, s.store.audit[0].Detail, "role customer to admin")

	change.path = "/api/users/" + s.customerID.String()
	change.body = `{"role":"customer","disabled":true}`
	require.Equal(t, 200, s.do(change).status)
	require.Equal(t, 401, s.me(s.customer))
	change.body = `{"role":"emperor","disabled":1,"email":"x@example.org"}`
	require.ElementsMatch(t, []string{"#/role", "#/disabled", "#/email"}, s.do(change).pointers())
	change.path, change.body = "/api/users/01234567-89ab-7def-8123-456789abcdef", `{"role":"customer","disabled":true}`
	require.Equal(t, 404, s.do(change).status)
	own := s.store.users["admin@example.org"].ID.String()
	change.path = "/api/users/" + own
	require.Equal(t, 409, s.do(change).status, "nobody shuts out himself")
}

// Who was an admin is refused within a second, also after a restart.
func TestRow13ADemotedAdminIsRefused(t *testing.T) {
	s := newStand(t)
	second, _ := s.person("second@example.org", persistence.RoleAdmin)
	require.Equal(t, 200, s.do(call{method: "GET", path: "/api/users", token: second}).status)
	id := s.store.users["second@example.org"].ID
	require.Equal(t, 200, s.do(call{method: "PUT", path: "/api/users/" + id.String(), token: s.admin, body: `{"role":"customer","disabled":false}`}).status)
	require.Equal(t, 401, s.do(call{method: "GET", path: "/api/users", token: second}).status)

	options := s.server.options
	options.Registry = prometheus.NewRegistry()
	again, err := New(options)
	require.NoError(t, err)
	defer func() { require.NoError(t, again.Shutdown(context.Background())) }()
	require.NoError(t, again.RecallRevocations(t.Context()))
	_, err = again.recognise([]byte(second), s.clock.Now(), always)
	require.Error(t, err)
	_, err = again.recognise([]byte(s.admin), s.clock.Now(), always)
	require.NoError(t, err)
}

func TestAPIKeysAreMadeAndDeleted(t *testing.T) {
	s := newStand(t)
	create := call{method: "POST", path: "/api/apikeys", token: s.admin, body: `{"name":"shipping","role":"service"}`}
	got := s.do(create)
	require.Equal(t, 201, got.status, "%s", got.body)
	key := got.text("key")
	require.Equal(t, 409, s.do(create).status)
	for body, pointer := range map[string]string{`{"name":" ","role":"service"}`: "#/name", `{"name":"a","role":"customer"}`: "#/role"} {
		create.body = body
		require.Equal(t, []string{pointer}, s.do(create).pointers())
	}
	list := s.do(call{method: "GET", path: "/api/apikeys", token: s.admin})
	require.Len(t, list.json["items"], 2)
	require.NotContains(t, string(list.body), key)
	require.NotContains(t, s.log.String(), key)
	used := call{method: "POST", path: "/api/orders/01234567-89ab-7def-8123-456789abcdef/confirm", token: key}
	require.Equal(t, 404, s.do(used).status)
	item := got.json["item"].(map[string]any)
	remove := call{method: "DELETE", path: "/api/apikeys/" + item["id"].(string), token: s.admin}
	require.Equal(t, 204, s.do(remove).status)
	require.Equal(t, 401, s.do(used).status, "it was known, and is refused at once")
	require.Equal(t, 404, s.do(remove).status)
	require.Equal(t, []string{persistence.AuditKeyCreate, persistence.AuditKeyDelete}, s.store.actions())
}

func TestTheAuditLogIsRead(t *testing.T) {
	s := newStand(t)
	for n := range 5 {
		s.do(call{method: "POST", path: "/api/apikeys", token: s.admin, body: fmt.Sprintf(`{"name":"key %d","role":"service"}`, n)})
	}
	var subjects []string
	for path := "/api/audit?limit=2"; path != ""; {
		got := s.do(call{method: "GET", path: path, token: s.admin})
		require.Equal(t, 200, got.status, "%s", got.body)
		for _, item := range got.json["items"].([]any) {
			entry := item.(map[string]any)
			subjects = append(subjects, entry["detail"].(string))
			require.NotNil(t, entry["actor"])
		}
		path = ""
		if link := got.header.Get("Link"); link != "" {
			path = linkPath(link)
		}
	}
	require.Equal(t, []string{"key 4, role service", "key 3, role service", "key 2, role service", "key 1, role service", "key 0, role service"}, subjects)
}

func TestRow48TheFirstAdminIsMadeOnce(t *testing.T) {
	s := newStand(t)
	delete(s.store.users, "admin@example.org")
	request := func(text, email string) call {
		return call{method: "POST", path: "/api/setup", body: fmt.Sprintf(`{"token":"%s","email":"%s","password":"%s","name":"Ada"}`, text, email, lantern)}
	}
	require.Equal(t, 401, s.do(request("anything", "a@example.org")).status, "nothing was offered")
	old := s.server.OfferSetup()
	text := s.server.OfferSetup()
	require.Equal(t, 401, s.do(request(old, "a@example.org")).status)
	require.Equal(t, 422, s.do(request(text, "not an address")).status)
	require.Equal(t, 409, s.do(request(text, "customer@example.org")).status)
	statuses := [2]int{}
	var group sync.WaitGroup
	for i := range statuses {
		group.Go(func() { statuses[i] = s.do(request(text, fmt.Sprintf("a%d@example.org", i))).status })
	}
	group.Wait()
	require.Equal(t, 1, strings.Count(fmt.Sprint(statuses), "201"), "%v", statuses)
	require.Equal(t, 401, s.do(request(text, "b@example.org")).status, "it was used")
	require.Equal(t, []string{persistence.AuditFirstAdmin}, s.store.actions())
	require.NotContains(t, s.log.String(), text)

	late := newStand(t)
	text = late.server.OfferSetup()
	late.clock.advance(setupMax)
	require.Equal(t, 401, late.do(request(text, "a@example.org")).status)
}

// postbox keeps mails.
type postbox struct {
	lock  sync.Mutex
	mails []Mail
	fails int
}

func (p *postbox) send(_ context.Context, mail Mail) error {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.fails > 0 {
		p.fails--
		return errors.New("the mail program failed")
	}
	p.mails = append(p.mails, mail)
	return nil
}

func (p *postbox) await(t *testing.T, s *stand, count int) Mail {
	t.Helper()
	require.Eventually(t, func() bool {
		s.clock.advance(mailPause)
		p.lock.Lock()
		defer p.lock.Unlock()
		return len(p.mails) == count
	}, 10*time.Second, time.Millisecond)
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.mails[count-1]
}

func TestAForgottenPasswordIsReplacedByMail(t *testing.T) {
	box := &postbox{fails: 2}
	s := newStand(t, func(o *Options) { o.SendMail = box.send })
	s.staff("ada@example.org", persistence.RoleCustomer)
	before := s.login("ada@example.org", lantern)
	forgot := func(email string) result {
		return s.do(call{method: "POST", path: "/api/password/forgot", body: fmt.Sprintf(`{"email":"%s"}`, email)})
	}
	reset := func(text, secret string) result {
		return s.do(call{method: "POST", path: "/api/password/reset", body: fmt.Sprintf(`{"token":"%s","new_password":"%s"}`, text, secret)})
	}
	known, unknown := forgot("ADA@example.org"), forgot("nobody@example.org")
	require.Equal(t, 202, known.status)
	require.Equal(t, known.body, unknown.body)
	require.Equal(t, known.status, unknown.status)
	mail := box.await(t, s, 1)
	require.Equal(t, "ada@example.org", mail.To)
	require.NotContains(t, s.log.String(), mail.Token)

	require.Equal(t, 401, reset(mail.Token+"x", lantern2).status)
	require.Equal(t, []string{"#/new_password"}, reset(mail.Token, "passwordpassword").pointers())
	require.Equal(t, 204, reset(mail.Token, lantern2).status)
	require.Equal(t, 401, reset(mail.Token, lantern).status, "it is good once")
	require.Equal(t, 401, s.me(before.text("access_token")))
	require.Equal(t, 200, s.login("ada@example.org", lantern2).status)

	require.Equal(t, 429, forgot("ada@example.org").status, "one mail in five minutes")
	require.Equal(t, 429, forgot("nobody@example.org").status, "whether there is an account or not")
	s.clock.advance(mailEvery)
	forgot("ada@example.org")
	late := box.await(t, s, 2)
	s.clock.advance(resetMax)
	require.Equal(t, 401, reset(late.Token, lantern).status)
	silent := newStand(t)
	require.Equal(t, "mail_unavailable", silent.do(call{method: "POST", path: "/api/password/forgot", body: `{"email":"a@example.org"}`}).text("code"))
}

// Changes of the catalogue are on record, with who made them.
func TestRow54ChangesOfTheCatalogueAreOnRecord(t *testing.T) {
	s := newStand(t)
	product := s.product("LAMP-1", 1)
	s.do(call{method: "POST", path: "/api/products/" + product + "/pause", token: s.admin})
	s.do(call{method: "DELETE", path: "/api/products/" + product + "?confirm=LAMP-1", token: s.admin, headers: ifMatch("*")})
	require.Equal(t, []string{persistence.AuditProductCreate, persistence.AuditProductChange, persistence.AuditProductChange}, s.store.actions())
	require.Equal(t, "pause", s.store.audit[1].Detail)
	require.Equal(t, s.store.users["admin@example.org"].ID, s.store.audit[2].Actor)
	require.NotEqual(t, inventory.ID{}, s.store.audit[0].Actor)
}

func TestMovementsAreRead(t *testing.T) {
	s := newStand(t)
	product := s.product("LAMP-1", 1)
	id := mustID(t, "/api/products/"+product)
	for version := uint64(1); version <= 5; version++ {
		m := persistence.Movement{ProductID: id, Kind: inventory.StockAdjusted, By: s.customerID, Reason: "counted", Note: "a note", At: s.clock.Now()}
		m.Before.OnHand, m.After.OnHand, m.After.Version = int64(version-1), int64(version), version
		s.store.movements = append(s.store.movements, m)
	}
	var versions []float64
	for path := "/api/products/" + product + "/movements?limit=2"; path != ""; {
		got := s.do(call{method: "GET", path: path, token: s.admin})
		require.Equal(t, 200, got.status, "%s", got.body)
		for _, item := range got.json["items"].([]any) {
			movement := item.(map[string]any)
			versions = append(versions, movement["version"].(float64))
			require.Equal(t, s.customerID.String(), movement["by"])
			require.Nil(t, movement["order_id"])
			require.Equal(t, movement["version"].(float64)-1, movement["before"].(map[string]any)["on_hand"])
		}
		path = ""
		if link := got.header.Get("Link"); link != "" {
			path = linkPath(link)
		}
	}
	require.Equal(t, []float64{5, 4, 3, 2, 1}, versions)
	require.Equal(t, 404, s.do(call{method: "GET", path: "/api/products/01234567-89ab-7def-8123-456789abcdef/movements", token: s.admin}).status)
}

// Of a moment, a product has what its movements until then have made.
func TestStockOfThePast(t *testing.T) {
	s := newStand(t)
	product := s.product("LAMP-1", 1)
	id := mustID(t, "/api/products/"+product)
	began := s.clock.Now()
	for version := uint64(1); version <= 3; version++ {
		s.clock.advance(time.Minute)
		m := persistence.Movement{ProductID: id, Kind: inventory.StockAdjusted, At: s.clock.Now()}
		m.After = inventory.Stock{OnHand: int64(10 * version), Reserved: 2, Committed: 1, Version: version}
		s.store.movements = append(s.store.movements, m)
	}
	past := func(at string) result {
		return s.do(call{method: "GET", path: "/api/products/" + product + "/stock/past?at=" + at, token: s.admin})
	}
	at := func(after time.Duration) string { return instantText(began.Add(instant(after))) }
	for after, want := range map[time.Duration]float64{0: 0, time.Minute - time.Millisecond: 0, time.Minute: 10, 2*time.Minute + time.Second: 20, 3 * time.Minute: 30} {
		got := past(at(after))
		require.Equal(t, 200, got.status, "%s", got.body)
		require.Equal(t, want, got.json["on_hand"], after)
		require.Equal(t, want/10, got.json["version"], after)
		require.Equal(t, at(after), got.json["at"])
	}
	require.Equal(t, 422, past(at(4*time.Minute)).status, "the future is not known")
	require.Equal(t, 422, past("yesterday").status)
	require.Equal(t, 422, past("").status)
	require.Equal(t, 404, s.do(call{method: "GET", path: "/api/products/01234567-89ab-7def-8123-456789abcdef/stock/past?at=" + at(0), token: s.admin}).status)
	s.store.down = persistence.ErrNotFound
	require.Equal(t, 404, past(at(0)).status, "movements of then were deleted")
	s.store.down = errDown
	require.Equal(t, 503, past(at(0)).status)
}

// When it is not known whether an admin was demoted, that is found out, and the tokens of
// before are refused. However often it is tried while the database is away, nothing piles up.
func TestADemotionOfUnknownFateIsFoundOut(t *testing.T) {
	s := newStand(t)
	second, _ := s.person("second@example.org", persistence.RoleAdmin)
	id := s.store.users["second@example.org"].ID
	demote := call{method: "PUT", path: "/api/users/" + id.String(), token: s.admin, body: `{"role":"customer","disabled":false}`}
	s.store.lock.Lock()
	s.store.down = errDown
	s.store.lock.Unlock()
	for range 20 {
		require.Equal(t, "unknown_outcome", s.do(demote).text("code"))
	}
	require.Empty(t, s.server.rereading, "nothing was begun")
	s.store.lock.Lock()
	s.store.down, s.store.changeError = nil, errors.New("the answer to COMMIT was lost")
	s.store.lock.Unlock()
	require.Equal(t, "unknown_outcome", s.do(demote).text("code"))
	require.Eventually(t, func() bool {
		s.clock.advance(rereadPause)
		return s.me(second) == 401
	}, 10*time.Second, time.Millisecond)
}
