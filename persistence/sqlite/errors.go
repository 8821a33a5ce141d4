package sqlite

import (
	"database/sql"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"holdfast/persistence"
)

// translate gives an error the meaning that the contract names. The original
// stays in the chain.
func translate(err error) error {
	switch {
	case err == nil, errors.Is(err, persistence.ErrExists), errors.Is(err, persistence.ErrCorrupt):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return persistence.ErrNotFound
	}
	code, ok := codeOf(err)
	switch {
	case !ok:
		return err
	case code == codes.SQLITE_CONSTRAINT_UNIQUE, code == codes.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fmt.Errorf("%w: %w", persistence.ErrExists, err)
	case code&0xff == codes.SQLITE_CORRUPT, code&0xff == codes.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", persistence.ErrCorrupt, err)
	}
	return err
}

// isConstraint reports whether the schema refused a row.
func isConstraint(err error) bool {
	code, ok := codeOf(err)
	return ok && code&0xff == codes.SQLITE_CONSTRAINT
}

// codeOf returns SQLite's extended result code.
func codeOf(err error) (int, bool) {
	if failure, ok := errors.AsType[*driver.Error](err); ok {
		return failure.Code(), true
	}
	return 0, false
}

// isBusy reports whether another connection has what a statement needs.
func isBusy(err error) bool {
	code, ok := codeOf(err)
	return ok && code&0xff == codes.SQLITE_BUSY
}
