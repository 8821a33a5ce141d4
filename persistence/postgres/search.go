package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"holdfast/persistence"
)

const (
	selectWithoutWords = "SELECT id, name, sku, category, deleted FROM products WHERE words IS NULL ORDER BY id LIMIT $1"
	updateWords        = `UPDATE products p SET words = n.words FROM unnest($1::uuid[], $2::text[]) AS n (id, words)
		WHERE p.id = n.id AND p.words IS NULL`
	countMatches = "SELECT count(*) FROM (SELECT 1 FROM products WHERE search @@ $1::tsquery LIMIT $2) AS matches"
)

// glanceMax is how many products are looked at before matches are counted. The index of
// words cannot stop early: to count to [persistence.SearchCollectMax] takes 20 ms for a word
// that every tenth product has, and a page of them is found here in one.
const glanceMax = 400

// wordsChunk is how many products get their words in one transaction.
const wordsChunk = 2000

// sortColumns are what the orders sort by, before the ID.
var sortColumns = [persistence.ProductOrderCount]string{
	persistence.ByName: `lower(p.name COLLATE "C")`, persistence.ByPrice: "p.price_minor",
	persistence.ByPriceDescending: "p.price_minor", persistence.ByCreationDescending: "p.created_at",
}

// Products lists products that are not deleted.
func (s *Store) Products(ctx context.Context, filter persistence.ProductFilter) ([]persistence.CatalogueProduct, error) {
	if !storable(filter.Category) {
		return nil, nil
	}
	filter.Terms = filter.Terms[:min(len(filter.Terms), persistence.SearchTermsMax)]
	products, err := s.glance(ctx, &filter)
	if err == nil && len(products) < filter.Limit {
		products, err = persistence.FindProducts(ctx, s, filter)
	}
	if err != nil {
		return nil, fmt.Errorf("list products: %w", err)
	}
	return products, nil
}

// glance returns the matches among the next glanceMax products of the order. They are the
// answer when they fill a page.
func (s *Store) glance(ctx context.Context, filter *persistence.ProductFilter) ([]persistence.CatalogueProduct, error) {
	if len(filter.Terms) == 0 {
		return nil, nil
	}
	text, arguments := glancing(filter)
	return s.find(ctx, text, arguments)
}

// glancing returns the query of a glance.
func glancing(filter *persistence.ProductFilter) (text string, arguments []any) {
	q := query{filter: filter}
	q.text.WriteString("SELECT " + productColumns + " FROM (SELECT * FROM products p WHERE NOT p.deleted")
	q.behind()
	q.inOrder()
	q.text.WriteString(" LIMIT " + strconv.Itoa(glanceMax) + ") p WHERE p.search @@ " + q.argument(matchExpression(filter)) + "::tsquery")
	q.inOrder()
	q.text.WriteString(" LIMIT " + q.argument(max(filter.Limit, 0)))
	return q.text.String(), q.arguments
}

// find returns the products that a query selects.
func (s *Store) find(ctx context.Context, text string, arguments []any) (products []persistence.CatalogueProduct, err error) {
	err = s.each(ctx, func(row pgx.Row) error {
		products = append(products, persistence.CatalogueProduct{})
		return scanProduct(row, &products[len(products)-1])
	}, text, arguments...)
	return products, err
}

// CountMatches implements [persistence.ProductLists], as do the two that follow.
func (s *Store) CountMatches(ctx context.Context, filter *persistence.ProductFilter, limit int) (matches int, err error) {
	err = s.one(ctx, func(row pgx.Row) error { return row.Scan(&matches) }, countMatches, matchExpression(filter), limit)
	return matches, err
}

// PlaceAhead finds a place without looking at words.
func (s *Store) PlaceAhead(ctx context.Context, filter *persistence.ProductFilter, steps int) (*persistence.Place, error) {
	text, arguments := placing(filter, steps)
	var end persistence.Place
	err := s.one(ctx, func(row pgx.Row) error { return row.Scan((*[16]byte)(&end.ID), &end.Number, &end.Text) }, text, arguments...)
	if errors.Is(err, persistence.ErrNotFound) {
		return nil, nil
	}
	return &end, err
}

// ListProducts returns the products of a listing.
func (s *Store) ListProducts(ctx context.Context, filter *persistence.ProductFilter, collected bool,
	until *persistence.Place) ([]persistence.CatalogueProduct, error) {
	text, arguments := listing(filter, collected, until)
	return s.find(ctx, text, arguments)
}

