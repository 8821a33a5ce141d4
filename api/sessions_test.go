package api

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// registered is somebody's first session.
func (s *stand) registered() (access, refresh string) {
	s.t.Helper()
	got := s.do(registration("ada@example.org", goodPassword, "Ada"))
	require.Equal(s.t, 201, got.status, "%s", got.body)
	return got.text("access_token"), got.text("refresh_token")
}

func (s *stand) refreshWith(text string) result {
	s.t.Helper()
	return s.do(call{method: "POST", path: "/api/refresh", body: fmt.Sprintf(`{"refresh_token":%q}`, text)})
}

// me is the status with which an access token is answered.
func (s *stand) me(access string) int {
	s.t.Helper()
	return s.do(call{method: "GET", path: "/api/me", token: access}).status
}

func TestARefreshTokenIsExchanged(t *testing.T) {
	s := newStand(t)
	access, first := s.registered()
	got := s.refreshWith(first)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.NotEqual(t, first, got.text("refresh_token"))
	require.EqualValues(t, customerIdleMax.Seconds(), got.json["refresh_expires_in"])
	require.Equal(t, []int{200, 200}, []int{s.me(access), s.me(got.text("access_token"))})
	s.clock.advance(time.Hour)
	require.Equal(t, 401, s.me(got.text("access_token")))
	got = s.refreshWith(got.text("refresh_token"))
	require.Equal(t, 200, got.status)
	require.Equal(t, 200, s.me(got.text("access_token")))
	require.NotContains(t, s.log.String(), first)
}

// Row 14: a refresh token that is used again ends its session, with all that it opened.
func TestRow14RefreshTokensUsedAgain(t *testing.T) {
	s := newStand(t)
	_, first := s.registered()
	second := s.refreshWith(first)
	s.clock.advance(refreshRepeatMax + time.Millisecond)
	stolen := s.refreshWith(first)
	require.Equal(t, 401, stolen.status)
	require.Equal(t, 401, s.refreshWith(second.text("refresh_token")).status, "the successor of a stolen one")
	require.Equal(t, 401, s.me(second.text("access_token")))
	require.Contains(t, s.log.String(), "used again")
	require.Equal(t, persistence.AuditReuse, s.store.audit[len(s.store.audit)-1].Action)
	require.Equal(t, 200, s.do(loginWith("ada@example.org", goodPassword)).status)

	forged := s.refreshWith("hfr_" + strings.Repeat("A", 75))
	require.Equal(t, string(withoutRequestID(stolen.body)), string(withoutRequestID(forged.body)))
}

// withoutRequestID cuts what differs in every answer.
func withoutRequestID(body []byte) []byte {
	at := strings.Index(string(body), `"request_id"`)
	end := strings.IndexAny(string(body[at:]), ",}")
	return append(append([]byte(nil), body[:at]...), body[at+end:]...)
}

// Row 14: of 50 uses at once all get the one successor, and it is good: who did not get
// an answer may ask again.
func TestRow14RefreshTokensInParallel(t *testing.T) {
	s := newStand(t)
	_, first := s.registered()
	var group sync.WaitGroup
	successors := make([]string, 50)
	for i := range successors {
		group.Go(func() { successors[i] = s.refreshWith(first).text("refresh_token") })
	}
	group.Wait()
	for _, text := range successors {
		require.Equal(t, successors[0], text)
	}
	third := s.refreshWith(successors[0])
	require.Equal(t, 200, third.status)
	require.Equal(t, 401, s.refreshWith(first).status, "two generations ago it is not a repeat, however recent")
	require.Equal(t, 401, s.refreshWith(third.text("refresh_token")).status)
}

// Row 15: sessions end when they were not used, and at their end.
func TestRow15SessionsEnd(t *testing.T) {
	s := newStand(t)
	_, refresh := s.registered()
	days := 0
	for ; ; days++ {
		s.clock.advance(24 * time.Hour)
		got := s.refreshWith(refresh)
		if got.status != 200 {
			require.Equal(t, 401, got.status)
			break
		}
		refresh = got.text("refresh_token")
	}
	require.Equal(t, 29, days, "at the latest after 30 days")

	staff := s.store.users["ada@example.org"]
	staff.Role = persistence.RoleAdmin
	s.store.users["ada@example.org"] = staff
	got := s.do(loginWith("ada@example.org", goodPassword))
	require.EqualValues(t, staffIdleMax.Seconds(), got.json["refresh_expires_in"])
	halves := 0
	for ; got.status == 200; halves++ {
		s.clock.advance(staffIdleMax - time.Second)
		got = s.refreshWith(got.text("refresh_token"))
	}
	require.Equal(t, 25, halves, "at the latest after 12 hours")
	got = s.do(loginWith("ada@example.org", goodPassword))
	s.clock.advance(staffIdleMax)
	require.Equal(t, 401, s.refreshWith(got.text("refresh_token")).status, "after half an hour of rest")
}

func TestALogoutEndsTheSession(t *testing.T) {
	s := newStand(t)
	access, refresh := s.registered()
	elsewhere := s.do(loginWith("ada@example.org", goodPassword))
	require.Equal(t, 204, s.do(call{method: "POST", path: "/api/logout", token: access}).status)
	require.Equal(t, 401, s.me(access))
	require.Equal(t, 401, s.refreshWith(refresh).status)
	require.Equal(t, 200, s.me(elsewhere.text("access_token")))
	require.Equal(t, 404, s.do(call{method: "POST", path: "/api/logout", token: s.machine("console", persistence.RoleAdmin)}).status)
}

