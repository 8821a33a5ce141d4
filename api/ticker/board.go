package ticker

import "holdfast/inventory"

// Reading is what a board shows of a product at one moment.
type Reading struct {
	// Rules are never changed: other rules have another address.
	Rules *inventory.Product
	// Stock is durable.
	Stock inventory.Stock
	// Epoch orders stock versions of a process after those of the ones before it.
	Epoch uint32
	// Stale says that nobody knows whether this is still so.
	Stale bool
}

// Board is where the hub learns what is for sale. It is asked often and must not wait.
type Board interface {
	// Read returns what there is of a product. Of one product, readings never go back.
	Read(product inventory.ID) (Reading, bool)
	// EachProduct visits the rules of all products, deleted ones too, in any order, until
	// visit returns false.
	EachProduct(visit func(*inventory.Product) bool)
	// RulesSince returns the products whose rules may have changed after a revision, and
	// the revision of now. complete is false when that is not known any more: then all
	// have to be visited again.
	RulesSince(revision uint64) (changed []inventory.ID, now uint64, complete bool)
}
