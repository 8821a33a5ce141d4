package retail

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Line is one line of an invoice.
type Line struct {
	// Number is that of the line in the file; its header is line 1.
	Number int
	// Invoice is the number of the invoice; Code is the product's, as it stands there.
	Invoice, Code, Description string
	// Quantity is negative for what is taken back.
	Quantity int64
	// At is the time of the invoice, in UTC.
	At time.Time
	// PriceMinor is the price of one unit in minor units, rounded half away from zero.
	PriceMinor int64
	// Customer is empty when it is not known.
	Customer, Country string
}

// Bounds of a line. A line beyond them is Unreadable.
const (
	// TextBytesMax bounds every text of a line.
	TextBytesMax = 200
	// QuantityMax bounds a quantity, PriceMinorMax a price.
	QuantityMax   = 1_000_000
	PriceMinorMax = 1_000_000_000_000
)

// The columns of a file, by the names that the known files have for them.
var columnNames = [...][]string{
	columnInvoice:     {"invoiceno", "invoice"},
	columnCode:        {"stockcode", "code", "sku"},
	columnDescription: {"description", "name"},
	columnQuantity:    {"quantity"},
	columnAt:          {"invoicedate", "date"},
	columnPrice:       {"unitprice", "price"},
	columnCustomer:    {"customerid", "customer id", "customer"},
	columnCountry:     {"country"},
}

const (
	columnInvoice = iota
	columnCode
	columnDescription
	columnQuantity
	columnAt
	columnPrice
	columnCustomer
	columnCountry
	columns
)

// ErrHeader is wrapped by the error of a file whose first line does not name the
// columns.
var ErrHeader = errors.New("the first line does not name the columns of an order history")

// Reader reads lines.
type Reader struct {
	csv    *csv.Reader
	report Report
	// place is where in a line each column is.
	place [columns]int
}

// NewReader reads the header and returns a reader of the lines after it. Lines that
// cannot be read are reported and left out.
func NewReader(file io.Reader, report Report) (*Reader, error) {
	r := &Reader{csv: csv.NewReader(file), report: report}
	r.csv.ReuseRecord = true
	header, err := r.csv.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	if r.place, err = placesOf(header); err != nil {
		return nil, err
	}
	return r, nil
}

// IsHistory reports whether a header is that of an order history.
func IsHistory(header []string) bool {
	_, err := placesOf(header)
	return err == nil
}

func placesOf(header []string) (place [columns]int, err error) {
	for column, names := range columnNames {
		place[column] = slices.IndexFunc(header, func(name string) bool {
			return slices.Contains(names, strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))))
		})
		if place[column] < 0 {
			return place, fmt.Errorf("%w: there is no column %s", ErrHeader, strings.Join(names, " or "))
		}
	}
	return place, nil
}

// Next returns the next line that can be read, or [io.EOF].
func (r *Reader) Next() (Line, error) {
	for {
		fields, err := r.csv.Read()
		var malformed *csv.ParseError
		switch {
		case errors.As(err, &malformed):
			r.report(Oddity{Line: malformed.StartLine, Kind: Unreadable, Detail: malformed.Err.Error()})
			continue
		case err != nil:
			return Line{}, err // io.EOF as it is, as a reader of files expects
		}
		number, _ := r.csv.FieldPos(0)
		line, err := r.parse(fields)
		if err != nil {
			r.report(Oddity{Line: number, Kind: Unreadable, Detail: err.Error()})
			continue
		}
		line.Number = number
		return line, nil
	}
}

func (r *Reader) parse(fields []string) (Line, error) {
	var text [columns]string
	for column, place := range r.place {
		text[column] = strings.TrimSpace(fields[place])
		if len(text[column]) > TextBytesMax {
			return Line{}, fmt.Errorf("%s has more than %d bytes", columnNames[column][0], TextBytesMax)
		}
	}
	line := Line{Invoice: strings.Clone(text[columnInvoice]), Code: strings.Clone(text[columnCode]),
		Description: strings.Clone(text[columnDescription]), Customer: strings.Clone(strings.TrimSuffix(text[columnCustomer], ".0")),
		Country: strings.Clone(text[columnCountry])}
	if line.Invoice == "" || line.Code == "" {
		return Line{}, errors.New("invoice and code must not be empty")
	}
	var err error
	if line.Quantity, err = strconv.ParseInt(text[columnQuantity], 10, 64); err != nil || line.Quantity == 0 ||
		line.Quantity < -QuantityMax || line.Quantity > QuantityMax {
		return Line{}, fmt.Errorf("%q is no quantity from 1 to %d, or from -1 to -%d", text[columnQuantity], QuantityMax, QuantityMax)
	}
	if line.At, err = parseTime(text[columnAt]); err != nil {
		return Line{}, err
	}
	line.PriceMinor, err = ParsePrice(text[columnPrice])
	return line, err
}

// The forms of times that the known files have.
var timeLayouts = [...]string{time.DateTime, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04"}

func parseTime(text string) (time.Time, error) {
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time such as 2010-12-01 08:26:00", text)
}

// minorDigits are the decimal places of a price that count.
const minorDigits = 2

// ParsePrice reads a decimal number of major units and returns minor units, rounded
// half away from zero. It works on the digits: a binary fraction would not be exact.
func ParsePrice(text string) (minor int64, err error) {
	refused := fmt.Errorf("%q is no price such as 2.55", text)
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	if whole == "" || pointed && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, refused
	}
	padded := fraction + strings.Repeat("0", minorDigits+1)
	minor, err = strconv.ParseInt(whole+padded[:minorDigits], 10, 64)
	if err != nil || minor > PriceMinorMax || minor == math.MaxInt64 {
		return 0, refused
	}
	if padded[minorDigits] >= '5' {
		minor++
	}
	if negative {
		minor = -minor
	}
	return minor, nil
}
