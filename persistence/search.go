package persistence

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of a search.
const (
	// SearchTermsMax is how many words may be searched for at a time.
	SearchTermsMax = 8
	// searchWordBytesMax is how long a word is that is told from others: what follows does
	// not count, of a product's words and of those searched for alike.
	searchWordBytesMax = 64
	// SearchCollectMax is how many matches are collected and sorted at once. When there are
	// more, most often they are so dense that it is faster to walk through the products in
	// the order that is asked for, and to look at the words of each.
	SearchCollectMax = 4000
	// SearchWalkMax is how many products are walked through. When a page is not full by then,
	// the matches are elsewhere in the order, and are collected all the same.
	SearchWalkMax = 5000
)

// SearchTerm is a word that a product must have: in its name, its SKU or its category.
type SearchTerm struct {
	// Word is in the form of [searchWords].
	Word string
	// Prefix accepts words that begin with it.
	Prefix bool
}

// ParseSearch returns the words of what somebody searches for, without duplicates. One that
// ends with an asterisk stands for all that begin with it. Only the first
// [SearchTermsMax] are returned; more says that there were others.
func ParseSearch(text string) (terms []SearchTerm, more bool) {
	seen := map[SearchTerm]bool{}
	for piece := range strings.FieldsSeq(text) {
		words := searchWords(piece)
		for i, word := range words {
			term := SearchTerm{Word: word, Prefix: i == len(words)-1 && strings.HasSuffix(piece, "*")}
			switch {
			case seen[term]:
			case len(terms) == SearchTermsMax:
				return terms, true
			default:
				seen[term] = true
				terms = append(terms, term)
			}
		}
	}
	return terms, false
}

// categoryMark begins the word that stands for a product's category. Nobody can search for
// it: it is no letter.
const categoryMark = "\u00a2"

// SearchTextOf returns what a product is found by: its words, each once, with a space
// between two of them. A deleted product has none.
func SearchTextOf(product *CatalogueProduct) string {
	if product.Deleted {
		return ""
	}
	words, seen := searchWords(product.Name+" "+product.SKU+" "+product.Category), map[string]bool{}
	kept := words[:0]
	for _, word := range words {
		if !seen[word] {
			seen[word] = true
			kept = append(kept, word)
		}
	}
	if product.Category != "" {
		kept = append(kept, SearchCategory(product.Category))
	}
	return strings.Join(kept, " ")
}

// SearchCategory returns the word that products of a category have. Those of another one
// may have the same.
func SearchCategory(category string) string {
	return categoryMark + cutText(strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '\u02cd'
	}, category), searchWordBytesMax)
}

// searchWords returns the words of a text: its runs of letters and digits, in lower case
// and without accents, cut to searchWordBytesMax. Different ways to write the same
// character make no difference (NFKD).
func searchWords(text string) []string {
	folded := strings.Map(func(c rune) rune {
		switch {
		case unicode.Is(unicode.Mn, c):
			return -1
		case unicode.IsLetter(c), unicode.IsDigit(c):
			return unicode.ToLower(c)
		}
		return ' '
	}, norm.NFKD.String(text))
	words := strings.Fields(folded)
	for i, word := range words {
		words[i] = cutText(word, searchWordBytesMax)
	}
	return words
}

// cutText returns as much of a text as has so many bytes, in whole characters.
func cutText(text string, bytesMax int) string {
	if len(text) <= bytesMax {
		return text
	}
	for !utf8.RuneStart(text[bytesMax]) {
		bytesMax--
	}
	return text[:bytesMax]
}

// ProductLists are the lists that a search is made of. Every [Store] has them.
type ProductLists interface {
	// CountMatches returns how many products have the words of the filter, but not more than
	// limit.
	CountMatches(ctx context.Context, filter *ProductFilter, limit int) (int, error)
	// PlaceAhead returns the place that is so many products ahead of where the filter starts,
	// whatever words they have, or nil when there are fewer.
	PlaceAhead(ctx context.Context, filter *ProductFilter, steps int) (*Place, error)
	// ListProducts returns the products that the filter selects: collected, those with its
	// words are looked up and sorted; else the products are walked through in their order, up
	// to a place when until is not nil.
	ListProducts(ctx context.Context, filter *ProductFilter, collected bool, until *Place) ([]CatalogueProduct, error)
}

// FindProducts is Products of a [Store] that has these lists.
func FindProducts(ctx context.Context, lists ProductLists, filter ProductFilter) ([]CatalogueProduct, error) {
	filter.Terms = filter.Terms[:min(len(filter.Terms), SearchTermsMax)]
	if len(filter.Terms) == 0 || filter.Limit <= 0 {
		return lists.ListProducts(ctx, &filter, false, nil)
	}
	matches, err := lists.CountMatches(ctx, &filter, SearchCollectMax+1)
	if err != nil {
		return nil, err
	}
	if matches <= SearchCollectMax {
		return lists.ListProducts(ctx, &filter, true, nil)
	}
	until, err := lists.PlaceAhead(ctx, &filter, SearchWalkMax)
	if err != nil {
		return nil, err
	}
	products, err := lists.ListProducts(ctx, &filter, false, until)
	if err == nil && until != nil && len(products) < filter.Limit {
		return lists.ListProducts(ctx, &filter, true, nil)
	}
	return products, err
}
