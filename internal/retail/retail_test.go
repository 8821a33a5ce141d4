package retail

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/internal/retail/sample"
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// reading is what came of a file.
type reading struct {
	sales    []Sale
	products []Product
	kinds    map[Kind][]int
}

func read(t *testing.T, lines ...string) reading {
	t.Helper()
	r := reading{kinds: map[Kind][]int{}}
	report := func(o Oddity) {
		require.NotEmpty(t, o.Detail)
		require.NotContains(t, o.Detail, "\n")
		r.kinds[o.Kind] = append(r.kinds[o.Kind], o.Line)
	}
	reader, err := NewReader(strings.NewReader(header+strings.Join(lines, "\n")+"\n"), report)
	require.NoError(t, err)
	catalogue := NewCatalogue(Charges, report)
	sales := NewSales(reader, catalogue, report)
	for {
		sale, err := sales.Next()
		if errors.Is(err, io.EOF) {
			r.products = catalogue.Products()
			return r
		}
		require.NoError(t, err)
		r.sales = append(r.sales, sale)
	}
}

func TestAnInvoiceIsOneSale(t *testing.T) {
	r := read(t,
		"1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
		"1,71053,MUG,1,2010-12-01 08:26:00,3.39,17850.0,United Kingdom",
		"1,85123A,LANTERN,2,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
		"2,71053,MUG,4,2010-12-01 08:28:00,3.39,13047.0,France")
	require.Empty(t, r.kinds)
	require.Len(t, r.sales, 2)
	assert.Equal(t, []Item{item("85123A", 8, 255, 2), item("71053", 1, 339, 3)}, r.sales[0].Items)
	assert.Equal(t, "17850", r.sales[0].Customer)
	assert.Equal(t, "2010-12-01T08:28:00Z", r.sales[1].At.Format("2006-01-02T15:04:05Z07:00"))
	assert.Equal(t, []Product{{SKU: "71053", Name: "MUG", PriceMinor: 339, Sold: 5, Line: 3}, {SKU: "85123A", Name: "LANTERN", PriceMinor: 255, Sold: 8, Line: 2}}, r.products)
}

// item is one of lines with the same price.
func item(sku string, quantity, price int64, line int) Item {
	return Item{SKU: sku, Quantity: quantity, PriceMinor: price, Line: line, amount: quantity * price, price: price}
}

// Lines of a product with different prices have one price together, which is as near
// to their sum as it can be; and a product has a bound in an invoice.
func TestAnItemHasOnePrice(t *testing.T) {
	for _, test := range []struct {
		lines   string
		price   int64
		mixed   bool
		bounded int
	}{
		{"3@2.00", 200, false, 0},
		{"3@2.00 3@2.00", 200, false, 0},
		{"1@2.00 1@3.01", 251, true, 0},
		{"2@2.00 1@0", 133, true, 0},
		{"1@0 1@2.00 2@0", 50, true, 0},
		{"1000000@10000000000", PriceMinorMax, false, 0},
		{"1000000@2.00 1@3.00", 200, false, 1},
		{"1@3.00 1000000@2.00", 300, false, 1},
	} {
		var lines []string
		for _, line := range strings.Fields(test.lines) {
			units, price, _ := strings.Cut(line, "@")
			lines = append(lines, "1,A,LANTERN,"+units+",2010-12-01 08:26:00,"+price+",17850,UK")
		}
		r := read(t, lines...)
		require.Len(t, r.sales, 1, test.lines)
		require.Len(t, r.sales[0].Items, 1, test.lines)
		found := r.sales[0].Items[0]
		assert.Equal(t, []any{test.price, test.mixed}, []any{found.PriceMinor, found.Mixed}, test.lines)
		assert.Len(t, r.kinds[TooMany], test.bounded, test.lines)
	}
}

