package api

import (
	"context"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

func TestDocumentIsValid(t *testing.T) {
	s := newStand(t)
	got := s.do(call{method: "GET", path: "/openapi.json"})
	require.Equal(t, 200, got.status)
	document, err := openapi3.NewLoader().LoadFromData(got.body)
	require.NoError(t, err)
	require.NoError(t, document.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()))
	require.Equal(t, "3.1.0", document.OpenAPI)
}

func TestEveryRouteIsDocumentedAndNothingElse(t *testing.T) {
	s := newStand(t)
	documented := 0
	for _, item := range s.document.Paths.Map() {
		documented += len(item.Operations())
	}
	require.Equal(t, len(s.server.routes), documented)
	for _, route := range s.server.routes {
		operation := s.document.Paths.Value(route.path).GetOperation(route.method)
		require.NotNil(t, operation, route.path)
		require.EqualValues(t, route.cost, operation.Extensions["x-cost"])
		require.Equal(t, route.who != anyone, operation.Security != nil, route.path)
	}
}

func TestRouterHasTheTableAndNothingElse(t *testing.T) {
	s := newStand(t)
	mux := s.server.mux.List()
	want := map[string][]string{}
	for _, route := range s.server.routes {
		want[route.method] = append(want[route.method], route.path)
		if route.method == http.MethodGet {
			want[http.MethodHead] = append(want[http.MethodHead], route.path)
		}
	}
	for method, paths := range want {
		require.ElementsMatch(t, paths, mux[method], method)
	}
	require.Len(t, mux, len(want))
}

func TestRowWithoutCallerClassIsRefused(t *testing.T) {
	s := newStand(t)
	row := routeTable()[0]
	row.who = 0
	_, err := s.server.bind(row)
	require.ErrorContains(t, err, "caller class")
}
