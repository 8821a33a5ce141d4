package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"holdfast/migrations"
)

// While one process migrates, others ask every migrationPauseSeconds whether it is
// done, at most migrationAsksMax times.
const (
	migrationPauseSeconds = 1
	migrationAsksMax      = 300
)

const (
	selectHasSchema = "SELECT to_regclass('goose_db_version') IS NOT NULL"
	selectApplied   = "SELECT version_id, tstamp FROM goose_db_version WHERE is_applied AND version_id > 0"
	// selectOthers are sessions of other programs in the database.
	selectOthers = `SELECT pid, application_name, coalesce(host(client_addr), 'this machine') FROM pg_stat_activity
		WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
		AND pid <> $1 LIMIT 1`
)

// Migrations lists all migrations, ascending, and changes nothing. The error wraps
// [migrations.ErrNewer] for a database of a newer program.
func (s *Store) Migrations(ctx context.Context) (all []migrations.Migration, err error) {
	err = s.alone(ctx, func(connection *pgx.Conn) error {
		all, err = s.listMigrations(ctx, connection)
		return err
	})
	return all, err
}

// MigrateUp applies what is pending, as [Store.Prepare] does, and returns it.
func (s *Store) MigrateUp(ctx context.Context) ([]migrations.Migration, error) {
	before, err := s.Migrations(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Prepare(ctx); err != nil {
		return nil, err
	}
	after, err := s.Migrations(ctx)
	return migrations.Between(before, after), err
}

// MigrateDown undoes the migration that was applied last, and returns it. It refuses a
// database that another program is connected to.
func (s *Store) MigrateDown(ctx context.Context) (last migrations.Migration, err error) {
	if err := s.Claim(ctx, nil); err != nil {
		return last, err
	}
	return last, s.alone(ctx, func(connection *pgx.Conn) error {
		all, err := s.listMigrations(ctx, connection)
		if err != nil {
			return err
		}
		if last, err = migrations.Undoable(all); err != nil {
			return err
		}
		if err := patiently(ctx, func() error { return refuseOthers(ctx, connection, s.claimant()) }); err != nil {
			return err
		}
		return s.withProvider(func(provider *goose.Provider) error {
			_, err := provider.Down(ctx)
			return err
		})
	})
}

// refuseOthers returns an error that names a program which is connected to the database
// with another session than this and the claimant.
func refuseOthers(ctx context.Context, connection *pgx.Conn, claimant uint32) error {
	ctx, cancel := step(ctx)
	defer cancel()
	var pid int
	var name, address string
	err := connection.QueryRow(ctx, selectOthers, int64(claimant)).Scan(&pid, &name, &address)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for other programs: %w", err)
	}
	return fmt.Errorf("%w: %q from %s, backend pid %d, is connected to it: end it first", ErrClaimed, name, address, pid)
}

// listMigrations returns all migrations with what the database says about them.
func (s *Store) listMigrations(ctx context.Context, connection *pgx.Conn) ([]migrations.Migration, error) {
	ctx, cancel := step(ctx)
	defer cancel()
	var migrated bool
	if err := connection.QueryRow(ctx, selectHasSchema).Scan(&migrated); err != nil {
		return nil, fmt.Errorf("look for a schema: %w", err)
	}
	applied := make(map[int64]time.Time)
	if !migrated {
		return migrations.List(s.dialect, applied)
	}
	err := eachRow(ctx, connection, func(row pgx.Row) error {
		var version int64
		var at time.Time
		err := row.Scan(&version, &at)
		applied[version] = at
		return err
	}, selectApplied)
	if err != nil {
		return nil, fmt.Errorf("read the version of the schema: %w", err)
	}
	return migrations.List(s.dialect, applied)
}

// migrate applies the migrations that the database does not have yet. It refuses a
// database that a newer version of the program has migrated, and one with an older schema
// that another program serves from. Processes that start together migrate one after the
// other.
func (s *Store) migrate(ctx context.Context, connection *pgx.Conn) error {
	all, err := s.listMigrations(ctx, connection)
	if err != nil {
		return err
	}
	version := migrations.Version(all)
	if version == all[len(all)-1].Version {
		return nil
	}
	if version > 0 {
		if err := patiently(ctx, func() error { return refuseClaimed(ctx, connection, s.claimant()) }); err != nil {
			return fmt.Errorf("the schema has version %d and is to be migrated: %w", version, err)
		}
	}
	return s.withProvider(func(provider *goose.Provider) error {
		_, err := provider.Up(ctx)
		return err
	})
}

// withProvider runs work with what migrates the database.
func (s *Store) withProvider(work func(*goose.Provider) error) (err error) {
	db := stdlib.OpenDB(*unhurried(s.config.ConnConfig))
	defer func() { err = errors.Join(err, db.Close()) }()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(migrationPauseSeconds, migrationAsksMax))
	if err != nil {
		return fmt.Errorf("prepare the lock of the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, s.dialect, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if err := work(provider); err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	return nil
}

// unhurried returns a configuration for work that takes as long as the tables are large,
// and may wait between statements.
func unhurried(config *pgx.ConnConfig) *pgx.ConnConfig {
	config = config.Copy()
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	return config
}

// alone runs work on a connection that is made for it.
func (s *Store) alone(ctx context.Context, work func(*pgx.Conn) error) error {
	connection, err := s.connect(ctx, unhurried(s.config.ConnConfig))
	if err == nil {
		err = work(connection)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackMax)
		defer cancel()
		_ = connection.Close(closing) // what it did was answered
	}
	if err != nil {
		return s.refusal(err)
	}
	return nil
}

// connect makes a connection that belongs to no pool.
func (s *Store) connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	ctx, cancel := step(ctx)
	defer cancel()
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("get a connection: %w", err)
	}
	if err := checkServer(ctx, connection, s.careless); err != nil {
		_ = connection.Close(ctx)
		return nil, err
	}
	return connection, nil
}
