package ticker

import (
	"slices"

	"holdfast/inventory"
)

// catalogue knows which products a category has, so that opening a group takes no longer
// than the group is large, and one of a category that there is not takes nothing. It is made
// when the first group is opened, and follows the rules of the board from then on. A product
// that has left its category may still be in it: whoever asks looks at the rules.
type catalogue struct {
	categories map[string]map[inventory.ID]struct{}
	// revision is up to where the rules of the board are known.
	revision uint64
}

// newCatalogue reads all products of a board.
func newCatalogue(board Board) *catalogue {
	c := &catalogue{}
	c.read(board)
	return c
}

func (c *catalogue) read(board Board) {
	_, c.revision, _ = board.RulesSince(0) // before the visit: what changes meanwhile is seen again
	c.categories = map[string]map[inventory.ID]struct{}{}
	board.EachProduct(func(rules *inventory.Product) bool {
		c.add(rules)
		return true
	})
}

func (c *catalogue) add(rules *inventory.Product) {
	if rules.Deleted {
		return
	}
	of := c.categories[rules.Category]
	if of == nil {
		of = map[inventory.ID]struct{}{}
		c.categories[rules.Category] = of
	}
	of[rules.ID] = struct{}{}
}

// follow learns of products whose rules have changed since the last call, and returns them.
// complete is false when all were read again.
func (c *catalogue) follow(board Board) (changed []inventory.ID, complete bool) {
	changed, revision, complete := board.RulesSince(c.revision)
	if !complete {
		c.read(board)
		return nil, false
	}
	c.revision = revision
	for _, id := range changed {
		if reading, found := board.Read(id); found {
			c.add(reading.Rules)
		}
	}
	return changed, true
}

// newest returns those products of a category, or of all, with the greatest ids, which are
// the newest, at most so many. known is false for a category that there is not.
func (c *catalogue) newest(of channel, count int) (products []inventory.ID, known bool) {
	if of.kind == everyChannel {
		for _, members := range c.categories {
			products = appendKeys(products, members)
		}
	} else if products = appendKeys(nil, c.categories[of.category]); len(products) == 0 {
		return nil, false
	}
	slices.SortFunc(products, func(a, b inventory.ID) int { return compareIDs(b, a) })
	return products[:min(len(products), count)], true
}

func appendKeys(dst []inventory.ID, set map[inventory.ID]struct{}) []inventory.ID {
	dst = slices.Grow(dst, len(set))
	for id := range set {
		dst = append(dst, id)
	}
	return dst
}

// forget takes a product out of a category that it is not in any more.
func (c *catalogue) forget(product inventory.ID, category string) {
	of := c.categories[category]
	if delete(of, product); len(of) == 0 {
		delete(c.categories, category)
	}
}
