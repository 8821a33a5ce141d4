package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"holdfast/migrations"
	"holdfast/persistence/postgres"
	"holdfast/persistence/sqlite"
)

// schema is the schema of the configured database.
type schema interface {
	// Migrations lists all migrations, ascending, and changes nothing.
	Migrations(ctx context.Context) ([]migrations.Migration, error)
	// MigrateUp applies those that are pending, and returns them.
	MigrateUp(ctx context.Context) ([]migrations.Migration, error)
	// MigrateDown undoes the one that was applied last, and returns it.
	MigrateDown(ctx context.Context) (migrations.Migration, error)
}

// withSchema runs work on the schema of the database; of SQLite, that of the directory.
func (p *program) withSchema(ctx context.Context, directory *dataDirectory, work func(schema) error) (err error) {
	address, err := p.options.databaseURL()
	if err != nil {
		return err
	}
	if address == "" {
		return work(sqlite.NewSchema(directory.database()))
	}
	store, err := postgres.New(ctx, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return work(store)
}

// withOwnSchema is withSchema for work that no server may run beside.
func (p *program) withOwnSchema(ctx context.Context, work func(schema) error) (err error) {
	directory, err := p.openDataDirectory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, directory.Close()) }()
	return p.withSchema(ctx, directory, func(s schema) error {
		if _, embedded := s.(*sqlite.Schema); embedded {
			if err := directory.refuseLostDatabase(); err != nil {
				return err
			}
		}
		return work(s)
	})
}

type migrateUpCommand struct{}

// Run says what it has applied.
func (c *migrateUpCommand) Run(ctx context.Context, p *program) error {
	return p.withOwnSchema(ctx, func(s schema) error {
		applied, err := s.MigrateUp(ctx)
		if err != nil {
			return err
		}
		for i := range applied {
			fmt.Fprintf(p.stdout, "applied %s\n", applied[i].File)
		}
		if len(applied) == 0 {
			fmt.Fprintln(p.stdout, "The schema is up to date: nothing was pending.")
		}
		return nil
	})
}

type migrateDownCommand struct {
	Yes bool `help:"Do it, and lose what it loses."`
}

// Run undoes one migration. Without --yes it says what would be lost, and refuses.
func (c *migrateDownCommand) Run(ctx context.Context, p *program) error {
	return p.withOwnSchema(ctx, func(s schema) error {
		all, err := s.Migrations(ctx)
		if err != nil {
			return err
		}
		last, err := migrations.Undoable(all)
		switch {
		case errors.Is(err, migrations.ErrNothingApplied):
			return usagef("%v: there is nothing to undo", err)
		case err != nil:
			return fmt.Errorf("undo %s: %w", last.File, err)
		case !c.Yes:
			return usagef("undoing %s loses: %s The next start of this program applies it again: undo it only before an older one is installed, "+
				"and after a backup. Say --yes to do it", last.File, last.Loses)
		}
		if last, err = s.MigrateDown(ctx); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "undid %s\n", last.File)
		return nil
	})
}

type migrateStatusCommand struct {
	JSON bool `name:"json" help:"Print a JSON object."`
}

// Run lists the migrations. A server may run meanwhile.
func (c *migrateStatusCommand) Run(ctx context.Context, p *program) error {
	// It is not locked: a look changes nothing.
	return p.withSchema(ctx, &dataDirectory{path: p.options.DataDir}, func(s schema) error {
		all, err := s.Migrations(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return printMigrationsJSON(p.stdout, all)
		}
		return printMigrations(p.stdout, all)
	})
}

func printMigrations(out io.Writer, all []migrations.Migration) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "version\tfile\tapplied at")
	for i := range all {
		at := "pending"
		if !all[i].Pending() {
			at = all[i].AppliedAt.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\n", all[i].Version, all[i].File, at)
	}
	return table.Flush()
}

// migrationJSON is a migration for programs; one without a time is pending.
type migrationJSON struct {
	Version   int64      `json:"version"`
	File      string     `json:"file"`
	AppliedAt *time.Time `json:"applied_at"`
}

func printMigrationsJSON(out io.Writer, all []migrations.Migration) error {
	printed := struct {
		Version    int64           `json:"version"`
		Pending    int             `json:"pending"`
		Migrations []migrationJSON `json:"migrations"`
	}{Version: migrations.Version(all), Migrations: []migrationJSON{}}
	for i := range all {
		migration := migrationJSON{Version: all[i].Version, File: all[i].File}
		if all[i].Pending() {
			printed.Pending++
		} else {
			migration.AppliedAt = &all[i].AppliedAt
		}
		printed.Migrations = append(printed.Migrations, migration)
	}
	return json.NewEncoder(out).Encode(printed)
}
