package actors

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// The rules in force have the catalogue's text, from the creation of a product on, after a
// change of it, and after a start from the database.
func TestRulesHaveTheTextOfTheCatalogue(t *testing.T) {
	h := newHouse(t)
	product := h.product(1, func(p *persistence.CatalogueProduct) { p.Name, p.Category = "Größe 7", "lamps" })
	require.Equal(t, [3]string{"SKU-1", "Größe 7", "lamps"}, h.texts(product))
	row, err := h.store.ProductByID(t.Context(), product)
	require.NoError(t, err)
	row.SKU, row.Name, row.Category, row.Version = "LAMP", "", "glass lamps", row.Version+1
	require.NoError(t, h.store.UpdateProduct(t.Context(), row))
	require.Equal(t, inventory.Refusal{}, h.engine.SetProduct(row.Product))
	require.Equal(t, [3]string{"LAMP", "", "glass lamps"}, h.texts(product))
	h.restart()
	require.Equal(t, [3]string{"LAMP", "", "glass lamps"}, h.texts(product))
}

func (h *house) texts(product inventory.ID) [3]string {
	rules, _, found := h.engine.Sale(product)
	require.True(h.t, found)
	return [3]string{rules.SKU, rules.Name, rules.Category}
}

// A category is in memory once, however many products have it, and the other texts of a
// product are one object. Categories beyond the bound are right, and shared by nobody.
func TestTextsOfProductsAreShared(t *testing.T) {
	texts, given := newTexts(), inventory.Product{SKU: "SKU-1", Name: "Lamp", Category: "lamps"}
	first := texts.keep(&given)
	given.SKU, given.Category = "SKU-2", string([]byte("lamps"))
	second := texts.keep(&given)
	require.Equal(t, inventory.Product{SKU: "SKU-1", Name: "Lamp", Category: "lamps"}, *first)
	require.Equal(t, given, *second)
	require.Same(t, unsafe.StringData(first.Category), unsafe.StringData(second.Category))
	require.NotSame(t, unsafe.StringData(given.Category), unsafe.StringData(second.Category))
	require.Same(t, unsafe.StringData(first.Name), (*byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(first.SKU)), len(first.SKU))))
	for i := range 2 * categoriesMax {
		given.Category = fmt.Sprintf("category %d", i)
		require.Equal(t, given.Category, texts.keep(&given).Category)
	}
	require.Len(t, texts.categories, categoriesMax)
	require.Equal(t, inventory.Product{}, *texts.keep(&inventory.Product{}))
}
