package retail

// Kind is what is odd about a line.
type Kind string

// The kinds of oddities.
const (
	// Unreadable lines have a value that cannot be read. They are left out.
	Unreadable Kind = "unreadable"
	// CodeVariants are codes that differ from their product's in case or spaces. They
	// are taken for it; each variant is reported once.
	CodeVariant Kind = "code_variant"
	// Charges have the code of something that is not a product. They are left out.
	Charge Kind = "charge"
	// NoPrice lines cost nothing, or less than a minor unit. Their units count, their
	// price does not.
	NoPrice Kind = "no_price"
	// NegativePrice lines correct the books. They are left out.
	NegativePrice Kind = "negative_price"
	// StockCorrection lines have a negative quantity and are no cancellation. They are
	// left out.
	StockCorrection Kind = "stock_correction"
	// Guest invoices have no customer. They get one of their own.
	Guest Kind = "guest"
	// InvoiceResumed says that lines of an invoice do not follow each other. Its later
	// lines make an order of their own.
	InvoiceResumed Kind = "invoice_resumed"
	// Unmatched cancellations are of units that the customer has not bought, or has
	// given back already. They are left out.
	Unmatched Kind = "unmatched_cancellation"
	// WrongWay lines sell in an invoice that takes back, or the other way round. They
	// are left out.
	WrongWay Kind = "wrong_way"
	// MixedPrices items have lines with different prices. Whoever needs one price
	// reports them.
	MixedPrices Kind = "mixed_prices"
	// TooMany lines would bring an item of an invoice above QuantityMax. They are left
	// out.
	TooMany Kind = "too_many"
	// ProductWithoutPrice is a product that no line has a price for.
	ProductWithoutPrice Kind = "product_without_price"
)

// Oddity is something that was not taken as it stands in the file.
type Oddity struct {
	// Line is the number of the line in the file; its header is line 1.
	Line int
	Kind Kind
	// Detail says what was found and what was made of it, in one line.
	Detail string
}

// Report is told each oddity as it is found.
type Report func(Oddity)
