package persistence

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// record is an audit log in memory.
type record struct {
	Audit
	entries []AuditEntry
	number  int64
	hash    [sha256.Size]byte
}

func (r *record) append(entry AuditEntry) {
	r.number++
	entry.Number = r.number
	entry.Cut()
	entry.Chain(r.hash)
	r.hash = entry.Hash
	r.entries = append(r.entries, entry)
}

func (r *record) EachAuditEntry(_ context.Context, visit func(AuditEntry) error) (int64, [sha256.Size]byte, error) {
	for _, entry := range r.entries {
		if err := visit(entry); err != nil {
			return 0, r.hash, err
		}
	}
	return r.number, r.hash, nil
}

// Whatever is changed of a record, verification shows it.
func TestTheAuditLogShowsEveryChange(t *testing.T) {
	made := func() *record {
		r := &record{}
		for n := range 6 {
			r.append(AuditEntry{At: inventory.Instant(n), Actor: inventory.ID{byte(n)}, Action: "a", Subject: "s", Detail: fmt.Sprint(n), Address: "x"})
		}
		return r
	}
	entries, err := VerifyAudit(t.Context(), made())
	require.NoError(t, err)
	require.EqualValues(t, 6, entries)
	entries, err = VerifyAudit(t.Context(), &record{})
	require.NoError(t, err)
	require.Zero(t, entries)
	for name, tamper := range map[string]func(*record){
		"another time":           func(r *record) { r.entries[2].At++ },
		"another actor":          func(r *record) { r.entries[2].Actor[3]++ },
		"another action":         func(r *record) { r.entries[2].Action = "b" },
		"another subject":        func(r *record) { r.entries[2].Subject = "" },
		"another detail":         func(r *record) { r.entries[2].Detail = "22" },
		"another address":        func(r *record) { r.entries[2].Address = "y" },
		"moved between texts":    func(r *record) { r.entries[2].Action, r.entries[2].Subject = "as", "" },
		"another hash":           func(r *record) { r.entries[2].Hash[0]++ },
		"the last one is gone":   func(r *record) { r.entries = r.entries[:5] },
		"all are gone":           func(r *record) { r.entries = nil },
		"the first one is gone":  func(r *record) { r.entries = r.entries[1:] },
		"one is gone":            func(r *record) { r.entries = slices.Delete(r.entries, 2, 3) },
		"two have changed place": func(r *record) { r.entries[2], r.entries[3] = r.entries[3], r.entries[2] },
		"one was made anew": func(r *record) {
			r.entries[2].Detail = "new"
			r.entries[2].Chain(r.entries[1].Hash)
		},
		"one was made anew and the next too": func(r *record) {
			r.entries[4].Detail = "new"
			r.entries[4].Chain(r.entries[3].Hash)
			r.entries[5].Chain(r.entries[4].Hash)
		},
	} {
		r := made()
		tamper(r)
		_, err := VerifyAudit(t.Context(), r)
		require.ErrorIs(t, err, ErrCorrupt, name)
	}
}
