package retail

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Sale is one invoice: an order, or the cancellation of what earlier ones brought.
type Sale struct {
	Invoice string
	// Line is the invoice's first line in the file.
	Line int
	At   time.Time
	// Customer is the buyer. A guest has a name that no other invoice has.
	Customer string
	// Cancellation says that the units of the items go back.
	Cancellation bool
	// Items has each product once.
	Items []Item
}

// Item is one product of a sale.
type Item struct {
	SKU string
	// Quantity is above zero, whichever way the units go.
	Quantity int64
	// PriceMinor is the price of one unit; of lines with different prices, which Mixed
	// says, it is the average, rounded half up.
	PriceMinor int64
	Mixed      bool
	// Line is the product's first line in the file.
	Line int
	// amount is the sum of the lines, and price that of the first.
	amount, price int64
}

// add takes a line of the product, or returns false when there would be more units
// than a quantity may have. With that bound the amount cannot overflow.
func (i *Item) add(line *Line) bool {
	units := max(line.Quantity, -line.Quantity)
	if i.Quantity+units > QuantityMax {
		return false
	}
	if i.Quantity == 0 {
		i.price = line.PriceMinor
	}
	i.Quantity += units
	i.amount += units * line.PriceMinor
	i.Mixed = i.Mixed || line.PriceMinor != i.price
	i.PriceMinor = (i.amount + i.Quantity/2) / i.Quantity
	return true
}

// GuestPrefix is what the names of guests begin with. No customer's may.
const GuestPrefix = "guest-"

// IsGuest reports whether the buyer is not known.
func (s *Sale) IsGuest() bool { return strings.HasPrefix(s.Customer, GuestPrefix) }

// Sales groups the lines of a file into invoices, in the order of the file.
type Sales struct {
	lines     *Reader
	catalogue *Catalogue
	report    Report
	// ahead is the first line of the next invoice.
	ahead *Line
	// invoices are those that have been seen, and in how many parts.
	invoices map[string]int
}

// NewSales returns the sales of the lines. The catalogue takes what the lines say
// about products.
func NewSales(lines *Reader, catalogue *Catalogue, report Report) *Sales {
	return &Sales{lines: lines, catalogue: catalogue, report: report, invoices: map[string]int{}}
}

// Next returns the next invoice that has a product, or [io.EOF].
func (s *Sales) Next() (Sale, error) {
	for {
		lines, err := s.nextInvoice()
		if err != nil {
			return Sale{}, err
		}
		if sale := s.saleOf(lines); len(sale.Items) > 0 {
			return sale, nil
		}
	}
}

// nextInvoice returns lines that follow each other and have the same invoice.
func (s *Sales) nextInvoice() (lines []Line, err error) {
	if s.ahead != nil {
		lines, s.ahead = append(lines, *s.ahead), nil
	}
	for {
		line, err := s.lines.Next()
		if errors.Is(err, io.EOF) && len(lines) > 0 {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		if len(lines) > 0 && line.Invoice != lines[0].Invoice {
			s.ahead = &line
			return lines, nil
		}
		lines = append(lines, line)
	}
}

// nameOfPart names a further part of an invoice that had ended. It says which part it is
// and not where it stands, so that the name is the same in a file that has grown.
func (s *Sales) nameOfPart(invoice string) string {
	for {
		s.invoices[invoice]++
		if name := fmt.Sprintf("%s-%d", invoice, s.invoices[invoice]); s.invoices[name] == 0 {
			return name
		}
	}
}

func (s *Sales) saleOf(lines []Line) Sale {
	first := &lines[0]
	sale := Sale{Invoice: first.Invoice, Line: first.Number, At: first.At, Customer: first.Customer}
	if s.invoices[first.Invoice] > 0 {
		sale.Invoice = s.nameOfPart(first.Invoice)
		s.report(Oddity{Line: first.Number, Kind: InvoiceResumed, Detail: fmt.Sprintf("invoice %s had ended before: these lines become invoice %s", first.Invoice, sale.Invoice)})
	}
	s.invoices[sale.Invoice]++
	place := map[string]int{}
	for i := range lines {
		line := &lines[i]
		sku, is := s.catalogue.Add(line)
		if !is {
			continue
		}
		if len(sale.Items) > 0 && sale.Cancellation != line.IsCancellation() {
			s.report(Oddity{Line: line.Number, Kind: WrongWay, Detail: fmt.Sprintf("%d units of %s go the other way than the lines of invoice %s before: left out", line.Quantity, sku, sale.Invoice)})
			continue
		}
		sale.Cancellation = line.IsCancellation()
		at, known := place[sku]
		if !known {
			at, place[sku] = len(sale.Items), len(sale.Items)
			sale.Items = append(sale.Items, Item{SKU: sku, Line: line.Number})
		}
		if !sale.Items[at].add(line) {
			s.report(Oddity{Line: line.Number, Kind: TooMany, Detail: fmt.Sprintf("with %d units of %s invoice %s has more than %d: left out", line.Quantity, sku, sale.Invoice, int64(QuantityMax))})
		}
	}
	if sale.Customer == "" && len(sale.Items) > 0 {
		sale.Customer = GuestPrefix + sale.Invoice
		s.report(Oddity{Line: first.Number, Kind: Guest, Detail: fmt.Sprintf("invoice %s has no customer: it gets one, %s", first.Invoice, sale.Customer)})
	}
	return sale
}
