package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"holdfast/persistence"
)

// The queries of words. The words of one product are found by its search_id, which is the
// row in product_words.
const (
	insertWords        = "INSERT INTO product_words (rowid, words, product_id) VALUES @rows"
	updateWords        = "UPDATE product_words SET words = ?1 WHERE rowid = (SELECT search_id FROM products WHERE id = ?2)"
	selectLastWords    = "SELECT rowid FROM product_words ORDER BY rowid DESC LIMIT 1"
	selectWithoutWords = `SELECT id, name, sku, category, deleted FROM products INDEXED BY products_without_words
		WHERE search_id IS NULL ORDER BY id LIMIT ?`
	updateSearchID = "UPDATE products SET search_id = ?1 WHERE id = ?2"
	countMatches   = "SELECT count(*) FROM (SELECT 1 FROM product_words WHERE product_words MATCH ? LIMIT ?)"
)

// wordsChunk is how many products get their words in one transaction.
const wordsChunk = 2000

// sortColumns are what the orders sort by, before the ID.
var sortColumns = [persistence.ProductOrderCount]string{
	persistence.ByName: "lower(p.name)", persistence.ByPrice: "p.price_minor",
	persistence.ByPriceDescending: "p.price_minor", persistence.ByCreationDescending: "p.created_at",
}

// Products lists products that are not deleted.
func (s *Store) Products(ctx context.Context, filter persistence.ProductFilter) ([]persistence.CatalogueProduct, error) {
	products, err := persistence.FindProducts(ctx, s, filter)
	if err != nil {
		return nil, fmt.Errorf("list products: %w", err)
	}
	return products, nil
}

// CountMatches implements [persistence.ProductLists], as do the two that follow.
func (s *Store) CountMatches(ctx context.Context, filter *persistence.ProductFilter, limit int) (matches int, err error) {
	err = s.one(ctx, func(row scanner) error { return row.Scan(&matches) }, countMatches, matchExpression(filter), limit)
	return matches, err
}

// PlaceAhead finds a place without looking at words.
func (s *Store) PlaceAhead(ctx context.Context, filter *persistence.ProductFilter, steps int) (*persistence.Place, error) {
	text, arguments := placing(filter, steps)
	var end persistence.Place
	err := s.one(ctx, func(row scanner) error { return row.Scan(fixed{end.ID[:]}, &end.Number, &end.Text) }, text, arguments...)
	if errors.Is(err, persistence.ErrNotFound) {
		return nil, nil
	}
	return &end, err
}

// ListProducts returns the products of a listing.
func (s *Store) ListProducts(ctx context.Context, filter *persistence.ProductFilter, collected bool,
	until *persistence.Place) (products []persistence.CatalogueProduct, err error) {
	text, arguments := listing(filter, collected, until)
	err = s.each(ctx, func(row scanner) error {
		products = append(products, persistence.CatalogueProduct{})
		return scanProduct(row, &products[len(products)-1])
	}, text, arguments...)
	return products, err
}

// listing returns the query of a list. There are few texts of it, so that each is prepared
// once. Matches that are to be collected are looked up in product_words; else the products
// are walked through in their order, and the words of each are looked at.
func listing(filter *persistence.ProductFilter, collected bool, until *persistence.Place) (text string, arguments []any) {
	var b strings.Builder
	b.WriteString("SELECT " + productColumns)
	switch {
	case len(filter.Terms) == 0:
		b.WriteString(" FROM products p WHERE p.deleted = 0")
	case collected:
		b.WriteString(" FROM product_words CROSS JOIN products p ON p.id = product_words.product_id WHERE product_words MATCH ? AND p.deleted = 0")
		arguments = append(arguments, matchExpression(filter))
	default:
		b.WriteString(" FROM products p CROSS JOIN product_words w ON w.rowid = p.search_id WHERE p.deleted = 0")
		for _, term := range filter.Terms {
			b.WriteString(" AND instr(' ' || w.words || ' ', ?) > 0")
			arguments = append(arguments, wordWithin(term))
		}
	}
	arguments = behind(&b, filter, collected, arguments)
	if until != nil {
		if column := sortColumns[filter.Order]; column == "" {
			b.WriteString(" AND p.id " + noFurther(filter.Order) + " ?")
			arguments = append(arguments, until.ID[:])
		} else {
			b.WriteString(" AND (" + column + ", p.id) " + noFurther(filter.Order) + " (?, ?)")
			arguments = append(arguments, sortValue(filter.Order, until), until.ID[:])
		}
	}
	inOrder(&b, filter.Order)
	b.WriteString(" LIMIT ?")
	return b.String(), append(arguments, max(filter.Limit, 0))
}

