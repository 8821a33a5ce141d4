package retail

import (
	"fmt"
	"slices"
	"strings"
)

// Product is what the lines say about one product.
type Product struct {
	// SKU is the code in upper case.
	SKU string
	// Name is the description that most of its sales have.
	Name string
	// PriceMinor is the price that most of its sales have, the higher one of two that
	// are as frequent; 0 when no line has one.
	PriceMinor int64
	// Sold is how many units were sold, before anything was taken back.
	Sold int64
	// Line is the first line of the product.
	Line int
}

// Charges are the codes of what the known files have among their products without
// being one.
var Charges = []string{"POST", "DOT", "D", "M", "C2", "S", "B", "BANK CHARGES", "AMAZONFEE", "CRUK"}

// Catalogue gathers the products of an order history, line by line.
type Catalogue struct {
	report   Report
	charges  map[string]bool
	products map[string]*seenProduct
	variants map[string]bool
}

// seenProduct counts what the lines of a product say.
type seenProduct struct {
	Product
	names  map[string]int
	prices map[int64]int
}

// NewCatalogue returns a catalogue without products. charges are codes that are not
// products, whatever their case.
func NewCatalogue(charges []string, report Report) *Catalogue {
	c := &Catalogue{report: report, charges: map[string]bool{}, products: map[string]*seenProduct{}, variants: map[string]bool{}}
	for _, code := range charges {
		c.charges[SKU(code)] = true
	}
	return c
}

// SKU returns the one form of all codes that differ in case or in spaces around them.
func SKU(code string) string { return strings.ToUpper(strings.TrimSpace(code)) }

// Add takes what a line says about its product. It returns the product's SKU, or
// false when the line is no sale of a product and no cancellation of one.
func (c *Catalogue) Add(line *Line) (sku string, is bool) {
	sku = SKU(line.Code)
	switch {
	case c.charges[sku]:
		c.report(Oddity{Line: line.Number, Kind: Charge, Detail: fmt.Sprintf("%s %q is not a product: left out", line.Code, line.Description)})
		return "", false
	case line.PriceMinor < 0:
		c.report(Oddity{Line: line.Number, Kind: NegativePrice, Detail: fmt.Sprintf("%s for %d minor units: left out", line.Code, line.PriceMinor)})
		return "", false
	case line.Quantity < 0 && !line.IsCancellation():
		c.report(Oddity{Line: line.Number, Kind: StockCorrection, Detail: fmt.Sprintf("%d units of %s %q: left out", line.Quantity, line.Code, line.Description)})
		return "", false
	}
	c.reportVariant(line, sku)
	product := c.products[sku]
	if product == nil {
		product = &seenProduct{Product: Product{SKU: sku, Line: line.Number}, names: map[string]int{}, prices: map[int64]int{}}
		c.products[sku] = product
	}
	product.see(line)
	if line.PriceMinor == 0 {
		c.report(Oddity{Line: line.Number, Kind: NoPrice, Detail: fmt.Sprintf("%d units of %s cost nothing, or less than a minor unit: their price is not counted", line.Quantity, line.Code)})
	}
	return sku, true
}

// reportVariant reports each form of a code once.
func (c *Catalogue) reportVariant(line *Line, sku string) {
	if line.Code == sku || c.variants[line.Code] {
		return
	}
	c.variants[line.Code] = true
	c.report(Oddity{Line: line.Number, Kind: CodeVariant, Detail: fmt.Sprintf("%s is taken for %s, here and wherever it comes again", line.Code, sku)})
}

// see counts a line. What costs nothing is often no sale, and its description a
// remark ("damaged", "?"): it counts only until there is a better one.
func (p *seenProduct) see(line *Line) {
	if line.Quantity < 0 {
		return
	}
	p.Sold += line.Quantity
	weight := 1
	if line.PriceMinor > 0 {
		weight = 1_000_000
		p.prices[line.PriceMinor]++
	}
	if line.Description != "" {
		p.names[line.Description] += weight
	}
}

// IsCancellation reports whether the line takes an earlier purchase back.
func (l *Line) IsCancellation() bool {
	return l.Quantity < 0 && (strings.HasPrefix(l.Invoice, "C") || strings.HasPrefix(l.Invoice, "c"))
}

// Products returns the products in the order of their SKUs, and reports those that
// nothing gives a price.
func (c *Catalogue) Products() []Product {
	products := make([]Product, 0, len(c.products))
	for _, seen := range c.products {
		seen.Name, seen.PriceMinor = mostFrequent(seen.names), mostFrequent(seen.prices)
		if seen.Name == "" {
			seen.Name = seen.SKU
		}
		products = append(products, seen.Product)
	}
	slices.SortFunc(products, func(a, b Product) int { return strings.Compare(a.SKU, b.SKU) })
	for i := range products {
		if products[i].PriceMinor == 0 {
			c.report(Oddity{Line: products[i].Line, Kind: ProductWithoutPrice,
				Detail: fmt.Sprintf("no line of %s %q has a price: it is put in the catalogue, but not on sale", products[i].SKU, products[i].Name)})
		}
	}
	return products
}

// mostFrequent returns the key with the highest count, the greatest of several.
func mostFrequent[K string | int64](counts map[K]int) (best K) {
	most := 0
	for key, count := range counts {
		if count > most || count == most && key > best {
			best, most = key, count
		}
	}
	return best
}
