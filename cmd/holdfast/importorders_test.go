package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/identifier"
	"holdfast/internal/retail/sample"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/sqlite"
)

const historyHeader = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// importingOrders runs an import of a history with that text, and returns what it
// printed and its report.
func importingOrders(t *testing.T, data, text string, flags ...string) (printed outcome, report string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.csv")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	printed = run(t, append([]string{"import", "orders", path, "--data-dir", data}, flags...)...)
	found, err := os.ReadFile(path + ".orders.report.csv")
	if err == nil {
		report = string(found)
	}
	return printed, report
}

// counted returns a row of a summary.
func counted(t *testing.T, o outcome, what string) (count int) {
	t.Helper()
	require.Equal(t, exitOK, o.code, o.stderr)
	for line := range strings.Lines(o.stdout) {
		if rest, found := strings.CutPrefix(line, what+"  "); found {
			_, err := fmt.Sscan(rest, &count)
			require.NoError(t, err)
			return count
		}
	}
	return 0
}

// tokenOf returns an access token of an account that has no password.
func tokenOf(t *testing.T, data string, id inventory.ID, role persistence.Role) string {
	t.Helper()
	key, err := loadSigningKey(signingKeyOptions{}, &dataDirectory{path: data})
	require.NoError(t, err)
	signer, err := token.NewSigner(key, clock.NewSystem())
	require.NoError(t, err)
	text, err := signer.Issue(token.Principal{ID: id, Role: role, Session: id, Version: 1}, time.Hour)
	require.NoError(t, err)
	return text
}

// Everything that is known to be odd about real histories, with what is made of it;
// and what is for sale afterwards is what was before, whatever the catalogue forbids.
func TestOrdersOfThePastAreImported(t *testing.T) {
	data := freshDirectory(t)
	o, _ := importing(t, data, "sku,name,price,currency,stock,safety,purchase_limit,sale_starts_at,sale_ends_at,paused\n"+
		"LA,Lamp,1.00,GBP,10,2,,,,\nMU,Mug,1.00,EUR,7,,1,2026-01-01T00:00:00Z,2026-01-02T00:00:00Z,true\nCU,Cup,1.00,GBP,1,,,,,\n")
	require.Equal(t, exitOK, o.code, o.stderr)
	text := historyHeader +
		"1,LA,LAMP,2,2010-12-01 08:26:00,1.50,17850.0,UK\n" +
		"1,la,LAMP,1,2010-12-01 08:26:00,3.00,17850.0,UK\n" + // 3: a variant, and another price
		"1,DI,DISH,1,2010-12-01 08:26:00,3.00,17850.0,UK\n" + // 4: not in the catalogue
		"2,MU,MUG,5,2010-12-01 08:27:00,2.00,,UK\n" + // 5: a guest
		"3,POST,POSTAGE,1,2010-12-01 08:27:00,18,17850.0,UK\n" + // 6: no product
		"4,LA,LAMP,1,2999-01-01 00:00:00,1.50,17850.0,UK\n" + // 7: not past
		"5,LA,LAMP,1,1960-01-01 00:00:00,1.50,17850.0,UK\n" + // 8: too long past
		"C6,LA,LAMP,-2,2010-12-02 08:26:00,1.50,17850.0,UK\n" +
		"C7,LA,LAMP,-1,2010-12-03 08:26:00,1.50,17850.0,UK\n" +
		"C8,LA,LAMP,-1,2010-12-03 08:27:00,1.50,17850.0,UK\n" + // 11: more than was bought
		"C9,DI,DISH,-1,2010-12-03 08:27:00,1.50,17850.0,UK\n" + // 12: not in the catalogue
		"10,DI,DISH,1,2010-12-03 08:27:00,1.50,99,UK\n" + // 13: nothing but that
		"1,CU,CUP,1,2010-12-04 08:26:00,0,17850.0,UK\n" // 14: an invoice that had ended, and no price
	o, report := importingOrders(t, data, text)
	require.Equal(t, exitOK, o.code, o.stderr)
	assert.True(t, strings.HasPrefix(o.stdout, "orders recorded          3\nlines of them            3\nunits of them            9\n"+
		"returns recorded         2\nunits that came back     3\norders that were there   0\nreturns that were there  0\n"+
		"customers created        1\nguests created           1\n"), o.stdout)
	var odd []string
	for line := range strings.Lines(report) {
		fields := strings.SplitN(line, ",", 3)
		odd = append(odd, fields[0]+" "+fields[1])
	}
	slices.Sort(odd)
	assert.Equal(t, []string{"11 unmatched_cancellation", "12 missing_product", "13 missing_product", "14 invoice_resumed", "14 no_price",
		"2 mixed_prices", "3 code_variant", "4 missing_product", "5 guest", "6 charge", "7 refused", "8 refused", "line kind"}, odd)

	s := serve(t, data)
	customer := identifier.Derived("customer", "17850")
	orders := s.do(call{method: "GET", path: "/api/orders", token: tokenOf(t, data, customer, persistence.RoleCustomer)}).body["items"].([]any)
	require.Len(t, orders, 2)
	last, first := orders[0].(map[string]any), orders[1].(map[string]any)
	assert.Equal(t, []any{"fulfilled", "returned"}, []any{last["status"], first["status"]})
	assert.Equal(t, []any{"2010-12-04T08:26:00.000Z", "2010-12-01T08:26:00.000Z"}, []any{last["placed_at"], first["placed_at"]})
	assert.Equal(t, map[string]any{"amount": 600., "currency": "GBP"}, first["total"])
	admin := tokenOf(t, data, identifier.Derived("nobody", ""), persistence.RoleAdmin)
	all := s.do(call{method: "GET", path: "/api/orders?status=fulfilled", token: admin}).body["items"].([]any)
	require.Len(t, all, 2)
	assert.Equal(t, identifier.Derived("guest", "guest-2").String(), all[1].(map[string]any)["customer_id"])
	for _, item := range s.get("/api/products?limit=100").body["items"].([]any) {
		product := item.(map[string]any)
		assert.Equal(t, map[string]float64{"LA": 10, "MU": 7, "CU": 1}[product["sku"].(string)], product["stock"].(map[string]any)["on_hand"])
	}
	s.stop(t)

	again, report2 := importingOrders(t, data, strings.Replace(text, "MUG,5", "MUG,6", 1))
	assert.Zero(t, counted(t, again, "orders recorded")+counted(t, again, "returns recorded")+counted(t, again, "customers created"))
	assert.Equal(t, []int{3, 2}, []int{counted(t, again, "orders that were there"), counted(t, again, "returns that were there")})
	assert.Contains(t, report2, "5,differs_from_record,invoice 2 was recorded with other lines or prices")
	more, _ := importingOrders(t, data, text+"11,LA,LAMP,4,2010-12-05 08:26:00,1.50,99,UK\nC12,CU,CUP,-1,2010-12-06 08:26:00,0,17850.0,UK\n")
	assert.Equal(t, []int{1, 1, 1}, []int{counted(t, more, "orders recorded"), counted(t, more, "returns recorded"), counted(t, more, "customers created")})
}

