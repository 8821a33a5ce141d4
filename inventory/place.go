package inventory

import (
	"bytes"
	"fmt"
	"slices"
)

// MergeLines sorts lines by product ID in place and merges those of the same
// product, so that every line of the result is a different product.
// Quantities must be between 1 and [LineQuantityMax] each; their sums may not
// exceed it.
func MergeLines(lines []Line) ([]Line, Refusal) {
	if len(lines) > 1 {
		slices.SortFunc(lines, func(a, b Line) int { return bytes.Compare(a.ProductID[:], b.ProductID[:]) })
	}
	merged := lines[:0]
	for _, line := range lines {
		if line.Quantity < 1 || line.Quantity > LineQuantityMax {
			return nil, lineQuantityRefusal(line.ProductID)
		}
		last := len(merged) - 1
		if last < 0 || merged[last].ProductID != line.ProductID {
			merged = append(merged, line)
			continue
		}
		merged[last].Quantity += line.Quantity
		if merged[last].Quantity > LineQuantityMax {
			return nil, lineQuantityRefusal(line.ProductID)
		}
	}
	return merged, Refusal{}
}

func lineQuantityRefusal(product ID) Refusal {
	return Refusal{Code: CodeValidationFailed, ProductID: product,
		Detail: fmt.Sprintf("An order takes between 1 and %d units of a product.", LineQuantityMax)}
}

// DecidePlace checks what does not depend on stock: that the order has lines,
// one currency, and a total in range. It prices each line from products, which
// are in the order of lines, and returns the currency.
func DecidePlace(lines []Line, products []*Product) (Currency, Refusal) {
	if len(lines) == 0 || len(lines) > OrderLinesMax {
		return Currency{}, Refusal{Code: CodeValidationFailed,
			Detail: fmt.Sprintf("An order has between 1 and %d lines.", OrderLinesMax)}
	}
	total := Money{Currency: products[0].Price.Currency}
	for i, product := range products {
		lines[i].Price, lines[i].SKU = product.Price.Minor, product.SKU
		amount, err := product.Price.Multiply(lines[i].Quantity)
		if err == nil {
			total, err = total.Add(amount)
		}
		if err != nil {
			return Currency{}, Refusal{Code: CodeValidationFailed, ProductID: product.ID, Detail: err.Error()}
		}
	}
	return total.Currency, Refusal{}
}
