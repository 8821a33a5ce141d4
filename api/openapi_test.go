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

// objectsIn calls visit for an object schema and all in it.
func objectsIn(schema *openapi3.SchemaRef, visit func(*openapi3.Schema)) {
	if schema == nil {
		return
	}
	value := schema.Value
	if value.Type.Is("object") || value.Type.Includes("object") {
		visit(value)
	}
	objectsIn(value.Items, visit)
	for _, member := range value.Properties {
		objectsIn(member, visit)
	}
	for _, choice := range value.OneOf {
		objectsIn(choice, visit)
	}
}

// A request may have only what is described, and a client must bear what a later
// version of a reply says besides.
func TestRequestsAreClosedAndRepliesAreOpen(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(newStand(t).server.document)
	require.NoError(t, err)
	closed, open := 0, 0
	for path, item := range document.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.RequestBody != nil {
				objectsIn(operation.RequestBody.Value.Content.Get("application/json").Schema, func(s *openapi3.Schema) {
					closed++
					require.NotNil(t, s.AdditionalProperties.Has, "%s: %v", path, s.Properties)
					require.False(t, *s.AdditionalProperties.Has, path)
				})
			}
			for _, response := range operation.Responses.Map() {
				for _, media := range response.Value.Content {
					objectsIn(media.Schema, func(s *openapi3.Schema) {
						open++
						require.Nil(t, s.AdditionalProperties.Has, "%s: %v", path, s.Properties)
					})
				}
			}
		}
	}
	require.Greater(t, closed, 7)
	require.Greater(t, open, 30)
}

// The tests check replies against a document that is closed: see that it is.
func TestTestsNoticeWhatIsNotDescribed(t *testing.T) {
	s := newStand(t)
	schema := s.document.Components.Schemas["StockReply"].Value
	stock := map[string]any{"on_hand": 1., "reserved": 0., "committed": 0., "safety": 0., "available": 1., "version": 1.}
	require.NoError(t, schema.VisitJSON(stock, openapi3.EnableJSONSchema2020()))
	stock["secret"] = 1.
	require.Error(t, schema.VisitJSON(stock, openapi3.EnableJSONSchema2020()))
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
