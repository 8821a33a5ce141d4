package main

import (
	"holdfast/internal/retail"
	"holdfast/inventory"
)

// importOptions are those of every import.
type importOptions struct {
	Report   string   `placeholder:"FILE" help:"File to write with everything that was not taken as it stands: line, kind and detail. A name beside the imported file when absent."`
	Currency string   `default:"GBP" help:"Currency of prices that have none, with two decimal places."`
	Charges  []string `help:"Codes of an order history that are not products, separated by commas. Those of postage, fees and the like when absent."`
}

// complete fills in what is absent and refuses what is no currency.
func (o *importOptions) complete(report string) error {
	if _, err := inventory.ParseCurrency(o.Currency); err != nil {
		return usagef("--currency is %q and must be an ISO 4217 code such as GBP", o.Currency)
	}
	if o.Report == "" {
		o.Report = report
	}
	if len(o.Charges) == 0 {
		o.Charges = retail.Charges
	}
	return nil
}

// currency is that of prices that have none.
func (o *importOptions) currency() inventory.Currency {
	currency, _ := inventory.ParseCurrency(o.Currency) // complete has checked it
	return currency
}