// What staff have taken back themselves is not taken back again.
func TestAnImportKnowsWhatCameBackInTheShop(t *testing.T) {
	data := freshDirectory(t)
	importing(t, data, "sku,name,price\nA,Lamp,1\n")
	text := historyHeader + "1,A,LAMP,5,2010-12-01 08:26:00,1.50,17850,UK\nC2,A,LAMP,-2,2010-12-02 08:26:00,1.50,17850,UK\n"
	o, _ := importingOrders(t, data, text)
	require.Equal(t, 1, counted(t, o, "returns recorded"))
	s := serve(t, data)
	admin := tokenOf(t, data, identifier.Derived("nobody", ""), persistence.RoleAdmin)
	order := s.do(call{method: "GET", path: "/api/orders", token: admin}).body["items"].([]any)[0].(map[string]any)
	item := order["items"].([]any)[0].(map[string]any)
	r := s.do(call{method: "POST", path: "/api/orders/" + order["id"].(string) + "/return", token: admin, key: "returned-by-the-staff",
		body: `{"items":[{"product_id":"` + item["product_id"].(string) + `","quantity":1}],"restock":true}`})
	require.Equal(t, 200, r.status, r.text)
	s.stop(t)
	o, report := importingOrders(t, data, text+"C3,A,LAMP,-3,2010-12-03 08:26:00,1.50,17850,UK\n")
	assert.Equal(t, []int{0, 1}, []int{counted(t, o, "returns recorded"), counted(t, o, "returns that were there")})
	assert.Contains(t, report, "4,unmatched_cancellation,3 units that invoice C3 takes back have come back in the shop")
	o, _ = importingOrders(t, data, text+"C3,A,LAMP,-2,2010-12-03 08:26:00,1.50,17850,UK\n")
	assert.Equal(t, 1, counted(t, o, "returns recorded"))
	s = serve(t, data)
	order = s.do(call{method: "GET", path: "/api/orders", token: admin}).body["items"].([]any)[0].(map[string]any)
	assert.Equal(t, "returned", order["status"])
}

