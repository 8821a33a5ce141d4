package api

import (
	"bytes"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"holdfast/actors"
	"holdfast/internal/clock"
	"holdfast/internal/identifier"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// instantEngine answers every order at once, so that what is measured is the
// front end alone.
type instantEngine struct {
	*fakeEngine
	order   inventory.Order
	refusal inventory.Refusal
}

func (e *instantEngine) PlaceOrder(*actors.PlaceOrder) (actors.OrderReply, inventory.Refusal) {
	return actors.OrderReply{Order: e.order}, e.refusal
}

func benchmarkOrder(b *testing.B, refusal inventory.Refusal, wantStatus int) {
	system := clock.NewSystem()
	now := system.Now()
	product := identifier.Unsharded(now)
	engine := &instantEngine{refusal: refusal, order: inventory.Order{ID: identifier.New(now, 1), Customer: identifier.Unsharded(now),
		State: inventory.Reserved, Currency: inventory.Currency{'E', 'U', 'R'}, PlacedAt: now, UpdatedAt: now,
		ExpiresAt: now.Add(600 * inventory.Second), Lines: []inventory.Line{{ProductID: product, Quantity: 1, Price: 1999, SKU: "LAMP-1", StockVersion: 7}}}}
	server, err := New(Options{Engine: engine, Store: newFakeStore(), SigningKey: testKey, Clock: system,
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	require.NoError(b, err)
	require.NoError(b, server.RecallRevocations(b.Context()))
	access, err := server.signer.Issue(token.Principal{ID: engine.order.Customer, Role: persistence.RoleCustomer, Session: engine.order.Customer, Version: 1}, token.AccessLifetime)
	require.NoError(b, err)
	var ctx fasthttp.RequestCtx
	var request fasthttp.Request
	request.Header.SetMethod("POST")
	request.SetRequestURI("/api/orders")
	request.Header.SetHost("127.0.0.1:8080")
	request.Header.SetContentType("application/json")
	request.Header.Set("Authorization", "Bearer "+access)
	request.Header.Set("Idempotency-Key", "0123456789abcdef0123456789abcdef")
	request.SetBodyString(orderOf(product.String(), 1))
	ctx.Init(&request, nil, nil)
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		server.front.Handler(&ctx)
	}
	require.Equal(b, wantStatus, ctx.Response.StatusCode(), "%s", ctx.Response.Body())
}

func BenchmarkPlaceOrder(b *testing.B) { benchmarkOrder(b, inventory.Refusal{}, 201) }

func BenchmarkPlaceOrderSoldOut(b *testing.B) {
	benchmarkOrder(b, inventory.Refusal{Code: inventory.CodeSoldOut, Detail: "No units are left.", Requested: 1, ProductID: inventory.ID{1}}, 409)
}

func BenchmarkDecodeOrder(b *testing.B) {
	expected := schemaOf(reflect.TypeFor[orderBody]())
	for name, body := range map[string][]byte{"usual": []byte(orderOf(someProduct, 1)),
		"escaped": bytes.Replace([]byte(orderOf(someProduct, 1)), []byte("items"), []byte(`\u0069tems`), 1),
		"largest": []byte(orderOfAll(slices.Repeat([]string{someProduct}, inventory.OrderLinesMax)))} {
		b.Run(name, func(b *testing.B) {
			var line [1]inventory.Line
			b.ReportAllocs()
			for b.Loop() {
				request := actors.PlaceOrder{Lines: line[:0]}
				if malformed, fields := decodeOrder(body, expected, &request); malformed != "" || fields != nil {
					b.Fatal(malformed, fields)
				}
			}
		})
	}
}

func BenchmarkAppendOrder(b *testing.B) {
	order := inventory.Order{State: inventory.Reserved, ExpiresAt: 1, Lines: make([]inventory.Line, 1)}
	buffer := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buffer = appendOrder(buffer[:0], &order, 1)
	}
	_, _ = io.Discard.Write(buffer)
}
