package persistence

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

func TestParseSearch(t *testing.T) {
	word := func(text string) SearchTerm { return SearchTerm{Word: text} }
	begins := func(text string) SearchTerm { return SearchTerm{Word: text, Prefix: true} }
	for text, want := range map[string][]SearchTerm{
		"":                      nil,
		" \t'\"*():-^ ":         nil,
		"Red MUG":               {word("red"), word("mug")},
		"red mug red":           {word("red"), word("mug")},
		"mu*":                   {begins("mu")},
		"tea-po*":               {word("tea"), begins("po")},
		"*mug m*ug":             {word("mug"), word("m"), word("ug")},
		"Müller Cafe\u0301":     {word("muller"), word("cafe")},
		"ﬁne №5":                {word("fine"), word("no5")},
		"日本語":                   {word("日本語")},
		strings.Repeat("é", 70): {word(strings.Repeat("e", 64))},
		strings.Repeat("日", 30): {word(strings.Repeat("日", 21))},
		`mug" OR "x`:            {word("mug"), word("or"), word("x")},
		"\x00\xff mug":          {word("mug")},
	} {
		terms, more := ParseSearch(text)
		require.Equal(t, want, terms, "%q", text)
		require.False(t, more)
	}
	terms, more := ParseSearch("a b c d e f g h i")
	require.Len(t, terms, SearchTermsMax)
	require.True(t, more)
}

func TestSearchText(t *testing.T) {
	product := CatalogueProduct{Product: inventory.Product{SKU: "RED-7", Name: "Red mug, red", Category: "tea-cups"}}
	require.Equal(t, "red mug 7 tea cups \u00a2tea\u02cdcups", SearchTextOf(&product))
	product.Category = ""
	require.Equal(t, "red mug 7", SearchTextOf(&product))
	product.Deleted = true
	require.Empty(t, SearchTextOf(&product))
}
