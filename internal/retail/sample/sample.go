// Package sample has a slice of a real retailer's orders, for tests and for a
// demonstration: 143 invoices, chosen so that everything that package retail reports
// is in them. Its source and licence are in README.md beside it, and have to stay with
// it.
package sample

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
)

//go:embed online-retail-sample.csv.gz
var compressed []byte

// Open returns the lines, as CSV with a header.
func Open() (io.Reader, error) { return gzip.NewReader(bytes.NewReader(compressed)) }