// placing returns the query of the place that is so many products ahead.
func placing(filter *persistence.ProductFilter, steps int) (text string, arguments []any) {
	var b strings.Builder
	number, words := "0", "''"
	switch column := sortColumns[filter.Order]; filter.Order {
	case persistence.ByID:
	case persistence.ByName:
		words = column
	default:
		number = column
	}
	b.WriteString("SELECT p.id, " + number + ", " + words + " FROM products p WHERE p.deleted = 0")
	arguments = behind(&b, filter, false, arguments)
	inOrder(&b, filter.Order)
	b.WriteString(" LIMIT 1 OFFSET ?")
	return b.String(), append(arguments, steps)
}

// behind adds the conditions of category and place. Those that are collected are each looked
// up by their ID: the + keeps SQLite from an index that begins with category or order, in
// which it would look through a whole category for each of them.
func behind(b *strings.Builder, filter *persistence.ProductFilter, collected bool, arguments []any) []any {
	byID := ""
	if collected {
		byID = "+"
	}
	if filter.Category != "" {
		b.WriteString(" AND " + byID + "p.category = ?")
		arguments = append(arguments, filter.Category)
	}
	place, than := filter.Start(), ">"
	if filter.Order.Descending() {
		than = "<"
	}
	column := sortColumns[filter.Order]
	if column == "" {
		b.WriteString(" AND p.id " + than + " ?")
		return append(arguments, place.ID[:])
	}
	if filter.Order == persistence.ByName && !collected { // of an expression SQLite uses no index for a row value
		b.WriteString(" AND " + column + " >= ?")
		arguments = append(arguments, place.Text)
	}
	b.WriteString(" AND (" + byID + column + ", p.id) " + than + " (?, ?)")
	return append(arguments, sortValue(filter.Order, &place), place.ID[:])
}

func noFurther(order persistence.ProductOrder) string {
	if order.Descending() {
		return ">="
	}
	return "<="
}

func inOrder(b *strings.Builder, order persistence.ProductOrder) {
	direction := ""
	if order.Descending() {
		direction = " DESC"
	}
	b.WriteString(" ORDER BY ")
	if column := sortColumns[order]; column != "" {
		b.WriteString(column + direction + ", ")
	}
	b.WriteString("p.id" + direction)
}

// sortValue returns what the order sorts by before the ID.
func sortValue(order persistence.ProductOrder, place *persistence.Place) any {
	if order == persistence.ByName {
		return place.Text
	}
	return place.Number
}

// matchExpression returns the terms in the language of FTS5. They have nothing but letters
// and digits.
func matchExpression(filter *persistence.ProductFilter) string {
	var b strings.Builder
	for _, term := range filter.Terms {
		b.WriteString(`"` + term.Word + `" `)
		if term.Prefix {
			b.WriteString("* ")
		}
	}
	if filter.Category != "" {
		b.WriteString(`"` + persistence.SearchCategory(filter.Category) + `"`)
	}
	return b.String()
}

// wordWithin returns what is in a text of words when it has the term.
func wordWithin(term persistence.SearchTerm) string {
	if term.Prefix {
		return " " + term.Word
	}
	return " " + term.Word + " "
}

// lastSearchID returns the greatest row of product_words.
func lastSearchID(ctx context.Context, tx *sql.Tx) (last int64, err error) {
	err = tx.QueryRowContext(ctx, selectLastWords).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return last, err
}

// addWords gives those products their words that were made before there were any.
func (s *Store) addWords(ctx context.Context) error {
	for {
		added := 0
		err := s.write(ctx, func(tx *sql.Tx) (err error) {
			added, err = s.addSomeWords(ctx, tx)
			return err
		})
		if err != nil {
			return fmt.Errorf("make the catalogue searchable: %w", err)
		}
		if added < wordsChunk {
			return nil
		}
	}
}

func (s *Store) addSomeWords(ctx context.Context, tx *sql.Tx) (added int, err error) {
	rows, err := tx.QueryContext(ctx, selectWithoutWords, wordsChunk)
	if err != nil {
		return 0, err
	}
	var products []persistence.CatalogueProduct
	err = visitRows(rows, func(row scanner) error {
		var p persistence.CatalogueProduct
		err := row.Scan(fixed{p.ID[:]}, &p.Name, &p.SKU, &p.Category, &p.Deleted)
		products = append(products, p)
		return err
	})
	if err != nil || len(products) == 0 {
		return 0, err
	}
	last, err := lastSearchID(ctx, tx)
	if err != nil {
		return 0, err
	}
	err = s.bulk.words.write(ctx, tx, len(products), func(row []any, i int) []any {
		return append(row, last+int64(i)+1, persistence.SearchTextOf(&products[i]), products[i].ID[:])
	})
	for i := range products {
		if err == nil {
			_, err = tx.ExecContext(ctx, updateSearchID, last+int64(i)+1, products[i].ID[:])
		}
	}
	return len(products), err
}