// What has ended stays so across a restart, whether the cache knew the token or not.
func TestRow13RevocationsOutliveARestart(t *testing.T) {
	s := newStand(t)
	access, _ := s.registered()
	demoted := s.store.users["admin@example.org"]
	require.Equal(t, 204, s.do(call{method: "POST", path: "/api/logout", token: access}).status)
	demoted.Role, demoted.Version, demoted.ChangedAt = persistence.RoleCustomer, 2, s.clock.Now()
	s.store.users["admin@example.org"] = demoted

	next, err := New(Options{Engine: s.engine, Store: s.store, SigningKey: testKey, Clock: s.clock, Log: s.server.log, Registry: prometheus.NewRegistry(), Version: "test"})
	require.NoError(t, err)
	defer func() { require.NoError(t, next.Shutdown(context.Background())) }()
	_, err = next.recognise([]byte(s.customer), s.clock.Now(), always)
	require.ErrorIs(t, err, errRecalling, "before it is known who may come in, nobody does")
	require.NoError(t, next.RecallRevocations(t.Context()))
	for range 2 {
		_, err = next.recognise([]byte(s.customer), s.clock.Now(), always)
		require.NoError(t, err)
		for _, ended := range []string{access, s.admin} {
			_, err = next.recognise([]byte(ended), s.clock.Now(), always)
			require.ErrorIs(t, err, token.ErrInvalid)
		}
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	s := newStand(t)
	access, refresh := s.registered()
	s.clock.advance(time.Second)
	phone := s.do(call{method: "POST", path: "/api/login", body: loginWith("ada@example.org", goodPassword).body,
		headers: map[string]string{"User-Agent": "Phone\u202e/1 " + strings.Repeat("é", 200)}})
	list := func() []map[string]any {
		got := s.do(call{method: "GET", path: "/api/me/sessions", token: access})
		require.Equal(t, 200, got.status)
		var items []map[string]any
		for _, item := range got.json["items"].([]any) {
			items = append(items, item.(map[string]any))
		}
		return items
	}
	items := list()
	require.Len(t, items, 2)
	require.Equal(t, []any{false, true}, []any{items[0]["current"], items[1]["current"]})
	require.Equal(t, "Phone/1 "+strings.Repeat("é", 124), items[0]["agent"], "cut between characters, and nothing invisible")

	others := s.do(call{method: "GET", path: "/api/me/sessions", token: s.other}).json["items"].([]any)
	another := others[0].(map[string]any)["id"].(string)
	end := func(id string) int {
		return s.do(call{method: "DELETE", path: "/api/me/sessions/" + id, token: access}).status
	}
	require.Equal(t, []int{404, 404, 404}, []int{end(another), end("nonsense"), end(inventory.ID{1}.String())})
	require.Equal(t, 200, s.me(s.other))
	require.Equal(t, []int{204, 404}, []int{end(items[0]["id"].(string)), end(items[0]["id"].(string))})
	require.Equal(t, 401, s.me(phone.text("access_token")))

	laptop := s.do(loginWith("ada@example.org", goodPassword))
	require.Equal(t, 204, s.do(call{method: "DELETE", path: "/api/me/sessions", token: access}).status)
	require.Equal(t, []int{200, 401}, []int{s.me(access), s.me(laptop.text("access_token"))})
	require.Equal(t, 200, s.refreshWith(refresh).status)
	require.Len(t, list(), 1)
}

// Whose account was closed meanwhile gets no more tokens.
func TestAClosedAccountIsNotRefreshed(t *testing.T) {
	s := newStand(t)
	access, refresh := s.registered()
	closed := s.store.users["ada@example.org"]
	closed.Disabled = true
	s.store.users["ada@example.org"] = closed
	require.Equal(t, 401, s.refreshWith(refresh).status)
	require.Equal(t, 401, s.me(access), "its session has ended")
}

// While the store is away nobody can log out, but nobody is thrown out either, and what
// was asked can be repeated.
func TestSessionsWhileTheStoreIsAway(t *testing.T) {
	s := newStand(t)
	access, refresh := s.registered()
	s.store.down = errDown
	require.Equal(t, 503, s.refreshWith(refresh).status)
	require.Equal(t, 503, s.do(call{method: "POST", path: "/api/logout", token: access}).status)
	require.Equal(t, 503, s.do(call{method: "GET", path: "/api/me/sessions", token: access}).status)
	require.Equal(t, 503, s.do(call{method: "DELETE", path: "/api/me/sessions", token: access}).status)
	s.store.down = nil
	require.Equal(t, 200, s.me(access))
	require.Equal(t, 200, s.refreshWith(refresh).status)
}

// A database that was restored has sessions as they were. Whoever has a later token logs
// in again, and is no thief.
func TestARefreshTokenFromBeforeARestore(t *testing.T) {
	s := newStand(t)
	_, first := s.registered()
	second := s.refreshWith(first)
	for id, session := range s.store.sessions {
		session.Generation = 1
		s.store.sessions[id] = session
	}
	require.Equal(t, 401, s.refreshWith(second.text("refresh_token")).status)
	require.Equal(t, 401, s.refreshWith(first).status)
	require.NotContains(t, s.log.String(), "used again")
}
