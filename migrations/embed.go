// Package migrations holds the schemas of the stores, one folder per dialect.
//
// A file is named NNNNN_what.sql and is applied once, in order, by goose. A file
// that was released is never changed: a correction is a new file.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql
var files embed.FS

// SQLite is the schema of package persistence/sqlite.
var SQLite = folder("sqlite")

// folder returns one dialect's files. It panics only when the folder was left
// out of the build.
func folder(dialect string) fs.FS {
	sub, err := fs.Sub(files, dialect)
	if err != nil {
		panic(err)
	}
	return sub
}
