package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
)

type journalDumpCommand struct {
	From uint64 `default:"1" help:"The first sequence to print."`
	To   uint64 `default:"0" help:"The last sequence to print; 0 is the end."`
}

// Validate refuses a range that has no record.
func (c *journalDumpCommand) Validate() error {
	if c.To != 0 && c.To < c.From {
		return usagef("--to is %d and must be at least --from, which is %d", c.To, c.From)
	}
	return nil
}

// Run prints the records. It verifies what it reads.
func (c *journalDumpCommand) Run(p *program) (err error) {
	directory, err := p.openJournalDirectory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, directory.Close()) }()
	buffer := bufio.NewWriter(p.stdout)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false) // a note is searched for as it was written
	err = journal.Dump(presentDisk{}, directory.journal(), c.From, c.To, func(sequence uint64, record []byte) error {
		event, err := persistence.DecodeEvent(record)
		if err != nil {
			return err
		}
		return encoder.Encode(printedRecord(sequence, &event))
	})
	return errors.Join(err, buffer.Flush())
}

// recordJSON is a record for people and programs. What a kind does not have is
// left out.
type recordJSON struct {
	Sequence  uint64     `json:"sequence"`
	Kind      string     `json:"kind"`
	At        string     `json:"at"`
	By        string     `json:"by,omitempty"`
	Order     string     `json:"order,omitempty"`
	Customer  string     `json:"customer,omitempty"`
	ExpiresAt string     `json:"expires_at,omitempty"`
	Currency  string     `json:"currency,omitempty"`
	From      string     `json:"from,omitempty"`
	To        string     `json:"to,omitempty"`
	Restock   *bool      `json:"restock,omitempty"`
	Amount    int64      `json:"amount,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Note      string     `json:"note,omitempty"`
	Key       string     `json:"key,omitempty"`
	Body      string     `json:"body,omitempty"`
	Lines     []lineJSON `json:"lines,omitempty"`
}

type lineJSON struct {
	ProductID string `json:"product_id"`
	Quantity  int64  `json:"quantity"`
	Price     *int64 `json:"price,omitempty"`
	SKU       string `json:"sku,omitempty"`
	// Dropped is the units that were asked for and not placed, and why.
	Dropped    int32  `json:"dropped,omitempty"`
	DroppedFor string `json:"dropped_for,omitempty"`
}

func printedRecord(sequence uint64, event *inventory.Event) recordJSON {
	printed := recordJSON{Sequence: sequence, Kind: event.Kind.String(), At: instantText(event.At), By: idText(event.By),
		Order: idText(event.Order), Customer: idText(event.Customer), Reason: event.Reason, Note: event.Note,
		Key: fingerprintText(event.Key), Body: fingerprintText(event.Body)}
	switch event.Kind {
	case inventory.OrderPlaced:
		printed.ExpiresAt, printed.Currency = instantText(event.ExpiresAt), event.Currency.String()
	case inventory.OrderCancelled, inventory.OrderReduced:
		printed.From = event.From.String()
	case inventory.OrderFulfilled:
		printed.To = event.To.String()
	case inventory.OrderReturned:
		printed.To, printed.Restock = event.To.String(), &event.Restock
	case inventory.OrderExtended:
		printed.ExpiresAt = instantText(event.ExpiresAt)
	case inventory.OrderRefundDue:
		printed.Amount = event.Amount
	}
	for i := range event.Lines {
		line := &event.Lines[i]
		shown := lineJSON{ProductID: line.ProductID.String(), Quantity: line.Quantity, SKU: line.SKU,
			Dropped: line.Dropped, DroppedFor: string(line.DroppedFor.Code())}
		if event.Kind == inventory.OrderPlaced {
			shown.Price = &line.Price
		}
		printed.Lines = append(printed.Lines, shown)
	}
	return printed
}

func instantText(at inventory.Instant) string {
	return time.Unix(0, int64(at)).UTC().Format(time.RFC3339Nano)
}

func idText(id inventory.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func fingerprintText(fingerprint inventory.Fingerprint) string {
	if fingerprint == (inventory.Fingerprint{}) {
		return ""
	}
	return hex.EncodeToString(fingerprint[:])
}
