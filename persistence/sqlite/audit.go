package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"holdfast/persistence"
)

const (
	auditColumns     = "number, at, actor, action, subject, detail, address, hash"
	insertAudit      = "INSERT INTO audit (" + auditColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
	selectAuditHead  = "SELECT number, hash FROM audit_head"
	updateAuditHead  = "UPDATE audit_head SET number = ?, hash = ?"
	selectAudit      = "SELECT " + auditColumns + " FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?"
	selectWholeAudit = "SELECT " + auditColumns + " FROM audit ORDER BY number"
)

// appendAudit appends an entry in the transaction of what it tells of.
func appendAudit(ctx context.Context, tx *sql.Tx, entry *persistence.AuditEntry) error {
	e := *entry
	var before [32]byte
	if err := tx.QueryRowContext(ctx, selectAuditHead).Scan(&e.Number, fixed{before[:]}); err != nil {
		return err
	}
	e.Number++
	e.Cut()
	e.Chain(before)
	_, err := tx.ExecContext(ctx, insertAudit, e.Number, int64(e.At), e.Actor[:], e.Action, e.Subject, e.Detail, e.Address, e.Hash[:])
	if err == nil {
		_, err = tx.ExecContext(ctx, updateAuditHead, e.Number, e.Hash[:])
	}
	return err
}

// AppendAudit appends an entry.
func (s *Store) AppendAudit(ctx context.Context, entry persistence.AuditEntry) error {
	if err := s.write(ctx, func(tx *sql.Tx) error { return appendAudit(ctx, tx, &entry) }); err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	return nil
}

// AuditEntries lists entries, newest first.
func (s *Store) AuditEntries(ctx context.Context, filter persistence.AuditFilter) (entries []persistence.AuditEntry, err error) {
	before := filter.Before
	if before == 0 {
		before = math.MaxInt64
	}
	err = s.each(ctx, func(row scanner) error {
		entries = append(entries, persistence.AuditEntry{})
		return scanAudit(row, &entries[len(entries)-1])
	}, selectAudit, before, max(filter.Limit, 0))
	if err != nil {
		return nil, fmt.Errorf("list the audit log: %w", err)
	}
	return entries, nil
}

// EachAuditEntry visits the whole record. Nothing is appended between its end and the head.
func (s *Store) EachAuditEntry(ctx context.Context, visit func(persistence.AuditEntry) error) (number int64, hash [32]byte, err error) {
	err = s.look(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, selectWholeAudit)
		if err != nil {
			return err
		}
		err = visitRows(rows, func(row scanner) error {
			var entry persistence.AuditEntry
			return errors.Join(scanAudit(row, &entry), visit(entry))
		})
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, selectAuditHead).Scan(&number, fixed{hash[:]})
	})
	if err != nil {
		return 0, hash, fmt.Errorf("read the audit log: %w", err)
	}
	return number, hash, nil
}

// look runs work in one transaction of a reader, which sees one moment.
func (s *Store) look(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return translate(err)
	}
	err = work(tx)
	if rollback := tx.Rollback(); !errors.Is(rollback, sql.ErrTxDone) {
		err = errors.Join(err, rollback)
	}
	return translate(err)
}

func scanAudit(row scanner, e *persistence.AuditEntry) error {
	return row.Scan(&e.Number, &e.At, fixed{e.Actor[:]}, &e.Action, &e.Subject, &e.Detail, &e.Address, fixed{e.Hash[:]})
}
