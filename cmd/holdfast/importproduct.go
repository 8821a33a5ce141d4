package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/internal/retail"
	"holdfast/inventory"
	"holdfast/persistence"
)

// Bounds of a product's words, which are those of POST /api/products.
const (
	productNameRunesMax        = 200
	productDescriptionRunesMax = 4_000
	categoryBytesMax           = 64
)

// catalogueColumns are the columns of a catalogue, and what each sets.
var catalogueColumns = map[string]func(*persistence.CatalogueProduct, string) error{
	"sku":         func(p *persistence.CatalogueProduct, text string) error { p.SKU = text; return nil },
	"name":        func(p *persistence.CatalogueProduct, text string) error { p.Name = text; return nil },
	"description": func(p *persistence.CatalogueProduct, text string) error { p.Description = text; return nil },
	"category":    setUnlessEmpty(func(p *persistence.CatalogueProduct, text string) error { p.Category = text; return nil }),
	"price": func(p *persistence.CatalogueProduct, text string) (err error) {
		p.Price.Minor, err = retail.ParsePrice(text)
		return err
	},
	"currency": setUnlessEmpty(func(p *persistence.CatalogueProduct, text string) (err error) {
		p.Price.Currency, err = inventory.ParseCurrency(text)
		return err
	}),
	"stock":          setNumber(func(p *persistence.CatalogueProduct, n int64) { p.OpeningStock = n }),
	"safety":         setNumber(func(p *persistence.CatalogueProduct, n int64) { p.Safety = n }),
	"purchase_limit": setNumber(func(p *persistence.CatalogueProduct, n int64) { p.PurchaseLimit = n }),
	"hold_seconds": setNumber(func(p *persistence.CatalogueProduct, n int64) {
		p.HoldSeconds = int32(min(n, inventory.HoldSecondsMax+1))
	}),
	"sale_starts_at": setMoment(func(p *persistence.CatalogueProduct, at inventory.Instant) { p.SaleStartsAt = at }),
	"sale_ends_at":   setMoment(func(p *persistence.CatalogueProduct, at inventory.Instant) { p.SaleEndsAt = at }),
	"paused": setUnlessEmpty(func(p *persistence.CatalogueProduct, text string) (err error) {
		p.Paused, err = strconv.ParseBool(text)
		return err
	}),
}

// requiredColumns are those that a catalogue cannot do without.
var requiredColumns = []string{"sku", "name", "price"}

type columnSetter = func(*persistence.CatalogueProduct, string) error

func setUnlessEmpty(set columnSetter) columnSetter {
	return func(p *persistence.CatalogueProduct, text string) error {
		if text == "" {
			return nil
		}
		return set(p, text)
	}
}

func setNumber(set func(*persistence.CatalogueProduct, int64)) columnSetter {
	return setUnlessEmpty(func(p *persistence.CatalogueProduct, text string) error {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > inventory.StockQuantityMax {
			return fmt.Errorf("%q is not a number from 0 to %d", text, int64(inventory.StockQuantityMax))
		}
		set(p, n)
		return nil
	})
}

func setMoment(set func(*persistence.CatalogueProduct, inventory.Instant)) columnSetter {
	return setUnlessEmpty(func(p *persistence.CatalogueProduct, text string) error {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil || at.Year() < 1971 || at.Year() > 2260 {
			return fmt.Errorf("%q is no time such as 2026-11-27T08:00:00Z", text)
		}
		set(p, inventory.Instant(at.UnixNano()))
		return nil
	})
}

