package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/internal/retail/sample"
)

// importing runs an import of a file with that text, and returns what it printed and
// its report.
func importing(t *testing.T, data, text string, flags ...string) (printed outcome, report string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.csv")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	printed = run(t, append([]string{"import", "catalogue", path, "--data-dir", data}, flags...)...)
	found, err := os.ReadFile(path + ".report.csv")
	if err == nil {
		report = string(found)
	}
	return printed, report
}

const catalogueHeader = "sku,name,description,category,price,currency,stock,safety,purchase_limit,hold_seconds,sale_starts_at,sale_ends_at,paused\n"

// A catalogue is on sale at the next start, with its stock, however often it is
// imported.
func TestACatalogueIsImported(t *testing.T) {
	data := freshDirectory(t)
	text := catalogueHeader +
		"LAMP-1,Storm lamp,\"Burns, in any wind.\",lamps,24.99,EUR,100,3,2,60,2026-01-01T00:00:00Z,2100-01-01T00:00:00Z,\n" +
		"MUG-1,Mug,,,7.5,,5,,,,,,true\n"
	o, report := importing(t, data, text, "--currency", "USD")
	require.Equal(t, exitOK, o.code, o.stderr)
	assert.Equal(t, "products created          2\nproducts that were there  0\n", o.stdout)
	assert.Equal(t, "line,kind,detail\n", report)
	o, _ = importing(t, data, text, "--currency", "USD")
	assert.Equal(t, "products created          0\nproducts that were there  2\n", o.stdout)

	s := serve(t, data)
	items := s.get("/api/products").body["items"].([]any)
	require.Len(t, items, 2)
	found := map[string]map[string]any{}
	for _, item := range items {
		found[item.(map[string]any)["sku"].(string)] = item.(map[string]any)
	}
	lamp, mug := found["LAMP-1"], found["MUG-1"]
	assert.Equal(t, map[string]any{"amount": 2499., "currency": "EUR"}, lamp["price"])
	assert.Equal(t, map[string]any{"amount": 750., "currency": "USD"}, mug["price"])
	assert.Equal(t, "Burns, in any wind.", lamp["description"])
	assert.Equal(t, []any{"lamps", "imported"}, []any{lamp["category"], mug["category"]})
	assert.Equal(t, []any{3., 2., 60.}, []any{lamp["safety"], lamp["purchase_limit"], lamp["hold_seconds"]})
	assert.Equal(t, "2026-01-01T00:00:00.000Z", lamp["sale"].(map[string]any)["starts_at"])
	assert.Equal(t, 97., s.get("/api/products/" + lamp["id"].(string) + "/stock").body["available"])
	assert.Equal(t, 5., s.get("/api/products/" + mug["id"].(string) + "/stock").body["on_hand"])
	s.stop(t)

	o, report = importing(t, data, strings.ReplaceAll(text, "24.99", "19.99"), "--currency", "USD")
	require.Equal(t, exitOK, o.code, o.stderr)
	assert.Contains(t, o.stdout, "differs_from_catalogue    1\n")
	assert.Contains(t, report, `2,differs_from_catalogue,"LAMP-1 is in the catalogue as ""Storm lamp"" for 2499 EUR`)
}

// What makes no product is reported with its line and its reason.
func TestWhatMakesNoProductIsReported(t *testing.T) {
	o, report := importing(t, freshDirectory(t), catalogueHeader+
		"A,Name,,,1,,,,,,,,\n"+
		"A,Again,,,1,,,,,,,,\n"+
		"B C,Name,,,1,,,,,,,,\n"+
		"D,,,,1,,,,,,,,\n"+
		"E,Name,,,free,,,,,,,,\n"+
		"F,Name,,,1,euro,,,,,,,\n"+
		"G,Name,,,1,,-1,,,,,,\n"+
		"H,Name,,,1,,,,,9999999,,,\n"+
		"I,Name,,,1,,,,,,2027-01-01T00:00:00Z,2026-01-01T00:00:00Z,\n"+
		"J,Name,,,1,,,,,,,tomorrow,\n"+
		"K,Name,,,-1,,,,,,,,\n"+
		"L,Name,,UPPER,1,,,,,,,,\n"+
		"M,\"Two\nlines\",,,1,,,,,,,,\n"+
		"N,too short\n"+
		"O,Name,,,1,,,,,,,,\n")
	require.Equal(t, exitOK, o.code, o.stderr)
	assert.Contains(t, o.stdout, "products created          2\n")
	var odd []string
	for line := range strings.Lines(report) {
		fields := strings.SplitN(line, ",", 3)
		odd = append(odd, fields[0]+" "+fields[1])
	}
	assert.Equal(t, []string{"line kind", "3 refused", "4 refused", "5 refused", "6 refused", "7 refused", "8 refused", "9 refused",
		"10 refused", "11 refused", "12 refused", "13 refused", "14 refused", "16 unreadable"}, odd)
}

