package bench

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// flashStub is a server of one product that places orders of one unit, and may lie.
type flashStub struct {
	lie     string
	lock    sync.Mutex
	opening int64
	version int64
	refused int
	asked   int
	// orders are by key, listed those of each customer's list.
	orders map[string]stubOrder
	listed map[string][]stubOrder
}

// stubOrder is an order of the stub.
type stubOrder struct {
	ID     string     `json:"id"`
	Status string     `json:"status"`
	Items  []stubItem `json:"items"`
}

type stubItem struct {
	ProductID    string `json:"product_id"`
	Quantity     int64  `json:"quantity"`
	StockVersion int64  `json:"stock_version"`
}

const stubProduct = "01890a5d-ac96-774b-bcce-b302099a8057"

// stubSession returns a session with a stub that tells the lie.
func stubSession(t *testing.T, lie string) (*flashSession, *flashStub) {
	stub := &flashStub{lie: lie, orders: map[string]stubOrder{}, listed: map[string][]stubOrder{}}
	shop := &shop{process: &process{address: serve(t, stub.answer), ended: make(chan struct{})}, tokens: []string{"ann", "bob", "cid"}}
	s := newFlashSession(shop)
	t.Cleanup(s.client.Close)
	return s, stub
}

func (f *flashStub) answer(ctx *fasthttp.RequestCtx) {
	f.lock.Lock()
	defer f.lock.Unlock()
	customer := strings.TrimPrefix(string(ctx.Request.Header.Peek("Authorization")), "Bearer ")
	switch where := string(ctx.Method()) + " " + string(ctx.Path()); {
	case where == "POST /api/products":
		var product struct {
			Stock int64 `json:"stock"`
		}
		_ = json.Unmarshal(ctx.Request.Body(), &product)
		f.opening, f.version = product.Stock, 1
		f.say(ctx, 201, map[string]string{"id": stubProduct})
	case where == "GET /api/products/"+stubProduct+"/stock":
		f.say(ctx, 200, f.stock())
	case where == "POST /api/orders":
		f.place(ctx, customer, string(ctx.Request.Header.Peek("Idempotency-Key")))
	case where == "GET /api/orders":
		f.say(ctx, 200, map[string]any{"items": f.listed[customer], "next_cursor": nil})
	case strings.HasPrefix(where, "GET /api/orders/by-key/"):
		order, is := f.orders[path.Base(where)]
		if !is || f.lie == "an unknown order that its key does not find" {
			f.say(ctx, 404, map[string]string{"code": "not_found"})
			return
		}
		f.say(ctx, 200, order)
	default:
		f.say(ctx, 404, map[string]string{"code": "not_found"})
	}
}

func (f *flashStub) stock() productStock {
	sold := int64(len(f.orders))
	stock := productStock{OnHand: f.opening, Reserved: sold, Available: f.opening - sold, Version: f.version}
	if sold == 0 {
		return stock
	}
	switch f.lie {
	case "a unit that is reserved for nobody":
		stock.Reserved, stock.Available = sold+1, stock.Available-1
	case "stock from nowhere":
		stock.OnHand, stock.Available = stock.OnHand+1, stock.Available+1
	case "a change of the stock without an order":
		stock.Version++
	}
	return stock
}

func (f *flashStub) say(ctx *fasthttp.RequestCtx, status int, body any) {
	text, _ := json.Marshal(body)
	ctx.SetStatusCode(status)
	ctx.SetBody(text)
}

// place answers a request for an order.
func (f *flashStub) place(ctx *fasthttp.RequestCtx, customer, key string) {
	f.asked++
	if order, is := f.orders[key]; is {
		f.repeat(ctx, order)
		return
	}
	units := f.opening
	switch f.lie {
	case "more orders than units":
		units++
	case "a refusal before the last unit":
		units--
	}
	if int64(len(f.orders)) >= units {
		f.refuse(ctx, customer)
		return
	}
	f.version++
	order := stubOrder{ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", f.version), Status: "reserved", Items: []stubItem{{stubProduct, 1, f.version}}}
	f.orders[key] = order
	f.list(customer, order)
	if f.version == 5 {
		switch f.lie {
		case "another status":
			f.say(ctx, 422, map[string]string{"code": "validation_failed"})
			return
		case "a new key that is a repeat":
			ctx.Response.Header.Set("Idempotent-Replayed", "true")
		case "another product":
			order.Items = []stubItem{{"01890a5d-ac96-774b-bcce-b302099a8058", 1, f.version}}
		case "one version for two orders":
			order.Items = []stubItem{{stubProduct, 1, f.version - 1}}
		case "an order without an ID":
			order.ID = ""
		}
	}
	if f.asked%5 == 0 && strings.HasPrefix(f.lie, "an unknown") {
		f.say(ctx, 503, map[string]string{"code": "unknown_outcome"})
		return
	}
	f.say(ctx, 201, order)
}

func (f *flashStub) repeat(ctx *fasthttp.RequestCtx, order stubOrder) {
	ctx.Response.Header.Set("Idempotent-Replayed", "true")
	switch f.lie {
	case "a repeat that is another order":
		order.ID = "00000000-0000-7000-8000-999999999999"
	case "a repeat that does not say so":
		ctx.Response.Header.Del("Idempotent-Replayed")
	case "a repeat that is refused":
		f.say(ctx, 409, map[string]string{"code": "sold_out"})
		return
	}
	f.say(ctx, 201, order)
}

func (f *flashStub) refuse(ctx *fasthttp.RequestCtx, customer string) {
	if f.refused++; f.refused == 1 && f.lie == "a refused order that is listed" {
		f.listed[customer] = append(f.listed[customer], stubOrder{ID: "00000000-0000-7000-8000-999999999999", Status: "reserved"})
	}
	code := "all_held"
	if f.lie == "a refusal for another reason" {
		code = "quantity_limit_customer"
	}
	f.say(ctx, 409, map[string]string{"code": code})
}

// list puts an order into its customer's list.
func (f *flashStub) list(customer string, order stubOrder) {
	if f.version == 3 {
		switch f.lie {
		case "a lost order":
			return
		case "an order that is listed twice":
			f.listed[customer] = append(f.listed[customer], order)
		case "an order in another's list":
			customer = map[string]string{"ann": "bob", "bob": "cid", "cid": "ann"}[customer]
		case "an order that was cancelled":
			order.Status = "cancelled"
		case "an order of two units":
			order.Items = []stubItem{{stubProduct, 2, f.version}}
		case "an order of another version":
			order.Items = []stubItem{{stubProduct, 1, f.version + 1}}
		}
	}
	f.listed[customer] = append(f.listed[customer], order)
}

// stubSale sells all that the stub has, and more, and checks it.
func stubSale(t *testing.T, lie string) (*flashSession, []flashEntry) {
	s, _ := stubSession(t, lie)
	products, err := s.putOnSale(1, 40)
	require.NoError(t, err)
	bar := Flash{}.newBar("", 0)
	entries, unsent, err := s.openLoop(t.Context(), flashOrders{perSecond: 2_000, duration: 50 * time.Millisecond, repeat: 0.2,
		products: products, connections: 2, overrun: time.Minute, bar: bar})
	require.NoError(t, err)
	require.Zero(t, unsent)
	require.Len(t, entries, 100)
	s.entries = entries
	require.NoError(t, s.check(t.Context(), bar))
	return s, entries
}
