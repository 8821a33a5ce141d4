package retail

import (
	"errors"
	"fmt"
	"io"
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
	// Line is the product's first line in the file.
	Line int
}

// GuestPrefix is what the names of guests begin with. No customer's may.
const GuestPrefix = "guest-"

// Sales groups the lines of a file into invoices, in the order of the file.
type Sales struct {
	lines     *Reader
	catalogue *Catalogue
	report    Report
	// ahead is the first line of the next invoice.
	ahead *Line
	// invoices are those that have been seen.
	invoices map[string]bool
}

// NewSales returns the sales of the lines. The catalogue takes what the lines say
// about products.
func NewSales(lines *Reader, catalogue *Catalogue, report Report) *Sales {
	return &Sales{lines: lines, catalogue: catalogue, report: report, invoices: map[string]bool{}}
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

func (s *Sales) saleOf(lines []Line) Sale {
	first := &lines[0]
	sale := Sale{Invoice: first.Invoice, Line: first.Number, At: first.At, Customer: first.Customer}
	if s.invoices[sale.Invoice] {
		sale.Invoice = fmt.Sprintf("%s-%d", first.Invoice, first.Number)
		s.report(Oddity{Line: first.Number, Kind: InvoiceResumed, Detail: fmt.Sprintf("invoice %s had ended before: these lines become invoice %s", first.Invoice, sale.Invoice)})
	}
	s.invoices[sale.Invoice] = true
	place := map[string]int{}
	for i := range lines {
		line := &lines[i]
		sku, is := s.catalogue.Add(line)
		if !is {
			continue
		}
		sale.Cancellation = line.IsCancellation()
		at, known := place[sku]
		if !known {
			at, place[sku] = len(sale.Items), len(sale.Items)
			sale.Items = append(sale.Items, Item{SKU: sku, Line: line.Number})
		}
		sale.Items[at].Quantity += max(line.Quantity, -line.Quantity)
	}
	if sale.Customer == "" && len(sale.Items) > 0 {
		sale.Customer = GuestPrefix + sale.Invoice
		s.report(Oddity{Line: first.Number, Kind: Guest, Detail: fmt.Sprintf("invoice %s has no customer: it gets one, %s", first.Invoice, sale.Customer)})
	}
	return sale
}
