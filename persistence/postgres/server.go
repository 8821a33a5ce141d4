package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// versionMin is the oldest server that is used: older ones are not maintained any more.
const versionMin = 14

// facts are what a server says about itself.
type facts struct {
	// version is of the form 150018, for 15.18.
	version                            int
	encoding, fsync, synchronousCommit string
	standby                            bool
}

const selectFacts = `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
	current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery()`

// checkServer refuses a connection to a server that cannot be trusted with the
// projection.
func checkServer(ctx context.Context, connection *pgx.Conn, careless bool) error {
	var f facts
	err := connection.QueryRow(ctx, selectFacts).Scan(&f.version, &f.encoding, &f.fsync, &f.synchronousCommit, &f.standby)
	if err != nil {
		return fmt.Errorf("ask the server about itself: %w", err)
	}
	return f.check(careless)
}

// check returns what is wrong with a server, and what to do about it.
func (f *facts) check(careless bool) error {
	switch {
	case f.version < versionMin*10_000:
		return fmt.Errorf("the server is Postgres %d: %d or newer is needed", f.version/10_000, versionMin)
	case f.encoding != "UTF8":
		return fmt.Errorf("the database has encoding %s: make one with ENCODING 'UTF8' TEMPLATE template0", f.encoding)
	case f.standby:
		return errors.New("the server is a standby, which cannot be written to: name the primary server")
	case careless:
		return nil
	case f.fsync != "on":
		return errors.New("the server has fsync=off and may lose what it said to have stored: set fsync=on")
	case f.synchronousCommit == "off":
		return errors.New("the server has synchronous_commit=off and may lose what it said to have stored: " +
			"set synchronous_commit=on for the server, the database and the role")
	}
	return nil
}
