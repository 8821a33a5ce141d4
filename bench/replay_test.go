package bench

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/api/client"
	"holdfast/internal/retail"
)

// buildHoldfast builds the server and returns the path of its binary.
func buildHoldfast(t *testing.T) string {
	binary := filepath.Join(t.TempDir(), "holdfast")
	output, err := exec.Command("go", "build", "-o", binary, "holdfast/cmd/holdfast").CombinedOutput()
	require.NoError(t, err, "%s", output)
	return binary
}

// A slice of the real orders runs through the real program, and everything that is
// checked holds.
func TestRealOrdersAreReplayed(t *testing.T) {
	var out, progress strings.Builder
	err := Replay{Holdfast: buildHoldfast(t), History: "../internal/retail/sample/online-retail-sample.csv.gz", StockPercent: 90, Parallel: 16,
		Out: &out, Progress: &progress, Watched: true}.Run(t.Context())
	require.NoError(t, err, out.String())
	t.Log("\n" + out.String())
	require.Regexp(t, `(?m)^invoices +143 +of 112 customers, 1387 products`, out.String())
	require.Regexp(t, `(?m)^faults +0`, out.String())
	require.Regexp(t, `(?m)^  insufficient_stock +[1-9]`, out.String(), "some orders had to be refused")
	require.Contains(t, progress.String(), "replaying orders: [##############################] 100 %")
}

// aSession is one that has replayed: of 10 units of A, an order took 4 between 1 and 2
// seconds, and 1 of them came back between 5 and 6.
func aSession() *replaySession {
	s := &replaySession{log: newReplayLog(), history: &history{}, products: map[string]*replayProduct{"A": {id: "a", sku: "A", opening: 10}}}
	sale := &retail.Sale{Invoice: "1", Items: []retail.Item{{SKU: "A", Quantity: 4}}}
	s.log.place(sale, between(1, 2), &client.Order{ID: "o1"})
	s.log.giveBack("o1", between(5, 6), map[string]int64{"A": 1})
	return s
}

func between(begin, end int) replaySpan {
	return replaySpan{time.Duration(begin) * time.Second, time.Duration(end) * time.Second}
}

func anOrder(change func(*client.Order)) client.Order {
	order := client.Order{ID: "o1", Status: "partially_returned", Items: []client.OrderItem{{SKU: "A", Quantity: 4, Shipped: 4, Returned: 1}}}
	change(&order)
	return order
}

func TestTheChecksFindWhatIsWrong(t *testing.T) {
	s := aSession()
	right := anOrder(func(*client.Order) {})
	assert.Empty(t, s.checkOrders(map[string]client.Order{"o1": right}))
	assert.Empty(t, s.checkStock(map[string]replayStock{"A": {OnHand: 7}}))
	for name, listed := range map[string]map[string]client.Order{
		"lost":       {},
		"invented":   {"o1": right, "o2": right},
		"fewer":      {"o1": anOrder(func(o *client.Order) { o.Items[0].Quantity = 3 })},
		"not sent":   {"o1": anOrder(func(o *client.Order) { o.Items[0].Shipped = 0 })},
		"not back":   {"o1": anOrder(func(o *client.Order) { o.Items[0].Returned = 0 })},
		"no items":   {"o1": anOrder(func(o *client.Order) { o.Items = nil })},
		"wrong word": {"o1": anOrder(func(o *client.Order) { o.Status = "fulfilled" })},
	} {
		assert.NotEmpty(t, s.checkOrders(listed), name)
	}
	for _, stock := range []replayStock{{OnHand: 6}, {OnHand: 8}, {OnHand: 7, Reserved: 1}, {OnHand: 7, Committed: 1}} {
		assert.NotEmpty(t, s.checkStock(map[string]replayStock{"A": stock}))
	}
}

// A refusal is honest when the units can have been gone at some moment of it.
func TestADishonestRefusalIsFound(t *testing.T) {
	for _, refusal := range []struct {
		begin, end           int
		requested, available int64
		honest               bool
	}{
		{0, 1, 10, 9, false}, // all ten were there until the order began
		{0, 2, 7, 6, true},   // the order may have had its four
		{1, 3, 7, 6, true},
		{3, 4, 6, 5, false}, // six were there for certain
		{3, 4, 7, 6, true},
		{5, 6, 7, 6, true},  // the one may not have been back
		{7, 8, 7, 6, false}, // it was
		{7, 8, 8, 7, true},
		{7, 8, 8, 8, false}, // it contradicts itself
		{7, 8, 11, 10, true},
	} {
		s := aSession()
		sale := &retail.Sale{Invoice: "2", Items: []retail.Item{{SKU: "A", Quantity: refusal.requested}}}
		problem := &client.Problem{Code: "insufficient_stock",
			Errors: []client.FieldError{{Pointer: "#/items/0", Requested: refusal.requested, Available: refusal.available}}}
		require.NoError(t, s.log.refuse(sale, between(refusal.begin, refusal.end), problem))
		assert.Equal(t, refusal.honest, len(s.checkRefusals()) == 0, "%+v", refusal)
	}
}

// What no server may answer to a real order ends the replay.
func TestOtherRefusalsAreErrors(t *testing.T) {
	sale := &retail.Sale{Items: []retail.Item{{SKU: "A", Quantity: 1}, {SKU: "B", Quantity: 1}}}
	for _, problem := range []*client.Problem{
		{Code: "quantity_limit_customer"},
		{Code: "sold_out"},
		{Code: "sold_out", Errors: []client.FieldError{{Pointer: "#/items/2"}}},
		{Code: "sold_out", Errors: []client.FieldError{{Pointer: "#/policy"}}},
	} {
		require.Error(t, newReplayLog().refuse(sale, between(0, 1), problem))
	}
	require.NoError(t, newReplayLog().refuse(sale, between(0, 1), &client.Problem{Code: "sold_out", Errors: []client.FieldError{{Pointer: "#/items/1", Requested: 1}}}))
	require.NoError(t, newReplayLog().refuse(sale, between(0, 1), &client.Problem{Code: codePaused}))
}
