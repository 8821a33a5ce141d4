package persistence

import (
	"math"
	"strings"

	"holdfast/inventory"
)

// ProductOrder is what a list of products is sorted by. Among equals the ID decides, in the
// same direction.
type ProductOrder uint8

// The orders.
const (
	// ByID is nearly the order in which products were made.
	ByID ProductOrder = iota
	ByName
	ByPrice
	ByPriceDescending
	// ByCreationDescending begins with the newest.
	ByCreationDescending
	productOrders
)

// ProductOrderCount is how many orders there are: they count from 0.
const ProductOrderCount = int(productOrders)

// Descending reports whether the greatest comes first.
func (o ProductOrder) Descending() bool { return o == ByPriceDescending || o == ByCreationDescending }

// Place is a place in a list: of the fields, those that it is sorted by are set.
type Place struct {
	ID inventory.ID
	// Number is the price of a product in minor units, or the moment of its creation; in other
	// lists, what they count by.
	Number int64
	// Text is the name of a product, with the letters of ASCII in lower case.
	Text string
}

// PlaceOf returns where a product is in the order.
func (o ProductOrder) PlaceOf(product *CatalogueProduct) Place {
	place := Place{ID: product.ID}
	switch o {
	case ByName:
		place.Text = strings.Map(lowerASCII, product.Name)
	case ByPrice, ByPriceDescending:
		place.Number = product.Price.Minor
	case ByCreationDescending:
		place.Number = int64(product.CreatedAt)
	}
	return place
}

// Start returns a place before every product.
func (o ProductOrder) Start() Place {
	if !o.Descending() {
		return Place{Number: math.MinInt64}
	}
	last := Place{Number: math.MaxInt64}
	for i := range last.ID {
		last.ID[i] = math.MaxUint8
	}
	return last
}

// Less reports whether a place comes before another.
func (o ProductOrder) Less(a, b Place) bool {
	if o.Descending() {
		a, b = b, a
	}
	switch {
	case a.Number != b.Number:
		return a.Number < b.Number
	case a.Text != b.Text:
		return a.Text < b.Text
	}
	return string(a.ID[:]) < string(b.ID[:])
}

func lowerASCII(c rune) rune {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
