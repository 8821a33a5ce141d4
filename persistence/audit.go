package persistence

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"holdfast/inventory"
)

// Bounds of an entry, in bytes: longer texts are cut.
const (
	auditActionBytesMax = 64
	auditTextBytesMax   = 1024
)

// The actions of the record.
const (
	AuditFirstAdmin    = "admin.first"
	AuditUserChange    = "user.change"
	AuditUserErase     = "user.erase"
	AuditPassword      = "user.password"
	AuditFactorOn      = "factor.on"
	AuditFactorOff     = "factor.off"
	AuditRecoveryUsed  = "factor.recovery"
	AuditRecoveryNew   = "factor.recovery_new"
	AuditReuse         = "session.reuse"
	AuditKeyCreate     = "key.create"
	AuditKeyDelete     = "key.delete"
	AuditProductCreate = "product.create"
	AuditProductChange = "product.change"
)

// AuditEntry is one line of the record of what was done by whom: to accounts, keys and the
// catalogue. Stock and orders have the journal.
type AuditEntry struct {
	// Number counts from 1. The store gives it, and Hash.
	Number int64
	At     inventory.Instant
	// Actor is the account or the API key that did it; zero is a command at the machine.
	Actor inventory.ID
	// Action is a word such as user.disable; Subject what it was done to, an ID or a name;
	// Detail what was done, in words without secrets; Address where it came from.
	Action, Subject, Detail, Address string
	// Hash is that of the entry and of the one before it.
	Hash [sha256.Size]byte
}

// Chain sets the hash of an entry that follows one with the hash before. Every length is a
// part of what is hashed, so that no two entries give the same.
func (e *AuditEntry) Chain(before [sha256.Size]byte) {
	data := binary.BigEndian.AppendUint64(before[:], uint64(e.Number)) // #nosec G115 -- bits are bits
	data = binary.BigEndian.AppendUint64(data, uint64(e.At))           // #nosec G115 -- bits are bits
	data = append(data, e.Actor[:]...)
	for _, text := range [...]string{e.Action, e.Subject, e.Detail, e.Address} {
		data = binary.BigEndian.AppendUint64(data, uint64(len(text)))
		data = append(data, text...)
	}
	e.Hash = sha256.Sum256(data)
}

// Cut cuts the texts of an entry to what is kept, and to what every store can keep.
func (e *AuditEntry) Cut() {
	e.Action = cutText(e.Action, auditActionBytesMax)
	for _, text := range []*string{&e.Subject, &e.Detail, &e.Address} {
		*text = cutText(strings.ReplaceAll(strings.ToValidUTF8(*text, "\ufffd"), "\x00", "\ufffd"), auditTextBytesMax)
	}
}

// AuditFilter selects entries, newest first.
type AuditFilter struct {
	// Before selects numbers below it; zero starts at the newest.
	Before int64
	// Limit is the most entries to return.
	Limit int
}

// Audit is the part of a [Store] that keeps the record.
type Audit interface {
	// AppendAudit appends an entry, whose Number and Hash it makes.
	AppendAudit(ctx context.Context, entry AuditEntry) error
	// AuditEntries lists entries.
	AuditEntries(ctx context.Context, filter AuditFilter) ([]AuditEntry, error)
	// EachAuditEntry calls visit for every entry, ascending, and then returns number and hash
	// of the last one as they are kept beside the entries.
	EachAuditEntry(ctx context.Context, visit func(AuditEntry) error) (number int64, hash [sha256.Size]byte, err error)
}

// VerifyAudit reads the whole record, and returns how many entries it has. The error wraps
// [ErrCorrupt] when one of them was changed, inserted or deleted since it was written. Who
// may write the database and makes all hashes anew from there on is not found: to be sure of
// that, keep the hash of the last entry elsewhere.
func VerifyAudit(ctx context.Context, audit Audit) (entries int64, err error) {
	var before [sha256.Size]byte
	number, hash, err := audit.EachAuditEntry(ctx, func(entry AuditEntry) error {
		found := entry.Hash
		entry.Chain(before)
		if entry.Number != entries+1 || entry.Hash != found {
			return fmt.Errorf("%w: entry %d of the audit log is not what was written after entry %d", ErrCorrupt, entry.Number, entries)
		}
		entries, before = entry.Number, found
		return nil
	})
	if err == nil && (number != entries || hash != before) {
		err = fmt.Errorf("%w: the audit log ends with entry %d, and entry %d was written last", ErrCorrupt, entries, number)
	}
	return entries, err
}
