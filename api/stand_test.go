package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp/fasthttputil"
	"go.uber.org/goleak"

	"holdfast/internal/identifier"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

func TestMain(m *testing.M) {
	// fasthttp refreshes its Date header for as long as the process lives, and the
	// keeper of its workers notices the end of a server up to 10 s later.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// lockedBuffer keeps what was logged.
type lockedBuffer struct {
	lock sync.Mutex
	data bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.data.Write(p)
}

func (b *lockedBuffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.data.String()
}

// stand is a server in memory with everything around it.
type stand struct {
	t        testing.TB
	server   *Server
	engine   *fakeEngine
	store    *fakeStore
	clock    *handClock
	log      *lockedBuffer
	listener *fasthttputil.InmemoryListener
	client   *http.Client
	document *openapi3.T

	customer, other, admin, service string
	customerID, otherID             inventory.ID
}

var testKey = []byte("0123456789abcdef0123456789abcdef")

func newStand(t testing.TB, changes ...func(*Options)) *stand {
	t.Helper()
	s := &stand{t: t, clock: newHandClock(), store: newFakeStore(), log: &lockedBuffer{},
		listener: fasthttputil.NewInmemoryListener()}
	s.engine = newFakeEngine(s.clock)
	options := Options{Engine: s.engine, Store: s.store, SigningKey: testKey, Clock: s.clock,
		Log:      slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registry: prometheus.NewRegistry(), Version: "test"}
	for _, change := range changes {
		change(&options)
	}
	server, err := New(options)
	require.NoError(t, err)
	s.server = server
	require.NoError(t, server.RecallRevocations(context.Background()))
	s.document = strictDocument(t, server.document)
	dial := func(context.Context, string, string) (net.Conn, error) { return s.listener.Dial() }
	s.client = &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, server.Shutdown(ctx))
		require.NoError(t, <-served)
		for _, secret := range []string{goodPassword, lantern, lantern2, string(testKey), s.customer, s.admin, s.service} {
			require.NotContains(t, s.log.String(), secret, "the log has a secret")
		}
	})
	s.customer, s.customerID = s.person("customer@example.org", persistence.RoleCustomer)
	s.other, s.otherID = s.person("other@example.org", persistence.RoleCustomer)
	s.admin, _ = s.person("admin@example.org", persistence.RoleAdmin)
	s.service = s.machine("payments", persistence.RoleService)
	return s
}

// strictDocument reads a document and closes its schemas: to clients a reply is open,
// since later versions say more, but here it may say nothing that is not described.
func strictDocument(t testing.TB, data []byte) *openapi3.T {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(data)
	require.NoError(t, err)
	for name, component := range document.Components.Schemas {
		if component.Value.Type.Is("object") && name != "DocumentReply" {
			component.Value.WithoutAdditionalProperties()
		}
	}
	return document
}

func (s *stand) person(email string, role persistence.Role) (string, inventory.ID) {
	id := identifier.Unsharded(s.clock.Now())
	s.store.users[email] = persistence.User{ID: id, Email: email, Name: "Somebody", Role: role, CreatedAt: s.clock.Now(), Version: 1}
	session := persistence.Session{ID: identifier.Unsharded(s.clock.Now()), User: id, Generation: 1, Strong: role != persistence.RoleCustomer, CreatedAt: s.clock.Now(), UsedAt: s.clock.Now(),
		EndsAt: s.clock.Now().Add(instant(customerSessionMax)), IdleMax: instant(customerIdleMax)}
	s.store.sessions[session.ID] = session
	access, err := s.server.signer.Issue(token.Principal{ID: id, Role: role, Session: session.ID, Version: 1}, token.AccessLifetime)
	require.NoError(s.t, err)
	return access, id
}

func (s *stand) machine(name string, role persistence.Role) string {
	key, hash := token.NewKey()
	s.store.keys[hash] = persistence.APIKey{ID: identifier.Unsharded(s.clock.Now()), Name: name, Role: role, Hash: hash}
	return key
}

// call is one request; result is its answer.
type call struct {
	method, path, token, body string
	headers                   map[string]string
}

type result struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any
}

func (r result) text(name string) string { value, _ := r.json[name].(string); return value }

func (r result) pointers() []string {
	var pointers []string
	fields, _ := r.json["errors"].([]any)
	for _, field := range fields {
		pointers = append(pointers, field.(map[string]any)["pointer"].(string))
	}
	return pointers
}