// An order history makes a catalogue: the same one from text and from a compressed
// file, with stock in proportion to what was sold.
func TestAnOrderHistoryMakesACatalogue(t *testing.T) {
	reader, err := sample.Open()
	require.NoError(t, err)
	text, err := io.ReadAll(reader)
	require.NoError(t, err)
	data := freshDirectory(t)
	o, report := importing(t, data, string(text), "--stock-percent", "50")
	require.Equal(t, exitOK, o.code, o.stderr)
	assert.Contains(t, o.stdout, "products created          1387\n")
	assert.Contains(t, o.stdout, "charge                    14\n")
	assert.Contains(t, report, `POST ""POSTAGE"" is not a product`)
	again := filepath.Join(t.TempDir(), "other.csv")
	o = run(t, "import", "catalogue", "../../internal/retail/sample/online-retail-sample.csv.gz", "--report", again, "--data-dir", data)
	require.Equal(t, exitOK, o.code, o.stderr)
	assert.Contains(t, o.stdout, "products created          0\nproducts that were there  1387\n")
	s := serve(t, data)
	defer s.stop(t)
	page := s.get("/api/products?limit=100&category=imported")
	require.Len(t, page.body["items"], 100)
}

// A file that is no catalogue, and a report that is none, are left alone.
func TestAnImportRefusesWhatItDoesNotUnderstand(t *testing.T) {
	data := freshDirectory(t)
	for text, reason := range map[string]string{
		"":                       "the first line must name the columns",
		"sku,name\n":             `there is no column "price"`,
		"sku,name,price,prise\n": `there is no column "prise"`,
		"sku,name,price,SKU\n":   `there are two columns "sku"`,
	} {
		o, _ := importing(t, data, text)
		assert.Equal(t, exitError, o.code)
		assert.Contains(t, o.stderr, reason)
	}
	diary := filepath.Join(t.TempDir(), "diary")
	require.NoError(t, os.WriteFile(diary, []byte("dear diary\n"), 0o600))
	o, _ := importing(t, data, catalogueHeader, "--report", diary)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, "is no report of an import")
	kept, err := os.ReadFile(diary)
	require.NoError(t, err)
	assert.Equal(t, "dear diary\n", string(kept))
	for _, flags := range [][]string{{"--currency", "pounds"}, {"--stock-percent", "-1"}, {"--category", "Two words"}} {
		o, _ := importing(t, data, catalogueHeader, flags...)
		assert.Equal(t, exitUsage, o.code, flags)
	}
	s := serve(t, data)
	defer s.stop(t)
	o, _ = importing(t, data, catalogueHeader)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, "pid", "a server runs")
}

// All identifiers of an import are of one millisecond. Lists, which go by identifier,
// used to show its products in no order.
func TestImportedProductsKeepTheOrderOfTheFile(t *testing.T) {
	data := freshDirectory(t)
	var text strings.Builder
	text.WriteString(catalogueHeader)
	var skus []string
	for n := range 60 {
		skus = append(skus, fmt.Sprintf("SKU-%d", 100-n))
		fmt.Fprintf(&text, "%s,Product,,,1,,,,,,,,\n", skus[n])
	}
	o, _ := importing(t, data, text.String())
	require.Equal(t, exitOK, o.code, o.stderr)
	s := serve(t, data)
	defer s.stop(t)
	var listed []string
	for _, item := range s.get("/api/products?limit=100").body["items"].([]any) {
		listed = append(listed, item.(map[string]any)["sku"].(string))
	}
	assert.Equal(t, skus, listed)
}
