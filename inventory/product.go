package inventory

// Product is what the engine needs to know of a catalogue entry to sell it, and the text
// that tickers show of it. The rest of the text lives elsewhere.
type Product struct {
	ID  ID
	SKU string
	// Name and Category are the catalogue's text. No decision depends on them.
	Name, Category string
	Price          Money
	// SaleStartsAt and SaleEndsAt bound the sale: [starts, ends). Zero is open.
	SaleStartsAt, SaleEndsAt Instant
	// HoldSeconds is how long an unpaid order keeps its units.
	HoldSeconds int32
	// Safety is the units that are never sold.
	Safety int64
	// PurchaseLimit is the units that one customer may hold and buy from the start
	// of the sale on; 0 is no limit.
	PurchaseLimit int64
	// Paused and Deleted take the product off sale.
	Paused, Deleted bool
}