// A real history, from the catalogue to the list of a customer's orders: every unit is
// accounted for, and what is for sale is what opened.
func TestARealHistoryIsImported(t *testing.T) {
	reader, err := sample.Open()
	require.NoError(t, err)
	text, err := io.ReadAll(reader)
	require.NoError(t, err)
	data := freshDirectory(t)
	importing(t, data, string(text))
	o, _ := importingOrders(t, data, string(text), "--currency", "EUR")
	kept := openKept(t, data)
	assert.Equal(t, []int{137, 3080, 28132, 1, 6, 95, 15}, []int{counted(t, o, "orders recorded"), counted(t, o, "lines of them"), counted(t, o, "units of them"),
		counted(t, o, "returns recorded"), counted(t, o, "units that came back"), counted(t, o, "customers created"), counted(t, o, "guests created")})
	var lines, units, back int64
	for _, order := range kept.orders(t) {
		user, err := kept.UserByID(t.Context(), order.Customer)
		require.NoError(t, err)
		require.Empty(t, user.PasswordHash)
		require.Equal(t, "EUR", order.Currency.String())
		for _, line := range order.Lines {
			lines, units, back = lines+1, units+line.Quantity, back+int64(line.Returned)
			require.Equal(t, line.Quantity, int64(line.Shipped))
		}
	}
	assert.Equal(t, []int64{3080, 28132, 6}, []int64{lines, units, back})
	kept.requireUntouched(t)
}

// kept is the database of a data directory that nobody uses.
type kept struct{ *sqlite.Store }

func openKept(t *testing.T, data string) kept {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(data, "holdfast.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return kept{store}
}

// orders returns all orders, without what depends on when they were recorded and on
// the IDs of the products.
func (k kept) orders(t *testing.T) []inventory.Order {
	t.Helper()
	orders, err := k.Orders(t.Context(), persistence.OrderFilter{Limit: 1 << 20})
	require.NoError(t, err)
	for i := range orders {
		orders[i].Sequence, orders[i].Body = 0, inventory.Fingerprint{}
		for j := range orders[i].Lines {
			orders[i].Lines[j].StockVersion, orders[i].Lines[j].ProductID = 0, inventory.ID{}
		}
		slices.SortFunc(orders[i].Lines, func(a, b inventory.Line) int { return cmp.Compare(a.SKU, b.SKU) })
	}
	return orders
}

// requireUntouched requires that every product has its opening stock, and movements
// that lead there.
func (k kept) requireUntouched(t *testing.T) {
	t.Helper()
	require.NoError(t, k.EachProduct(t.Context(), func(product persistence.CatalogueProduct, stock inventory.Stock) error {
		require.Equal(t, inventory.Stock{OnHand: product.OpeningStock, Sold: stock.Sold, Version: stock.Version}, stock, product.SKU)
		movements, err := k.Movements(t.Context(), persistence.MovementFilter{Product: product.ID, Limit: 1 << 20})
		require.NoError(t, err)
		require.Len(t, movements, int(stock.Version))
		var shipped, received int64
		for i, movement := range movements {
			if i > 0 {
				require.Equal(t, movements[i-1].Before, movement.After)
			}
			switch change := movement.After.OnHand - movement.Before.OnHand; movement.Kind {
			case inventory.OrderFulfilled:
				shipped -= change
			case inventory.StockAdjusted:
				received += change
			default:
				require.Zero(t, change)
			}
		}
		require.Equal(t, product.OpeningStock, received-shipped)
		require.Equal(t, stock.Sold, shipped)
		return nil
	}))
}

// busyHistory is a history of many small invoices, some of which are taken back.
func busyHistory(invoices int) string {
	var text strings.Builder
	text.WriteString(historyHeader)
	at := time.Date(2010, 12, 1, 8, 0, 0, 0, time.UTC)
	for n := range invoices {
		at = at.Add(time.Minute)
		for line := range 1 + n%4 {
			fmt.Fprintf(&text, "%d,P%d,THING,%d,%s,%d.50,%d,UK\n", 1000+n, (n+7*line)%40, 1+n%9, at.Format(time.DateTime), 1+line, n%97)
		}
		if n%5 == 4 {
			fmt.Fprintf(&text, "C%d,P%d,THING,-1,%s,1.50,%d,UK\n", 1000+n, n%40, at.Format(time.DateTime), n%97)
		}
	}
	return text.String()
}

// Killed again and again, at any moment, an import makes no order twice and none in
// part: whenever somebody looks, what is for sale is what it was, and at the end the
// orders are those of an import that nobody disturbed.
func TestAKilledImportGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.csv")
	require.NoError(t, os.WriteFile(path, []byte(busyHistory(3_000)), 0o600))
	data, calm := freshDirectory(t), freshDirectory(t)
	for _, directory := range []string{data, calm} {
		succeed(t, "import", "catalogue", path, "--data-dir", directory)
	}
	undisturbed := run(t, "import", "orders", path, "--data-dir", calm)
	require.Equal(t, 3_000, counted(t, undisturbed, "orders recorded"))
	require.Equal(t, 600, counted(t, undisturbed, "returns recorded"))

	kills := 0
	for ended := false; !ended; {
		p := launch(t, "import", "orders", path, "--data-dir", data)
		p.log.await(t, "recovered", p.ended)
		awaitBatches(t, p, data, 1+kills/2)
		_ = p.command.Process.Kill() // it may have ended
		if ended = p.wait(t).Exited(); ended {
			require.Zero(t, p.wait(t).ExitCode(), "%s", p.log)
			continue
		}
		kills++
		if kills%3 == 0 { // somebody starts the server in between
			serve(t, data).stop(t)
			store := openKept(t, data)
			store.requireUntouched(t)
			require.NotEmpty(t, store.orders(t))
		}
	}
	require.GreaterOrEqual(t, kills, 3, "the import had ended before it was killed")
	succeed(t, "journal", "verify", "--data-dir", data)
	expected, found := openKept(t, calm), openKept(t, data)
	want, have := expected.orders(t), found.orders(t)
	require.Len(t, have, len(want))
	for i := range want { // the difference of all of them would take minutes to print
		require.Equal(t, want[i], have[i])
	}
	found.requireUntouched(t)
	finished := run(t, "import", "orders", path, "--data-dir", data)
	require.Zero(t, counted(t, finished, "orders recorded")+counted(t, finished, "returns recorded")+counted(t, finished, "customers created"))
}

