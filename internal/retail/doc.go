// Package retail reads what a retailer has sold from a CSV file of invoice lines,
// as shop systems export them, in the order in which it happened.
//
// Such files are never clean, so nothing is left out in silence: whatever is not
// taken as it stands is an [Oddity], with the line's number and a kind that can be
// counted. The rules are those of the files that we know:
//
//   - Codes that differ only in case, or in spaces around them, are one product.
//     Its SKU is the code in upper case.
//   - Codes of charges (postage, fees, discounts) are not products.
//   - A price is a decimal number of major units. One that is not above half a minor
//     unit says nothing about what the product costs.
//   - An invoice whose number begins with C takes earlier purchases of the customer
//     back; any other line with a negative quantity is a correction of the stock.
//   - Lines without a customer belong to a guest, one for each invoice.
//
// The package knows nothing of the engine: it gives plain values.
package retail