// Everything that is known to be odd about real files, with what is made of it.
func TestNothingIsDroppedInSilence(t *testing.T) {
	r := read(t,
		"1,85123a,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,UK", // 2: a variant
		"2,85123A,LANTERN,6,2010-12-01 08:27:00,2.55,,UK",        // 3: no customer
		"2,POST,POSTAGE,1,2010-12-01 08:27:00,18,,UK",            // 4: a charge
		"3,71053,,5,2010-12-01 08:28:00,0.001,13047.0,UK",        // 5: below a minor unit
		"4,71053,damages,-9,2010-12-01 08:29:00,0,,UK",           // 6: a correction
		"A5,B,Adjust bad debt,1,2010-12-01 08:29:00,-11062.06,,", // 7: a charge, whatever it costs
		"6,22222,CUP,1,2010-12-01 08:29:00,-1,13047.0,UK",        // 8: a negative price
		"7,22222,CUP,many,2010-12-01 08:29:00,1,13047.0,UK",      // 9: not a number
		"7,22222,CUP,1,yesterday,1,13047.0,UK",                   // 10: not a time
		"7,22222,CUP,1",                                          // 11: too short
		"1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,UK", // 12: an invoice that had ended
		"C8,85123A,LANTERN,-2,2010-12-01 08:40:00,2.55,17850.0,UK")
	assert.Equal(t, map[Kind][]int{CodeVariant: {2}, Guest: {3}, Charge: {4, 7}, NoPrice: {5}, StockCorrection: {6},
		NegativePrice: {8}, Unreadable: {9, 10, 11}, InvoiceResumed: {12}, ProductWithoutPrice: {5}}, r.kinds)
	var invoices []string
	for _, sale := range r.sales {
		invoices = append(invoices, sale.Invoice)
	}
	assert.Equal(t, []string{"1", "2", "3", "1-2", "C8"}, invoices)
	assert.Equal(t, GuestPrefix+"2", r.sales[1].Customer)
	assert.True(t, r.sales[4].Cancellation)
	assert.Equal(t, []Item{item("85123A", 2, 255, 13)}, r.sales[4].Items)
	assert.Equal(t, Product{SKU: "71053", Name: "71053", Sold: 5, Line: 5}, r.products[0])
}

// An invoice sells or takes back; a line that does the other is left out, and told of.
func TestAnInvoiceGoesOneWay(t *testing.T) {
	line := func(invoice, code, quantity string) string {
		return invoice + "," + code + ",LANTERN," + quantity + ",2010-12-01 08:26:00,2.55,1,UK"
	}
	r := read(t, line("C1", "85123A", "-2"), line("C1", "85123B", "3"), line("C2", "85123A", "3"), line("C2", "85123B", "-2"))
	require.Len(t, r.sales, 2)
	assert.True(t, r.sales[0].Cancellation)
	assert.Equal(t, []Item{item("85123A", 2, 255, 2)}, r.sales[0].Items)
	assert.False(t, r.sales[1].Cancellation)
	assert.Equal(t, []Item{item("85123A", 3, 255, 4)}, r.sales[1].Items)
	assert.Equal(t, map[Kind][]int{WrongWay: {3, 5}}, r.kinds)
}

// A product is called and priced what most of its sales say, and a remark on a line
// that costs nothing is no name.
func TestAProductIsWhatMostOfItsSalesSay(t *testing.T) {
	line := func(description, price string) string {
		return "1,85123A," + description + ",1,2010-12-01 08:26:00," + price + ",1,UK"
	}
	r := read(t, line("?", "0"), line("?", "0"), line("LANTERN", "2.55"), line("LAMP", "2.95"), line("LANTERN", "2.55"), line("LANTERN", "4.95"))
	require.Len(t, r.products, 1)
	assert.Equal(t, Product{SKU: "85123A", Name: "LANTERN", PriceMinor: 255, Sold: 6, Line: 2}, r.products[0])
}

func TestAHeaderNamesWhatIsMissing(t *testing.T) {
	_, err := NewReader(strings.NewReader("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,Country\n"), nil)
	require.ErrorIs(t, err, ErrHeader)
	require.ErrorContains(t, err, "customerid")
	_, err = NewReader(strings.NewReader(""), nil)
	require.ErrorIs(t, err, ErrHeader)
	require.True(t, IsHistory([]string{"\ufeffInvoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"}))
	require.False(t, IsHistory([]string{"sku", "name", "price"}))
}

