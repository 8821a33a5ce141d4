package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"holdfast/persistence"
)

const (
	auditColumns     = "number, at, actor, action, subject, detail, address, hash"
	insertAudit      = "INSERT INTO audit (" + auditColumns + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	selectAuditHead  = "SELECT number, hash FROM audit_head"
	lockAuditHead    = selectAuditHead + " FOR UPDATE"
	updateAuditHead  = "UPDATE audit_head SET number = $1, hash = $2"
	selectAudit      = "SELECT " + auditColumns + " FROM audit WHERE number < $1 ORDER BY number DESC LIMIT $2"
	selectWholeAudit = "SELECT " + auditColumns + " FROM audit ORDER BY number"
)

// appendAudit appends an entry in the transaction of what it tells of. It comes last there,
// or first of those who exclude each other by it: others wait for the head until the end.
func (t *transaction) appendAudit(entry *persistence.AuditEntry) error {
	e := *entry
	var before []byte
	err := t.send(func(batch *pgx.Batch) {
		batch.Queue(lockAuditHead).QueryRow(func(row pgx.Row) error { return row.Scan(&e.Number, &before) })
	})
	if err != nil {
		return err
	}
	e.Number++
	e.Cut()
	e.Chain([32]byte(before))
	return t.send(func(batch *pgx.Batch) {
		batch.Queue(insertAudit, e.Number, int64(e.At), [16]byte(e.Actor), e.Action, e.Subject, e.Detail, e.Address, e.Hash[:])
		batch.Queue(updateAuditHead, e.Number, e.Hash[:])
	})
}

// AppendAudit appends an entry.
func (s *Store) AppendAudit(ctx context.Context, entry persistence.AuditEntry) error {
	if err := s.write(ctx, func(t *transaction) error { return t.appendAudit(&entry) }); err != nil {
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
	err = s.each(ctx, func(row pgx.Row) error {
		var entry persistence.AuditEntry
		err := scanAudit(row, &entry)
		entries = append(entries, entry)
		return err
	}, selectAudit, before, max(filter.Limit, 0))
	if err != nil {
		return nil, fmt.Errorf("list the audit log: %w", err)
	}
	return entries, nil
}

// EachAuditEntry visits the whole record. Nothing is appended between its end and the head:
// entry and head are read as of one moment.
func (s *Store) EachAuditEntry(ctx context.Context, visit func(persistence.AuditEntry) error) (number int64, hash [32]byte, err error) {
	err = s.alone(ctx, func(connection *pgx.Conn) error {
		return pgx.BeginTxFunc(ctx, connection, snapshot, func(pgx.Tx) error {
			err := eachRow(ctx, connection, func(row pgx.Row) error {
				var entry persistence.AuditEntry
				return errors.Join(scanAudit(row, &entry), visit(entry))
			}, selectWholeAudit)
			if err != nil {
				return err
			}
			var last []byte
			err = connection.QueryRow(ctx, selectAuditHead).Scan(&number, &last)
			copy(hash[:], last)
			return err
		})
	})
	if err != nil {
		return 0, hash, fmt.Errorf("read the audit log: %w", translate(err))
	}
	return number, hash, nil
}

func scanAudit(row pgx.Row, e *persistence.AuditEntry) error {
	var hash []byte
	err := row.Scan(&e.Number, &e.At, (*[16]byte)(&e.Actor), &e.Action, &e.Subject, &e.Detail, &e.Address, &hash)
	copy(e.Hash[:], hash)
	return err
}
