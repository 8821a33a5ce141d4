// Package migrations holds the schemas of the stores, one folder per dialect.
//
// A file is named NNNNN_what.sql and is applied once, in order, by goose. A file
// that was released is never changed: a correction is a new file.
//
// A Down section says, in the comment that it begins with, what is lost by it. A file
// that cannot be undone without losing orders or accounts has none, and is never undone:
// the way back from it is a backup.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// The schemas of packages persistence/postgres and persistence/sqlite.
var (
	Postgres = folder("postgres")
	SQLite   = folder("sqlite")
)

// folder returns one dialect's files. It panics only when the folder was left
// out of the build.
func folder(dialect string) fs.FS {
	sub, err := fs.Sub(files, dialect)
	if err != nil {
		panic(err)
	}
	return sub
}
