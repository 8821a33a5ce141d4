package postgres

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// hostile are texts that have broken other programs.
func hostile() map[string]string {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = byte('!' + random.IntN(90))
	}
	return map[string]string{
		"quotes":             `'; "''" ` + "`$$x$$`",
		"an injection":       `'); DROP TABLE orders; --`,
		"parameters":         "$1 ? :name %s %d @rows \\g",
		"backslashes":        `\ \\ \' \n \x00 \u0000 E'\\'`,
		"array syntax":       `{"a",NULL,"b\"c"} {} {{}} (,) [1:2]={3,4}`,
		"NULL":               "NULL",
		"the end of a COPY":  "\\.\n\t\\N\r\n",
		"the magic of COPY":  copySignature[:8] + "x",
		"white space":        " \t\r\n\v\f ",
		"unicode":            "Ünïcødé 漢字 👩‍👩‍👧 \u202e\u200b\ufeff\U0010ffff",
		"two forms":          "é e\u0301",
		"control characters": "\x01\x02\x1b[31m\x7f",
		"very long":          strings.Repeat("long ", 20_000),
		"a zero":             "a\x00b",
		"a zero only":        "\x00",
		"not UTF-8":          "a\xffb\xc0\x80",
		"half a character":   "\xe2\x82",
		"a surrogate":        "\xed\xa0\x80",
		"noise":              string(noise),
	}
}

// Every text comes back as it was, or is refused as a whole and by name.
func TestHostileTexts(t *testing.T) {
	store, _ := openNew(t)
	ctx, n := t.Context(), byte(0)
	for name, text := range hostile() {
		n++
		id := inventory.ID{n}
		user := persistence.User{ID: id, Email: strings.ToLower(text), Name: text, Role: persistence.RoleCustomer, PasswordHash: text, Version: 1}
		product := persistence.CatalogueProduct{Product: inventory.Product{ID: id, SKU: text, Name: text, Category: text, HoldSeconds: 1,
			Price: inventory.Money{Currency: inventory.Currency{'E', 'U', 'R'}}}, Description: text, Version: 1}
		key := persistence.APIKey{ID: id, Name: text, Role: persistence.RoleService, Hash: [32]byte{n}}
		_, ensured := store.EnsureUsers(ctx, []persistence.User{{ID: inventory.ID{n, 1}, Email: "other" + string(n+'0'), Name: text, Role: persistence.RoleCustomer}})
		// What is looked up has to fit into an index, if need be compressed.
		indexed := []error{store.CreateUsers(ctx, []persistence.User{user}), store.CreateProducts(ctx, product), store.CreateAPIKey(ctx, key, persistence.AuditEntry{})}
		if !storable(text) {
			require.ErrorIs(t, ensured, ErrText, name)
		} else {
			require.NoError(t, ensured, name)
		}
		if !storable(text) || name == "noise" {
			for _, err := range indexed {
				require.ErrorIs(t, err, ErrText, name)
			}
			_, err := store.UserByEmail(ctx, text)
			require.ErrorIs(t, err, persistence.ErrNotFound, name)
			users, err := store.ListUsers(ctx, persistence.UserFilter{EmailPrefix: text, Limit: 9})
			require.NoError(t, err, name)
			require.Empty(t, users, name)
			products, err := store.Products(ctx, persistence.ProductFilter{Category: text, Limit: 9})
			require.NoError(t, err, name)
			require.Empty(t, products, name)
			continue
		}
		for _, err := range indexed {
			require.NoError(t, err, name)
		}
		foundUser, err := store.UserByEmail(ctx, text)
		require.NoError(t, err, name)
		require.Equal(t, user, foundUser, name)
		products, err := store.Products(ctx, persistence.ProductFilter{Category: text, Limit: 9})
		require.NoError(t, err, name)
		require.Equal(t, []persistence.CatalogueProduct{product}, products, name)
		foundKey, err := store.APIKeyByHash(ctx, key.Hash)
		require.NoError(t, err, name)
		require.Equal(t, key, foundKey, name)
		product.Version, product.UpdatedAt = 2, 5
		require.NoError(t, store.UpdateProduct(ctx, product), name)
	}
}

// The texts of records come back as they were. One that cannot be stored stops the
// projection: repeating does not help, and leaving it out would make SQL another thing
// than the journal.
func TestHostileTextsOfRecords(t *testing.T) {
	store, _ := openNew(t)
	ctx := t.Context()
	product := persistence.CatalogueProduct{Product: inventory.Product{ID: inventory.ID{1}, SKU: "A", HoldSeconds: 1,
		Price: inventory.Money{Currency: inventory.Currency{'E', 'U', 'R'}}}}
	require.NoError(t, store.CreateProducts(ctx, product))
	at := persistence.Position{}
	for name, text := range hostile() {
		order := inventory.ID{9, byte(at.Sequence)}
		to := persistence.Position{Journal: inventory.ID{7}, Sequence: at.Sequence + 2}
		records := []persistence.Record{
			{Sequence: at.Sequence + 1, Event: inventory.Event{Kind: inventory.StockAdjusted, Reason: text, Note: text,
				Lines: []inventory.Line{{ProductID: product.ID, Quantity: 1}}}},
			{Sequence: at.Sequence + 2, Event: inventory.Event{Kind: inventory.OrderPlaced, Order: order, Customer: inventory.ID{3},
				Currency: product.Price.Currency, Lines: []inventory.Line{{ProductID: product.ID, Quantity: 1, SKU: text}}}},
		}
		err := store.Project(ctx, at, to, records)
		if !storable(text) {
			require.ErrorIs(t, err, persistence.ErrCorrupt, name)
			require.ErrorContains(t, err, "cannot be stored", name)
			continue
		}
		require.NoError(t, err, name)
		at = to
		found, err := store.OrderByID(ctx, order)
		require.NoError(t, err, name)
		require.Equal(t, text, found.Lines[0].SKU, name)
		movements, err := store.Movements(ctx, persistence.MovementFilter{Product: product.ID, Limit: 2})
		require.NoError(t, err, name)
		require.Equal(t, text, movements[1].Reason, name)
		require.Equal(t, text, movements[1].Note, name)
	}
}
