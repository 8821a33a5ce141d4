package actors

import (
	"strings"
	"sync"

	"holdfast/inventory"
)

// texts keeps the catalogue's text of a million products small: categories are few, so the
// products of one share its bytes, and the other texts of a product lie side by side, in
// one object. It has each category that it was ever given, up to categoriesMax; the
// products of further ones have their own.
type texts struct {
	mutex      sync.Mutex
	categories map[string]string
}

func newTexts() *texts { return &texts{categories: map[string]string{}} }

// keep returns rules with the same texts, which have no bytes in common with what the
// caller has.
func (t *texts) keep(product *inventory.Product) *inventory.Product {
	rules := *product
	rules.Category = t.category(product.Category)
	var both strings.Builder
	both.Grow(len(product.SKU) + len(product.Name))
	both.WriteString(product.SKU)
	both.WriteString(product.Name)
	rules.SKU, rules.Name = both.String()[:len(product.SKU)], both.String()[len(product.SKU):]
	return &rules
}

// category returns the text of a category that all its products share.
func (t *texts) category(text string) string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	shared, known := t.categories[text]
	if !known {
		shared = strings.Clone(text)
		if len(t.categories) < categoriesMax {
			t.categories[shared] = shared
		}
	}
	return shared
}