// do sends a request and checks the answer against the document and against what
// every answer must be.
func (s *stand) do(c call) result {
	s.t.Helper()
	request, err := http.NewRequest(c.method, "http://holdfast"+c.path, strings.NewReader(c.body))
	require.NoError(s.t, err)
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.headers {
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	got := result{status: response.StatusCode, header: response.Header, body: body}
	if len(body) > 0 && c.method != http.MethodHead && isJSON(got.header) {
		require.NoError(s.t, json.Unmarshal(body, &got.json), "%s", body)
	}
	s.conforms(c, got)
	return got
}

func always() bool { return true }

func isJSON(header http.Header) bool { return strings.Contains(header.Get("Content-Type"), "json") }

// policyOf is the Content-Security-Policy of an answer.
func (s *stand) policyOf(method, target string) string {
	path, _, _ := strings.Cut(target, "?")
	if method != http.MethodGet && method != http.MethodHead || s.server.options.Showcase != nil {
		path = ""
	}
	if slices.Contains([]string{"/", "/signin", "/setup", "/live"}, path) || strings.HasPrefix(path, "/assets/") {
		return "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; " +
			"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	}
	return "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// conforms checks the headers of every answer, and its body against the document.
func (s *stand) conforms(c call, got result) {
	s.t.Helper()
	place := fmt.Sprintf("%s %s -> %d %s", c.method, c.path, got.status, got.body)
	require.Equal(s.t, "nosniff", got.header.Get("X-Content-Type-Options"), place)
	require.Equal(s.t, "no-referrer", got.header.Get("Referrer-Policy"), place)
	require.Equal(s.t, s.policyOf(c.method, c.path), got.header.Get("Content-Security-Policy"), place)
	require.NotEmpty(s.t, got.header.Get("Cache-Control"), place)
	require.NotEmpty(s.t, got.header.Get("X-Request-Id"), place)
	require.Empty(s.t, got.header.Get("Server"), place)
	isProblem := got.status >= 400 && !strings.HasPrefix(c.path, "/readyz") && !strings.HasPrefix(got.header.Get("Content-Type"), "text/html")
	if isProblem && c.method != http.MethodHead {
		require.Equal(s.t, "application/problem+json", got.header.Get("Content-Type"), place)
		require.EqualValues(s.t, got.status, got.json["status"], place)
		require.Equal(s.t, got.header.Get("X-Request-Id"), got.text("request_id"), place)
		require.Equal(s.t, "no-store", got.header.Get("Cache-Control"), place)
		require.Equal(s.t, problemTypePrefix+got.text("code"), got.text("type"), place)
		require.NotContains(s.t, string(got.body), "secret", place)
	}
	operation := s.operation(c.method, c.path)
	if operation == nil || c.method == http.MethodHead {
		return
	}
	documented := operation.Responses.Status(got.status)
	require.NotNil(s.t, documented, "status is not documented: %s", place)
	if len(got.body) == 0 {
		require.Empty(s.t, documented.Value.Content, place)
		return
	}
	if isProblem {
		require.Regexp(s.t, `\b`+got.text("code")+`\b`, *documented.Value.Description, place)
	}
	media := documented.Value.Content.Get(got.header.Get("Content-Type"))
	require.NotNil(s.t, media, place)
	if !isJSON(got.header) {
		return
	}
	var value any
	require.NoError(s.t, json.Unmarshal(got.body, &value))
	require.NoError(s.t, media.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation()), place)
}

var pathParameter = regexp.MustCompile(`\{[a-z]+\}`)

// operation finds the operation of a path in the document, or nil. Fixed paths go
// before those with parameters.
func (s *stand) operation(method, target string) *openapi3.Operation {
	path, _, _ := strings.Cut(target, "?")
	templates := maps.Clone(s.document.Paths.Map())
	if item := templates[path]; item != nil {
		return item.GetOperation(method)
	}
	for template, item := range templates {
		pattern := "^" + pathParameter.ReplaceAllString(template, "[^/]+") + "$"
		if regexp.MustCompile(pattern).MatchString(path) {
			return item.GetOperation(method)
		}
	}
	return nil
}

// raw writes bytes to a fresh connection and returns the first answer.
func (s *stand) raw(data string) *http.Response {
	s.t.Helper()
	return s.rawFrom("192.0.2.1", data)
}

// peer is an address to connect from.
func peer(address string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(address), Port: 40_000} }

// rawFrom is raw for a connection from an address.
func (s *stand) rawFrom(address, data string) *http.Response {
	s.t.Helper()
	connection, err := s.listener.DialWithLocalAddr(peer(address))
	require.NoError(s.t, err)
	defer connection.Close()
	go func() { _, _ = io.WriteString(connection, data) }()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(s.t, err, "%q", data)
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response
}

// key returns an idempotency key header.
func key(name string) map[string]string {
	return map[string]string{"Idempotency-Key": fmt.Sprintf("key-%s-0123456789abcdef", name)}
}

// product creates a product and returns its id.
func (s *stand) product(sku string, stock int) string {
	s.t.Helper()
	return s.productWith(sku, stock, "")
}

// productWith is product with further members. Later products have greater ids.
func (s *stand) productWith(sku string, stock int, members string) string {
	s.t.Helper()
	s.clock.advance(time.Millisecond)
	got := s.do(call{method: "POST", path: "/api/products", token: s.admin, body: fmt.Sprintf(
		`{"sku":%q,"name":"A thing","category":"things","price":{"amount":1999,"currency":"EUR"},"stock":%d%s}`, sku, stock, members)})
	require.Equal(s.t, 201, got.status, "%s", got.body)
	return got.text("id")
}

func orderOf(product string, quantity int) string {
	return fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":%d}]}`, product, quantity)
}

// order places an order and returns its id.
func (s *stand) order(access, name, product string, quantity int) string {
	s.t.Helper()
	got := s.do(call{method: "POST", path: "/api/orders", token: access, headers: key(name), body: orderOf(product, quantity)})
	require.Equal(s.t, 201, got.status, "%s", got.body)
	return got.text("id")
}

// change asks for a change of an order, with a key when it is named.
func (s *stand) change(access, order, action, body string, keyName ...string) result {
	s.t.Helper()
	c := call{method: "POST", path: "/api/orders/" + order + "/" + action, token: access, body: body}
	if len(keyName) > 0 {
		c.headers = key(keyName[0])
	}
	return s.do(c)
}

// stockOf is on_hand, reserved, committed and available.
func (s *stand) stockOf(product string) [4]int {
	s.t.Helper()
	got := s.do(call{method: "GET", path: "/api/products/" + product + "/stock"})
	var figures [4]int
	for i, name := range []string{"on_hand", "reserved", "committed", "available"} {
		figures[i] = int(got.json[name].(float64))
	}
	return figures
}

// item is the item of a product in an order.
func (r result) item(product string) map[string]any {
	items, _ := r.json["items"].([]any)
	for _, item := range items {
		if item := item.(map[string]any); item["product_id"] == product {
			return item
		}
	}
	return nil
}

// manyProducts puts products with a million units each on sale, past the API.
func (s *stand) manyProducts(count int) []string {
	products := make([]string, count)
	for i := range products {
		id := identifier.Unsharded(s.clock.Now())
		s.engine.AddProduct(persistence.CatalogueProduct{OpeningStock: 1_000_000, Product: inventory.Product{ID: id,
			SKU: fmt.Sprintf("MANY-%d", i), HoldSeconds: 600, Price: inventory.Money{Minor: 100, Currency: inventory.Currency{'E', 'U', 'R'}}}})
		products[i] = id.String()
	}
	return products
}

// orderOfAll is the body of an order of one unit of each product.
func orderOfAll(products []string) string {
	items := make([]string, len(products))
	for i, product := range products {
		items[i] = fmt.Sprintf(`{"product_id":%q,"quantity":1}`, product)
	}
	return `{"items":[` + strings.Join(items, ",") + `]}`
}

func newMemoryListener() *fasthttputil.InmemoryListener { return fasthttputil.NewInmemoryListener() }

func clientOf(listener *fasthttputil.InmemoryListener) *http.Client {
	dial := func(context.Context, string, string) (net.Conn, error) { return listener.Dial() }
	return &http.Client{Transport: &http.Transport{DialContext: dial}}
}

// answers is how many answers the metrics count for a route.
func (s *stand) answers(route string) uint64 {
	s.t.Helper()
	families, err := s.server.options.Registry.Gather()
	require.NoError(s.t, err)
	count := uint64(0)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "http_route" && label.GetValue() == route {
					count += metric.GetHistogram().GetSampleCount()
				}
			}
		}
	}
	return count
}

// counter is the value of a counter.
func (s *stand) counter(name string) float64 {
	s.t.Helper()
	families, err := s.server.options.Registry.Gather()
	require.NoError(s.t, err)
	for _, family := range families {
		if family.GetName() == name {
			sum := 0.
			for _, metric := range family.GetMetric() {
				sum += metric.GetCounter().GetValue()
			}
			return sum
		}
	}
	s.t.Fatalf("there is no metric %s", name)
	return 0
}
