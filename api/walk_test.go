package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// wrongValue is of another type than the schema's.
func wrongValue(s *openapi3.Schema) any {
	if s.Type.Is("string") || s.Type.Is("array") || s.Type.Is("boolean") || s.Type == nil {
		return 7
	}
	return "x"
}

// Every body of every route names each member that is wrong, and what it does not know.
func TestEveryBodyIsRefusedMemberByMember(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 99)
	order := s.order(s.customer, "walk", product, 1)
	headers := key("walked")
	headers["If-Match"] = "*"
	walked := 0
	for template, item := range s.document.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.RequestBody == nil {
				continue
			}
			path := strings.ReplaceAll(template, "{id}", product)
			switch {
			case strings.HasPrefix(path, "/api/orders/"):
				path = strings.ReplaceAll(template, "{id}", order)
			case strings.HasPrefix(path, "/api/users/"):
				path = strings.ReplaceAll(template, "{id}", s.otherID.String())
			}
			body, want := map[string]any{"nonsense": 1}, []string{"#/nonsense"}
			for name, property := range operation.RequestBody.Value.Content.Get("application/json").Schema.Value.Properties {
				body[name] = wrongValue(property.Value)
				want = append(want, "#/"+name)
			}
			sent, err := json.Marshal(body)
			require.NoError(t, err)
			access := s.admin
			if template == "/api/orders" {
				access = s.customer
			}
			place := fmt.Sprintf("%s %s %s", method, path, sent)
			got := s.do(call{method: method, path: path, token: access, body: string(sent), headers: headers})
			require.Equal(t, 422, got.status, "%s: %s", place, got.body)
			require.ElementsMatch(t, want, got.pointers(), "%s: %s", place, got.body)
			walked++
		}
	}
	require.Greater(t, walked, 20)
}

// Every query of every route names each parameter that is wrong.
func TestEveryQueryIsRefusedParameterByParameter(t *testing.T) {
	s := newStand(t)
	walked, checked := 0, 0
	for _, route := range s.server.routes {
		if !route.ownQuery { // a ticket is a credential, and links to pages have parameters of their own
			checked++
		}
	}
	for template, item := range s.document.Paths.Map() {
		for method, operation := range item.Operations() {
			if template == "/api/ws" || !strings.HasPrefix(template, "/api/") && operation.Responses.Status(200).Value.Content.Get("application/json") == nil {
				continue
			}
			query, want := "?nonsense=1", []string{"nonsense"}
			for _, p := range operation.Parameters {
				schema := p.Value.Schema.Value
				if p.Value.In == "query" && (schema.Type.Is("integer") || len(schema.Enum) > 0 || schema.Format == "uuid") {
					query += "&" + p.Value.Name + "=~"
					want = append(want, p.Value.Name)
				}
			}
			path := matrixPath(template) + query
			got := s.do(call{method: method, path: path, token: s.admin, headers: map[string]string{"If-Match": "*"}})
			require.Equal(t, 422, got.status, "%s %s: %s", method, path, got.body)
			require.ElementsMatch(t, want, got.pointers(), "%s %s: %s", method, path, got.body)
			walked++
		}
	}
	require.Equal(t, checked, walked)
}

// Each kind of token is good where it is meant for, and nowhere else.
func TestRow12TokensAtOtherEndpoints(t *testing.T) {
	s := newStand(t)
	session := slices.Collect(maps.Keys(s.store.sessions))[0]
	setupToken := s.server.OfferSetup()
	pending := token.Pending{Account: s.customerID, Version: 1, Until: s.clock.Now().Add(60 * inventory.Second)}
	tokens := map[string]string{
		"access":  s.customer,
		"key":     s.service,
		"refresh": s.server.refresher.Token(session, 1),
		"second":  s.server.secondSteps.Token(pending),
		"reset":   s.server.resets.Token(pending),
		"ticket":  strings.TrimPrefix(s.ticket(s.customer), "?ticket="),
		"setup":   setupToken,
		"cursor":  s.server.cursors.seal("/api/orders", persistence.Place{ID: s.customerID}),
	}
	const password = "a lantern in any wind"
	for name, text := range tokens {
		for endpoint, c := range map[string]call{
			"refresh": {path: "/api/refresh", body: fmt.Sprintf(`{"refresh_token":%q}`, text)},
			"second":  {path: "/api/login/2fa", body: fmt.Sprintf(`{"mfa_token":%q,"code":"123456"}`, text)},
			"reset":   {path: "/api/password/reset", body: fmt.Sprintf(`{"token":%q,"new_password":%q}`, text, password)},
			"setup":   {path: "/api/setup", body: fmt.Sprintf(`{"token":%q,"email":"a@example.org","password":%q,"name":"A"}`, text, password)},
		} {
			c.method = http.MethodPost
			if endpoint == name {
				continue
			}
			if got := s.do(c); got.status != 401 {
				require.Equal(t, 422, got.status, "%s at %s: %s", name, endpoint, got.body)
				require.Greater(t, len(text), 128, "only its length says more")
			}
		}
		if name == "access" || name == "key" {
			continue
		}
		for _, route := range s.server.routes {
			if route.who == anyone {
				continue
			}
			got := s.do(call{method: route.method, path: matrixPath(route.path), token: text})
			require.Equal(t, 401, got.status, "%s at %s %s", name, route.method, route.path)
		}
	}
}
