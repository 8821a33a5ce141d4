package api

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"holdfast/inventory"
	"holdfast/persistence"
)

// productCopyFormat is the version of all copies of rows. One of another version is none.
const productCopyFormat = 1

const (
	// productCopyIDAt is where the ID is in a copy, and minProductCopyBytes what every copy
	// has: head, ID, currency, and a byte for each number and the length of each text.
	productCopyIDAt     = 2
	minProductCopyBytes = productCopyIDAt + 16 + 3 + 10 + 4
)

// appendProductCopy appends the copy of a row that is not deleted: its fields one after
// the other, numbers in their shortest form, texts after their length.
func appendProductCopy(dst []byte, p *persistence.CatalogueProduct) []byte {
	paused := byte(0)
	if p.Paused {
		paused = 1
	}
	dst = append(append(dst, productCopyFormat, paused), p.ID[:]...)
	dst = append(dst, p.Price.Currency[:]...)
	for _, number := range [...]int64{p.Price.Minor, int64(p.SaleStartsAt), int64(p.SaleEndsAt), int64(p.HoldSeconds), p.Safety,
		p.PurchaseLimit, p.OpeningStock, p.Version, int64(p.CreatedAt), int64(p.UpdatedAt)} {
		dst = binary.AppendVarint(dst, number)
	}
	for _, text := range [...]string{p.SKU, p.Name, p.Description, p.Category} {
		dst = append(binary.AppendUvarint(dst, uint64(len(text))), text...)
	}
	return dst
}

// decodeProductCopy returns the row of a product from its copy. Copies come from where
// others may write: what is not, byte for byte, what appendProductCopy makes of a row of
// this product is none. It takes no more memory than the copy has.
func decodeProductCopy(data []byte, id inventory.ID) (row persistence.CatalogueProduct, ok bool) {
	d := copyDecoder{left: data}
	head := d.take(2)
	copy(row.ID[:], d.take(len(row.ID)))
	copy(row.Price.Currency[:], d.take(len(row.Price.Currency)))
	row.Price.Minor = d.number()
	row.SaleStartsAt, row.SaleEndsAt = inventory.Instant(d.number()), inventory.Instant(d.number())
	row.HoldSeconds = int32(d.number()) // #nosec G115 -- what was cut is another copy
	row.Safety, row.PurchaseLimit, row.OpeningStock = d.number(), d.number(), d.number()
	row.Version = d.number()
	row.CreatedAt, row.UpdatedAt = inventory.Instant(d.number()), inventory.Instant(d.number())
	row.SKU, row.Name, row.Description, row.Category = d.text(), d.text(), d.text(), d.text()
	if d.bad || row.ID != id {
		return persistence.CatalogueProduct{}, false
	}
	row.Paused = head[1] == 1
	if _, err := inventory.ParseCurrency(row.Price.Currency.String()); err != nil {
		return persistence.CatalogueProduct{}, false
	}
	var buffer [1024]byte
	if !bytes.Equal(appendProductCopy(buffer[:0], &row), data) {
		return persistence.CatalogueProduct{}, false
	}
	return row, true
}

// copyDecoder takes a copy from the front. After something that does not fit, all that it
// returns is empty.
type copyDecoder struct {
	left []byte
	bad  bool
}

func (d *copyDecoder) take(n int) []byte {
	if d.bad || n > len(d.left) {
		d.bad = true
		return nil
	}
	taken := d.left[:n]
	d.left = d.left[n:]
	return taken
}

func (d *copyDecoder) number() int64 {
	number, n := binary.Varint(d.left)
	d.take(max(n, 1))
	d.bad = d.bad || n <= 0
	return number
}

func (d *copyDecoder) text() string {
	length, n := binary.Uvarint(d.left)
	d.take(max(n, 1))
	if n <= 0 || length > uint64(len(d.left)) {
		d.bad = true
		return ""
	}
	text := d.take(int(length)) // #nosec G115 -- no longer than data
	d.bad = d.bad || !utf8.Valid(text)
	return string(text)
}
