package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"

	"holdfast/internal/retail"
)

// The kinds of oddities that only an import knows.
const (
	// kindDiffers is a product that is there with other values.
	kindDiffers retail.Kind = "differs_from_catalogue"
	// kindRefused is what no product or order of ours can be. It is left out.
	kindRefused retail.Kind = "refused"
	// kindChanged is an invoice that was recorded with other contents.
	kindChanged retail.Kind = "differs_from_record"
	// kindMissing is a product that is not in the catalogue. Its lines are left out.
	kindMissing retail.Kind = "missing_product"
)

// importReport is a CSV file with everything that was not taken as it stands.
type importReport struct {
	path   string
	file   *os.File
	buffer *bufio.Writer
	rows   *csv.Writer
	counts map[retail.Kind]int
}

// createReport makes the file. A report of an earlier import is replaced; another
// file is not.
func createReport(path string) (*importReport, error) {
	if err := refuseForeign(path); err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("make the report: %w; name another file with --report", err)
	}
	r := &importReport{path: path, file: file, buffer: bufio.NewWriter(file), counts: map[retail.Kind]int{}}
	r.rows = csv.NewWriter(r.buffer)
	return r, r.rows.Write(reportHeader)
}

var reportHeader = []string{"line", "kind", "detail"}

// refuseForeign refuses to write over a file that is no report.
func refuseForeign(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	first, err := csv.NewReader(io.LimitReader(file, 1_024)).Read()
	if errors.Is(err, io.EOF) || slices.Equal(first, reportHeader) {
		return nil
	}
	return fmt.Errorf("%s exists and is no report of an import: name another file with --report", path)
}

// add writes an oddity down. An error of the file is told by close.
func (r *importReport) add(o retail.Oddity) {
	r.counts[o.Kind]++
	_ = r.rows.Write([]string{strconv.Itoa(o.Line), string(o.Kind), o.Detail})
}

// summarise prints how many there are of each kind, and where they are.
func (r *importReport) summarise(out io.Writer) {
	for _, kind := range slices.Sorted(maps.Keys(r.counts)) {
		fmt.Fprintf(out, "%s\t%d\n", kind, r.counts[kind])
	}
	if len(r.counts) > 0 {
		fmt.Fprintf(out, "every line of these\t%s\n", r.path)
	}
}

// close ends the file.
func (r *importReport) close() error {
	r.rows.Flush()
	if err := errors.Join(r.rows.Error(), r.buffer.Flush(), r.file.Close()); err != nil {
		return fmt.Errorf("write the report %s: %w", r.path, err)
	}
	return nil
}
