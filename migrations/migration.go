package migrations

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Errors of schemas.
var (
	// ErrNewer is returned for a database that a newer version of the program has
	// migrated. Nothing was changed.
	ErrNewer = errors.New("the schema is newer than this program")
	// ErrNothingApplied is returned when there is no migration to undo.
	ErrNothingApplied = errors.New("no migration is applied")
	// ErrNoWayBack is returned for a migration that is not undone, because orders or
	// accounts would be lost.
	ErrNoWayBack = errors.New("it cannot be undone")
)

// downMark begins the section of a file that undoes it.
const downMark = "-- +goose Down\n"

// Migration is one file, and what a database says about it.
type Migration struct {
	Version int64
	// File is its name.
	File string
	// AppliedAt is when it was applied, zero while it is pending.
	AppliedAt time.Time
	// Loses says what is lost by undoing it; empty when it cannot be undone.
	Loses string
}

// Pending reports whether the migration was not applied yet.
func (m *Migration) Pending() bool { return m.AppliedAt.IsZero() }

// List returns the migrations of a dialect, ascending. applied has the versions that a
// database says were applied, and when. The error wraps [ErrNewer] when there is one
// among them that is in no file.
func List(dialect fs.FS, applied map[int64]time.Time) ([]Migration, error) {
	names, err := fs.Glob(dialect, "*.sql") // ascending
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	var all []Migration
	var newest int64
	for _, name := range names {
		digits, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the migration %s has no number: %w", name, err)
		}
		text, err := fs.ReadFile(dialect, name)
		if err != nil {
			return nil, fmt.Errorf("read a migration: %w", err)
		}
		all = append(all, Migration{Version: version, File: name, AppliedAt: applied[version], Loses: losses(string(text))})
		newest = version
	}
	for version := range applied {
		if version > newest {
			return nil, fmt.Errorf("%w: it has version %d and this program knows %d: use the newer program", ErrNewer, version, newest)
		}
	}
	return all, nil
}

// losses returns the comment that a file's Down section begins with.
func losses(text string) string {
	_, down, _ := strings.Cut(text, downMark)
	var lines []string
	for line := range strings.Lines(down) {
		comment, is := strings.CutPrefix(line, "-- ")
		if !is {
			break
		}
		lines = append(lines, strings.TrimSpace(comment))
	}
	return strings.Join(lines, " ")
}

// Undoable returns the migration that was applied last, if it can be undone. The error
// wraps [ErrNothingApplied] or [ErrNoWayBack].
func Undoable(all []Migration) (Migration, error) {
	for i := len(all) - 1; i >= 0; i-- {
		switch last := all[i]; {
		case last.Pending():
		case last.Loses == "":
			return last, fmt.Errorf("%w: %s made tables or columns that orders, accounts or the catalogue are in, and undoing it "+
				"would lose them: restore a backup that was made before it, with the program that made that", ErrNoWayBack, last.File)
		default:
			return last, nil
		}
	}
	return Migration{}, ErrNothingApplied
}

// Between returns the migrations that one list has as pending and a later one as applied.
func Between(before, after []Migration) (applied []Migration) {
	for i := range before {
		if before[i].Pending() && !after[i].Pending() {
			applied = append(applied, after[i])
		}
	}
	return applied
}

// Version returns the version of the newest migration that was applied, 0 for none.
func Version(all []Migration) (version int64) {
	for i := range all {
		if !all[i].Pending() {
			version = all[i].Version
		}
	}
	return version
}
