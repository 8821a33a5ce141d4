package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Bounds of connections.
const (
	// projectorsMax is one connection for a run, and one to ask what became of it or to
	// purge keys; writersMax is how many changes of accounts and catalogue, and
	// readersMax how many queries run at a time. More wait their turn.
	projectorsMax = 2
	writersMax    = 2
	readersMax    = 8
	// connectMax is how long a new connection may take, acquireMax how long a call
	// waits for its turn.
	connectMax = 5 * time.Second
	acquireMax = 10 * time.Second
	// connectionAgeMax and connectionIdleMax end connections: servers behind one name
	// change.
	connectionAgeMax  = time.Hour
	connectionIdleMax = 5 * time.Minute
)

// Bounds of statements. The server keeps statementMax, lockMax and idleMax; stepMax is
// for a server that does not answer at all.
const (
	statementMax = 60 * time.Second
	stepSpare    = 15 * time.Second
	stepMax      = statementMax + stepSpare
	// runMax is that of a statement of Project, whose caller knows how long it waits: a
	// large run is not ended before it.
	runMax = 20 * time.Minute
	// visitMax is how long a visit of a whole table may take, its visitor included.
	visitMax = time.Hour
	// lockMax is how long a statement waits for another session's lock.
	lockMax = 5 * time.Second
	// idleMax ends a transaction whose program does nothing: what it had locked is free
	// again some time after a network broke in its middle.
	idleMax = 10 * time.Second
)

// keepAlive finds out, in half a minute, that a server is gone which did not say so.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// parseAddress reads an address of the form postgres://user:password@host:port/database
// and sets the bounds. What the address says about timeouts and its name counts.
func parseAddress(address string) (*pgxpool.Config, error) {
	// The error of url.Parse has the whole address in it, and what is no URL has its
	// password anywhere: neither is repeated.
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "postgres" && parsed.Scheme != "postgresql" {
		return nil, errors.New("the address is not of the form postgres://user:password@host:port/database, " +
			"with special characters of the password written as %XX")
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, errors.New(redact(err.Error(), parsed))
	}
	config.MaxConnLifetime, config.MaxConnIdleTime = connectionAgeMax, connectionIdleMax
	config.MinConns, config.MinIdleConns = 0, 0
	connection := config.ConnConfig
	connection.ConnectTimeout = connectMax
	connection.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	connection.DialFunc = (&net.Dialer{Timeout: connectMax, KeepAliveConfig: keepAlive}).DialContext
	parameters := connection.RuntimeParams
	for name, value := range map[string]string{
		"application_name": "holdfast", "statement_timeout": milliseconds(statementMax), "lock_timeout": milliseconds(lockMax),
		"idle_in_transaction_session_timeout": milliseconds(idleMax)} {
		if parameters[name] == "" {
			parameters[name] = value
		}
	}
	parameters["timezone"] = "UTC"
	return config, nil
}

// milliseconds is a duration as Postgres's settings have it.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// redact takes the password out of a text, in every form that the address has it in.
func redact(text string, address *url.URL) string {
	password, _ := address.User.Password()
	_, written, _ := strings.Cut(address.User.String(), ":")
	for _, secret := range []string{address.String(), password, written, address.Query().Get("password"), address.Query().Get("sslpassword")} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return text
}

// pool returns a copy of a configuration for at most so many connections.
func pool(config *pgxpool.Config, connections int32) *pgxpool.Config {
	config = config.Copy()
	config.MaxConns = connections
	return config
}

// projectorsPool is pool for the projection, whose statements may take longer unless the
// address says otherwise.
func projectorsPool(config *pgxpool.Config) *pgxpool.Config {
	config = pool(config, projectorsMax)
	parameters := config.ConnConfig.RuntimeParams
	if parameters["statement_timeout"] == milliseconds(statementMax) {
		parameters["statement_timeout"] = milliseconds(runMax)
	}
	return config
}

// where says which server and database a configuration is for.
func where(config *pgxpool.Config) string {
	return fmt.Sprintf("%s on %s:%d", config.ConnConfig.Database, config.ConnConfig.Host, config.ConnConfig.Port)
}
