package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/persistence"
)

// ErrText is returned for a text that Postgres cannot store: one with a NUL or bytes
// that are not UTF-8, or one too long for the index that it belongs to.
var ErrText = errors.New("a text has a NUL, is not UTF-8, or is too long to be looked up by")

// SQLSTATE codes, and the first two characters of classes of them.
const (
	codeUnique          = "23505"
	codeSerialization   = "40001"
	codeDeadlock        = "40P01"
	codeNotInRepertoire = "22021"
	codeUntranslatable  = "22P05"
	codeProgramLimit    = "54000"
	codeQueryCanceled   = "57014"
	codeDataCorrupted   = "XX001"
	codeIndexCorrupted  = "XX002"
	classConnection     = "08"
	classResources      = "53"
	classIntervention   = "57"
	classData           = "22"
	classConstraint     = "23"
)

// translate gives an error the meaning that the contract names. The original stays in
// the chain.
func translate(err error) error {
	switch {
	case err == nil, errors.Is(err, persistence.ErrExists), errors.Is(err, persistence.ErrCorrupt):
		return err
	case errors.Is(err, pgx.ErrNoRows):
		return persistence.ErrNotFound
	}
	switch codeOf(err) {
	case codeUnique:
		return fmt.Errorf("%w: %w", persistence.ErrExists, err)
	case codeNotInRepertoire, codeUntranslatable, codeProgramLimit:
		return fmt.Errorf("%w: %w", ErrText, err)
	case codeQueryCanceled: // by statement_timeout, or an administrator
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	case codeDataCorrupted, codeIndexCorrupted:
		return fmt.Errorf("%w: %w", persistence.ErrCorrupt, err)
	}
	return err
}

// isConstraint reports whether the schema refused a row.
func isConstraint(err error) bool {
	code := codeOf(err)
	return strings.HasPrefix(code, classConstraint) || strings.HasPrefix(code, classData) || code == codeProgramLimit
}

// isConflict reports whether another transaction made the server undo this one.
func isConflict(err error) bool {
	code := codeOf(err)
	return code == codeSerialization || code == codeDeadlock
}

// IsAway reports whether an error goes away when the server, or the way to it, is back:
// it cannot be reached, starts, stops, has no connection left, or has ended one.
func IsAway(err error) bool {
	code := codeOf(err)
	if code == "" {
		_, unconnected := errors.AsType[*pgconn.ConnectError](err)
		_, broken := errors.AsType[net.Error](err)
		return unconnected || broken || pgconn.SafeToRetry(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
			errors.Is(err, context.DeadlineExceeded)
	}
	for _, class := range []string{classConnection, classResources, classIntervention} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

// codeOf returns the server's SQLSTATE, or nothing.
func codeOf(err error) string {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failure.Code
	}
	return ""
}

// storable reports whether a text can be in the database. What cannot is not found.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}