// awaitBatches returns when the process has made so many batches durable, or ended.
func awaitBatches(t *testing.T, p *process, data string, batches int) {
	t.Helper()
	read := func() string {
		watermark, err := os.ReadFile(filepath.Join(data, "journal", "watermark"))
		require.NoError(t, err)
		return string(watermark)
	}
	before, deadline := read(), time.After(patience)
	for batches > 0 {
		if now := read(); now != before {
			before = now
			batches--
		}
		select {
		case <-p.ended:
			return
		case <-deadline:
			require.FailNow(t, "the import does not go on", "%s", p.log)
		default:
		}
	}
}

// A file that is no history, a catalogue of another shop, and data that a server has
// are refused before anything is changed.
func TestAnImportOfOrdersRefuses(t *testing.T) {
	data := freshDirectory(t)
	line := "1,A,LAMP,2,2010-12-01 08:26:00,1.50,17850,UK\n"
	o, report := importingOrders(t, data, "sku,name,price\nA,Lamp,1\n")
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, "does not name the columns of an order history")
	assert.Empty(t, report)
	o, _ = importingOrders(t, data, historyHeader+line)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, `1 of its 1 products are not in the catalogue: run "holdfast import catalogue`)
	o, _ = importingOrders(t, data, historyHeader+line, "--currency", "pounds")
	assert.Equal(t, exitUsage, o.code)
	s := serve(t, data)
	defer s.stop(t)
	o, _ = importingOrders(t, data, historyHeader+line)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, "pid", "a server runs")
}

// A return is of the product that was sold, also when its SKU stands for another one by
// now; and a file that was corrected adds only what is new.
func TestALaterImportFitsTheEarlierOne(t *testing.T) {
	data := freshDirectory(t)
	o, _ := importing(t, data, "sku,name,price\nla,Lamp,1\nMU,Mug,1\n")
	require.Equal(t, exitOK, o.code, o.stderr)
	sales := "1,LA,LAMP,5,2010-12-01 08:26:00,1.50,17850,UK\n2,LA,LAMP,1,2010-12-01 08:27:00,1.50,17850,UK\n" +
		"1,MU,MUG,3,2010-12-01 08:28:00,1.50,17850,UK\n"
	o, _ = importingOrders(t, data, historyHeader+sales+"C1,MU,MUG,-1,2010-12-02 08:26:00,1.50,17850,UK\n")
	require.Equal(t, 3, counted(t, o, "orders recorded"))
	require.Equal(t, 1, counted(t, o, "returns recorded"))

	o, _ = importing(t, data, "sku,name,price\nLA,Lamp,1\n")
	require.Equal(t, exitOK, o.code, o.stderr)
	grown := historyHeader + "0,MU,MUG,1,2010-11-30 08:26:00,1.50,17850,UK\n" + sales +
		"C1,MU,MUG,-2,2010-12-02 08:26:00,1.50,17850,UK\nC2,LA,LAMP,-2,2010-12-02 08:26:00,1.50,17850,UK\n"
	o, report := importingOrders(t, data, grown)
	require.Equal(t, exitOK, o.code, o.stderr)
	require.Equal(t, 1, counted(t, o, "orders recorded"), o.stdout)
	require.Equal(t, 4, counted(t, o, "units that came back"), o.stdout)
	require.Contains(t, report, "differs_from_record,\"of the 2 units that invoice C1 takes back, 1 may have come back before")
	o, _ = importingOrders(t, data, grown)
	require.Equal(t, exitOK, o.code, o.stderr)
	require.Zero(t, counted(t, o, "orders recorded"))
	require.Zero(t, counted(t, o, "returns recorded"))
}
