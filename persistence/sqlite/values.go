package sqlite

import (
	"fmt"

	"holdfast/inventory"
)

// scanner is one row: *sql.Row or *sql.Rows.
type scanner interface {
	Scan(destinations ...any) error
}

// fixed reads a BLOB or TEXT of exactly the length of dst.
type fixed struct{ dst []byte }

// Scan implements [database/sql.Scanner].
func (f fixed) Scan(source any) error {
	var got int
	switch value := source.(type) {
	case []byte:
		got = copy(f.dst, value) + max(0, len(value)-len(f.dst))
	case string:
		got = copy(f.dst, value) + max(0, len(value)-len(f.dst))
	case nil:
		clear(f.dst)
		return nil
	default:
		return fmt.Errorf("a column has type %T instead of bytes", source)
	}
	if got != len(f.dst) {
		return fmt.Errorf("a column has %d bytes instead of %d", got, len(f.dst))
	}
	return nil
}

// nullableID stores the zero ID as NULL.
func nullableID(id *inventory.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// beyondIDs is above every ID: bytes compare one by one, and it is longer.
var beyondIDs = []byte{
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

// before returns the upper bound of a page that starts at the newest when id is
// zero.
func before(id *inventory.ID) []byte {
	if id.IsZero() {
		return beyondIDs
	}
	return id[:]
}
