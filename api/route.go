package api

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/valyala/fasthttp"

	"holdfast/inventory"
)

// route is one row of the table.
type route struct {
	method, path string
	who          access
	// cost is what one call takes in units of a cheap read, which rate limits are set in;
	// the document shows it as x-cost.
	cost int
	// quota is what a call draws on.
	quota  quotaKind
	handle func(*exchange)

	// body is the zero value of what is sent; nil means nothing may be sent.
	body any
	// bodyOptional means that an empty body is taken for {}.
	bodyOptional bool
	// bodyMax is its largest size; zero is bodyBytesMax.
	bodyMax int

	summary, detail string
	parameters      []parameter
	// ownQuery means that the handler checks the query itself.
	ownQuery bool
	// page means that the answer is for a browser to show.
	page    bool
	replies []reply
	// codes are the refusals of the handler. Those of admit are added to them.
	codes []inventory.Code
}

// parameter documents a value in the query, the path or a header.
type parameter struct {
	name, in    string
	required    bool
	description string
	kind        string
	enum        []string
	// bounds are those of a schema tag.
	bounds []string
}

// reply documents an answer that is not a problem.
type reply struct {
	status      int
	description string
	// body is the zero value of what is sent; nil means nothing.
	body any
	// headers it may carry, name and description.
	headers [][2]string
}

// boundRoute is a route made ready to serve.
type boundRoute struct {
	route
	server     *Server
	bodySchema *schema
	// query are the schemas of the parameters in the query; nil is a query that is not
	// checked.
	query        map[string]*schema
	cacheControl []byte
	metrics      *routeMetrics
	// pulse counts the answers of the route that places orders; others have none.
	pulse *pulse
}

// bind checks a row and makes it ready to serve.
func (s *Server) bind(r route) (*boundRoute, error) {
	if r.who == 0 || r.handle == nil || r.cost < 1 || r.summary == "" || len(r.replies) == 0 {
		return nil, fmt.Errorf("api: route %s %s: caller class, handler, cost, summary and replies are required", r.method, r.path)
	}
	if r.bodyMax == 0 {
		r.bodyMax = bodyBytesMax
	}
	bound := &boundRoute{route: r, server: s, cacheControl: cacheNever}
	if r.body != nil {
		bound.bodySchema = schemaOf(reflect.TypeOf(r.body))
	}
	if !r.ownQuery {
		bound.query = querySchemas(r.parameters)
	}
	if r.who == anyone && r.method == http.MethodGet {
		bound.cacheControl = cacheRevalidate
	}
	if r.method+" "+r.path == placeRoute {
		bound.pulse = s.pulse
	}
	bound.metrics = s.metrics.forRoute(r.method, r.path, r.replies)
	return bound, nil
}

// bindPseudo makes the routes that are not in the table, for what matches none.
func (s *Server) bindPseudo(label string, handle func(*exchange)) *boundRoute {
	return &boundRoute{
		route:        route{method: "_", path: label, who: anyone, cost: 1, handle: handle, bodyMax: orderBodyBytesMax},
		server:       s,
		bodySchema:   &schema{kind: "object"},
		cacheControl: cacheNever,
		metrics:      s.metrics.forRoute("_", label, nil),
	}
}

// serve runs one request.
func (b *boundRoute) serve(ctx *fasthttp.RequestCtx) {
	x := exchanges.Get().(*exchange)
	x.begin(b.server, b, ctx)
	defer x.end()
	if x.admit() {
		b.handle(x)
	}
}

// allCodes are the refusals of handler and admit, without duplicates.
func (b *boundRoute) allCodes() []inventory.Code {
	codes := append([]inventory.Code{codeMalformed, codePayloadTooLarge, codeUnsupportedMediaType, codeInternal}, b.codes...)
	if b.who != anyone {
		codes = append(codes, codeUnauthorized, codeForbidden, inventory.CodeStarting, inventory.CodeStoreUnavailable)
	}
	if b.who&(anyone|customers) != 0 && b.quota != quotaOfNobody {
		codes = append(codes, codeRateLimited)
	}
	if b.body != nil || !b.ownQuery {
		codes = append(codes, inventory.CodeValidationFailed)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}
