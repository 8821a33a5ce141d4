package inventory

import (
	"errors"
	"math/bits"
)

// Currency is an ISO 4217 code of three upper-case letters.
type Currency [3]byte

// Money is an amount in integer minor units of one currency.
type Money struct {
	Minor    int64
	Currency Currency
}

var (
	// ErrCurrency is returned by [ParseCurrency].
	ErrCurrency = errors.New("not an ISO 4217 currency code of three upper-case letters")
	// ErrMixedCurrencies is returned when amounts of two currencies are added.
	ErrMixedCurrencies = errors.New("amounts of two currencies cannot be added")
	// ErrOverflow is returned when a sum or product leaves the range of int64.
	ErrOverflow = errors.New("amount is out of range")
)

// ParseCurrency reads three upper-case letters.
func ParseCurrency(text string) (Currency, error) {
	if len(text) != 3 {
		return Currency{}, ErrCurrency
	}
	for i := range 3 {
		if text[i] < 'A' || text[i] > 'Z' {
			return Currency{}, ErrCurrency
		}
	}
	return Currency{text[0], text[1], text[2]}, nil
}

// String returns the three letters.
func (c Currency) String() string { return string(c[:]) }

// Add returns m + other, [ErrMixedCurrencies] or [ErrOverflow].
func (m Money) Add(other Money) (Money, error) {
	if m.Currency != other.Currency {
		return Money{}, ErrMixedCurrencies
	}
	sum, err := addQuantities(m.Minor, other.Minor)
	return Money{Minor: sum, Currency: m.Currency}, err
}

// Multiply returns m × quantity or [ErrOverflow]. Both must not be negative.
func (m Money) Multiply(quantity int64) (Money, error) {
	if m.Minor < 0 || quantity < 0 {
		return Money{}, ErrOverflow
	}
	high, low := bits.Mul64(uint64(m.Minor), uint64(quantity))
	if high != 0 || low > 1<<63-1 {
		return Money{}, ErrOverflow
	}
	return Money{Minor: int64(low), Currency: m.Currency}, nil
}

// addQuantities returns a + b or [ErrOverflow].
func addQuantities(a, b int64) (int64, error) {
	sum := a + b
	if (a > 0 && b > 0 && sum < 0) || (a < 0 && b < 0 && sum >= 0) {
		return 0, ErrOverflow
	}
	return sum, nil
}