// listing returns the query of a list. There are few texts of it, so that each is prepared
// once. Matches that are to be collected are looked up by their words; else the products
// are walked through in their order, and the words of each are looked at: what is added to
// search hides its index.
func listing(filter *persistence.ProductFilter, collected bool, until *persistence.Place) (text string, arguments []any) {
	q := query{filter: filter}
	from := "products p"
	if len(filter.Terms) > 0 && collected {
		from = "(SELECT * FROM products WHERE search @@ " + q.argument(matchExpression(filter)) + "::tsquery OFFSET 0) p"
	}
	q.text.WriteString("SELECT " + productColumns + " FROM " + from + " WHERE NOT p.deleted")
	if len(filter.Terms) > 0 && !collected {
		q.text.WriteString(" AND (p.search || ''::tsvector) @@ " + q.argument(matchExpression(filter)) + "::tsquery")
	}
	q.behind()
	if until != nil {
		q.compare("<=", ">=", until)
	}
	q.inOrder()
	q.text.WriteString(" LIMIT " + q.argument(max(filter.Limit, 0)))
	return q.text.String(), q.arguments
}

// placing returns the query of the place that is so many products ahead.
func placing(filter *persistence.ProductFilter, steps int) (text string, arguments []any) {
	q := query{filter: filter}
	number, words := "0::bigint", "''"
	switch column := sortColumns[filter.Order]; filter.Order {
	case persistence.ByID:
	case persistence.ByName:
		words = column
	default:
		number = column
	}
	q.text.WriteString("SELECT p.id, " + number + ", " + words + " FROM products p WHERE NOT p.deleted")
	q.behind()
	q.inOrder()
	q.text.WriteString(" LIMIT 1 OFFSET " + q.argument(steps))
	return q.text.String(), q.arguments
}

// query is one that is being written.
type query struct {
	filter    *persistence.ProductFilter
	text      strings.Builder
	arguments []any
}

func (q *query) argument(value any) string {
	q.arguments = append(q.arguments, value)
	return "$" + strconv.Itoa(len(q.arguments))
}

// behind adds the conditions of category and place.
func (q *query) behind() {
	if q.filter.Category != "" {
		q.text.WriteString(" AND p.category = " + q.argument(q.filter.Category))
	}
	place := q.filter.Start()
	q.compare(">", "<", &place)
}

// compare adds a comparison with a place, as the order goes up or down.
func (q *query) compare(up, down string, place *persistence.Place) {
	than := up
	if q.filter.Order.Descending() {
		than = down
	}
	column := sortColumns[q.filter.Order]
	if column == "" {
		q.text.WriteString(" AND p.id " + than + " " + q.argument([16]byte(place.ID)))
		return
	}
	q.text.WriteString(" AND (" + column + ", p.id) " + than + " (" + q.argument(sortValue(q.filter.Order, place)) + ", " + q.argument([16]byte(place.ID)) + ")")
}

func (q *query) inOrder() {
	direction := ""
	if q.filter.Order.Descending() {
		direction = " DESC"
	}
	q.text.WriteString(" ORDER BY ")
	if column := sortColumns[q.filter.Order]; column != "" {
		q.text.WriteString(column + direction + ", ")
	}
	q.text.WriteString("p.id" + direction)
}

// sortValue returns what the order sorts by before the ID.
func sortValue(order persistence.ProductOrder, place *persistence.Place) any {
	if order == persistence.ByName {
		return place.Text
	}
	return place.Number
}

// matchExpression returns the terms in the language of tsquery. They have nothing but
// letters and digits.
func matchExpression(filter *persistence.ProductFilter) string {
	words := make([]string, 0, len(filter.Terms)+1)
	for _, term := range filter.Terms {
		word := "'" + term.Word + "'"
		if term.Prefix {
			word += ":*"
		}
		words = append(words, word)
	}
	if filter.Category != "" {
		words = append(words, "'"+persistence.SearchCategory(filter.Category)+"'")
	}
	return strings.Join(words, " & ")
}

// addWords gives those products their words that were made before there were any.
func addWords(ctx context.Context, connection *pgx.Conn) error {
	for {
		added, err := addSomeWords(ctx, connection)
		if err != nil {
			return fmt.Errorf("make the catalogue searchable: %w", err)
		}
		if added < wordsChunk {
			return nil
		}
	}
}

func addSomeWords(ctx context.Context, connection *pgx.Conn) (added int, err error) {
	limited, cancel := context.WithTimeout(ctx, visitMax)
	defer cancel()
	var ids [][16]byte
	var words []string
	err = eachRow(limited, connection, func(row pgx.Row) error {
		var p persistence.CatalogueProduct
		err := row.Scan((*[16]byte)(&p.ID), &p.Name, &p.SKU, &p.Category, &p.Deleted)
		ids, words = append(ids, p.ID), append(words, persistence.SearchTextOf(&p))
		return err
	}, selectWithoutWords, wordsChunk)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	_, err = connection.Exec(limited, updateWords, ids, words)
	return len(ids), err
}