// readCatalogue returns the products of a catalogue. A line that makes no product is
// reported and left out.
func (c *importCatalogueCommand) readCatalogue(file io.Reader, report *importReport, now inventory.Instant) ([]importedProduct, error) {
	rows := csv.NewReader(file)
	header, err := rows.Read()
	if err != nil {
		return nil, err
	}
	if err := cleanHeader(header); err != nil {
		return nil, err
	}
	var products []importedProduct
	seen := map[string]int{}
	for {
		fields, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return products, nil
		}
		var malformed *csv.ParseError
		if errors.As(err, &malformed) {
			report.add(retail.Oddity{Line: malformed.StartLine, Kind: retail.Unreadable, Detail: malformed.Err.Error()})
			continue
		}
		if err != nil {
			return nil, err
		}
		number, _ := rows.FieldPos(0)
		product := c.blank(now)
		reason := fill(&product, header, fields)
		if reason == "" && seen[product.SKU] != 0 {
			reason = fmt.Sprintf("line %d has the same SKU", seen[product.SKU])
		}
		if reason != "" {
			report.add(retail.Oddity{Line: number, Kind: kindRefused, Detail: fmt.Sprintf("%q: %s: left out", product.SKU, reason)})
			continue
		}
		seen[product.SKU] = number
		products = append(products, importedProduct{product, number})
	}
}

// cleanHeader brings the names of columns into their one form, and refuses those that
// mean nothing: a column with a slip of the pen must not be ignored.
func cleanHeader(header []string) error {
	for i, name := range header {
		header[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if catalogueColumns[header[i]] == nil {
			return fmt.Errorf("there is no column %q; see holdfast import catalogue --help for those of a catalogue and of an order history", name)
		}
		if slices.Contains(header[:i], header[i]) {
			return fmt.Errorf("there are two columns %q", header[i])
		}
	}
	for _, name := range requiredColumns {
		if !slices.Contains(header, name) {
			return fmt.Errorf("there is no column %q; see holdfast import catalogue --help for those of a catalogue and of an order history", name)
		}
	}
	return nil
}

// fill sets a product's values and returns why it can be none, or nothing.
func fill(product *persistence.CatalogueProduct, header, fields []string) string {
	for i, name := range header {
		if err := catalogueColumns[name](product, strings.TrimSpace(fields[i])); err != nil {
			return fmt.Sprintf("%s: %v", name, err)
		}
	}
	return reasonAgainst(product)
}

// reasonAgainst returns why a product is not one that POST /api/products would take,
// or nothing.
func reasonAgainst(p *persistence.CatalogueProduct) string {
	switch {
	case !isSKU(p.SKU):
		return fmt.Sprintf("a SKU has 1 to %d visible ASCII characters and no spaces", inventory.SKUBytesMax)
	case p.Name == "" || !isText(p.Name, productNameRunesMax) || strings.ContainsAny(p.Name, "\t\n"):
		return fmt.Sprintf("a name is one line of 1 to %d characters", productNameRunesMax)
	case !isText(p.Description, productDescriptionRunesMax):
		return fmt.Sprintf("a description has at most %d characters, no control characters among them", productDescriptionRunesMax)
	case !isCategory(p.Category):
		return fmt.Sprintf("a category has at most %d of a-z, 0-9 and -", categoryBytesMax)
	case p.Price.Minor < 0 || p.Price.Minor > inventory.PriceMinorMax:
		return fmt.Sprintf("a price is from 0 to %d minor units", int64(inventory.PriceMinorMax))
	case p.HoldSeconds < inventory.HoldSecondsMin || p.HoldSeconds > inventory.HoldSecondsMax:
		return fmt.Sprintf("hold_seconds is from %d to %d", inventory.HoldSecondsMin, inventory.HoldSecondsMax)
	case p.SaleStartsAt != 0 && p.SaleEndsAt != 0 && p.SaleEndsAt <= p.SaleStartsAt:
		return "sale_ends_at must be after sale_starts_at"
	}
	return ""
}

func isSKU(text string) bool {
	return text != "" && len(text) <= inventory.SKUBytesMax && strings.IndexFunc(text, func(r rune) bool { return r < '!' || r > '~' }) < 0
}

func isText(text string, runesMax int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= runesMax &&
		strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) < 0
}

func isCategory(text string) bool {
	return len(text) <= categoryBytesMax && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
