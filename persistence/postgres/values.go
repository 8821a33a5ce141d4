package postgres

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"holdfast/inventory"
)

// currency reads a text of three bytes.
type currency struct{ dst *inventory.Currency }

// ScanText implements [pgtype.TextScanner].
func (c currency) ScanText(text pgtype.Text) error {
	if len(text.String) != len(c.dst) {
		return fmt.Errorf("a currency has %d bytes", len(text.String))
	}
	copy(c.dst[:], text.String)
	return nil
}

// beyondIDs is the last ID.
var beyondIDs = [16]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}