func TestPrices(t *testing.T) {
	for text, want := range map[string]int64{"2.55": 255, "18": 1800, "0": 0, "0.001": 0, "0.004": 0, "0.005": 1, "-11062.06": -1106206,
		"38970.0": 3897000, "1.005": 101, "0.29": 29, "10000000000": 1_000_000_000_000} {
		got, err := ParsePrice(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", ".", "1.", ".5", "1,50", "1e3", "--1", "+1", "1.2.3", "10000000001", "99999999999999999999", "£1"} {
		_, err := ParsePrice(text)
		require.Error(t, err, text)
	}
}

// Units go back to the newest purchases first, never more than were bought.
func TestUnitsGoBackOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unmatched := 0
		purchases := NewPurchases[int](func(o Oddity) {
			require.Equal(t, Unmatched, o.Kind)
			unmatched++
		})
		left := map[int]int64{}
		total := int64(0)
		for order := range rapid.IntRange(1, 30).Draw(t, "steps") {
			quantity := int64(rapid.IntRange(1, 10).Draw(t, "quantity"))
			if rapid.Bool().Draw(t, "buys") {
				purchases.Buy("a", "X", order, quantity)
				left[order] = quantity
				total += quantity
				continue
			}
			before, back, last := unmatched, int64(0), order
			for _, b := range purchases.GiveBack("a", &Item{SKU: "X", Quantity: quantity}) {
				require.Less(t, b.Order, last, "the newest first")
				require.Positive(t, b.Quantity)
				left[b.Order] -= b.Quantity
				require.GreaterOrEqual(t, left[b.Order], int64(0))
				back, last = back+b.Quantity, b.Order
			}
			require.Equal(t, min(quantity, total), back)
			require.Equal(t, back < quantity, unmatched > before)
			total -= back
		}
		require.Empty(t, purchases.GiveBack("b", &Item{SKU: "X", Quantity: 1}), "another customer")
	})
}

// Whatever a file holds, reading it ends, and each line is in a sale or reported.
func FuzzRead(f *testing.F) {
	f.Add(header + "1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,UK\n")
	f.Add(header + "\"1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,UK\n")
	f.Add(header + "C1,85123A,LANTERN,-6,2010-12-01 08:26:00,2.55,,UK\n1,POST,x,1,2010-12-01T00:00:00Z,-5,,\n")
	f.Fuzz(func(t *testing.T, text string) {
		odd := 0
		report := func(Oddity) { odd++ }
		reader, err := NewReader(strings.NewReader(text), report)
		if err != nil {
			require.ErrorIs(t, err, ErrHeader)
			return
		}
		sales := NewSales(reader, NewCatalogue(Charges, report), report)
		for {
			sale, err := sales.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			require.NoError(t, err)
			require.NotEmpty(t, sale.Items)
			for _, item := range sale.Items {
				require.Positive(t, item.Quantity)
			}
		}
	})
}

// The slice of real orders has everything that is odd about them.
func TestRealOrders(t *testing.T) {
	file, err := sample.Open()
	require.NoError(t, err)
	counts := map[Kind]int{}
	report := func(o Oddity) { counts[o.Kind]++ }
	reader, err := NewReader(file, report)
	require.NoError(t, err)
	catalogue, purchases := NewCatalogue(Charges, report), NewPurchases[string](report)
	sales, cancellations, items, back := NewSales(reader, catalogue, report), 0, 0, int64(0)
	orders := 0
	for {
		sale, err := sales.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		items += len(sale.Items)
		if !sale.Cancellation {
			orders++
		} else {
			cancellations++
		}
		for i := range sale.Items {
			if item := &sale.Items[i]; sale.Cancellation {
				for _, b := range purchases.GiveBack(sale.Customer, item) {
					back += b.Quantity
				}
			} else {
				purchases.Buy(sale.Customer, item.SKU, sale.Invoice, item.Quantity)
			}
		}
	}
	// Counted from the file by another program, once.
	assert.Equal(t, map[string]int{"orders": 137, "cancellations": 6, "items": 3_107, "units back": 6, "products": 1_387}, map[string]int{
		"orders": orders, "cancellations": cancellations, "items": items, "units back": int(back), "products": len(catalogue.Products())})
	assert.Equal(t, map[Kind]int{Charge: 14, CodeVariant: 1, Guest: 15, InvoiceResumed: 1, NoPrice: 12, ProductWithoutPrice: 12,
		StockCorrection: 1, Unmatched: 26}, counts)
}
