package testserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// PostgresVariable names a server to use for [SharedPostgres].
const PostgresVariable = "TEST_DATABASE_URL"

// Postgres is a Postgres server.
type Postgres struct {
	bin, folder string
	account     *syscall.Credential
	settings    []string
	port        int
	process     *process
	// address is of a database that is there from the start.
	address string
}

var databaseSerial atomic.Int64

// Careless are settings of servers that neither crash nor are measured: they save a test
// the time of its syncs.
var Careless = []string{"fsync=off", "full_page_writes=off"}

// StartPostgres starts a server with these settings, each "name=value", for one test. It
// writes to the disk as a real one does, unless the settings say otherwise.
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	p, err := NewPostgres(settings...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// NewPostgres starts a server with these settings for whoever is no test. It is there
// until [Postgres.Close].
func NewPostgres(settings ...string) (*Postgres, error) {
	bin, err := postgresProgram.locate()
	if err != nil {
		return nil, err
	}
	account, err := unprivileged()
	if err != nil {
		return nil, err
	}
	folder, err := newFolder(account)
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, folder: folder, account: account, settings: settings}
	if err := p.tool("initdb", "--pgdata", p.data(), "--username", "holdfast", "--auth", "trust", "--encoding", "UTF8",
		"--locale", "C", "--no-sync", "--no-instructions"); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		if p.port, err = freePort(); err == nil {
			err = p.start()
		}
		if err == nil || try == startsMax {
			return p, err
		}
	}
}

func (p *Postgres) data() string { return filepath.Join(p.folder, "data") }
func (p *Postgres) log() string  { return filepath.Join(p.folder, "log") }

// tool runs one of Postgres's programs to its end.
func (p *Postgres) tool(name string, arguments ...string) error {
	_, err := p.Tool("", name, arguments...)
	return err
}

// Tool runs one of the programs that come with the server, with the text as its input, and
// returns what it prints.
func (p *Postgres) Tool(input, name string, arguments ...string) (string, error) {
	command := exec.Command(filepath.Join(p.bin, name), arguments...)
	command.Dir, command.Stdin = p.folder, strings.NewReader(input)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: p.account}
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, tail(output))
	}
	return string(output), nil
}

// start starts the server on its port and waits until it answers.
func (p *Postgres) start() (err error) {
	arguments := []string{"-D", p.data(), "-p", strconv.Itoa(p.port)}
	for _, setting := range append([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"}, p.settings...) {
		arguments = append(arguments, "-c", setting)
	}
	// SIGQUIT ends the server and all its children at once.
	if p.process, err = run(p.account, syscall.SIGQUIT, p.log(), filepath.Join(p.bin, "postgres"), arguments...); err != nil {
		return err
	}
	p.address = fmt.Sprintf("postgres://holdfast@127.0.0.1:%d/postgres?sslmode=disable", p.port)
	return p.process.awaitReady(p.log(), func(ctx context.Context) error {
		return p.execute(ctx, "SELECT 1")
	})
}

// Execute runs one statement in the database at an address.
func Execute(t testing.TB, address, statement string) {
	t.Helper()
	require.NoError(t, execute(t.Context(), address, statement))
}

// execute runs one statement on a connection of its own.
func (p *Postgres) execute(ctx context.Context, statement string) error {
	return execute(ctx, p.address, statement)
}

func execute(ctx context.Context, address, statement string) error {
	connection, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	_, err = connection.Exec(ctx, statement)
	return errors.Join(err, connection.Close(ctx))
}

// NewDatabase makes an empty database and returns its address. It goes with the test.
func (p *Postgres) NewDatabase(t testing.TB) string {
	t.Helper()
	address, err := p.CreateDatabase(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		// A test may have left the server stopped; then it goes with its folder.
		_ = p.DropDatabase(context.Background(), address)
	})
	return address
}

// CreateDatabase makes an empty database and returns its address.
func (p *Postgres) CreateDatabase(ctx context.Context) (string, error) {
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databaseSerial.Add(1))
	if err := p.execute(ctx, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", fmt.Errorf("create a database: %w", err)
	}
	address, err := url.Parse(p.address)
	if err != nil {
		return "", err
	}
	address.Path = "/" + name
	return address.String(), nil
}

// DropDatabase removes a database that [Postgres.CreateDatabase] has made, and cuts the
// connections to it.
func (p *Postgres) DropDatabase(ctx context.Context, address string) error {
	database, err := url.Parse(address)
	if err != nil {
		return err
	}
	return p.execute(ctx, "DROP DATABASE "+strings.TrimPrefix(database.Path, "/")+" WITH (FORCE)")
}

// Texts returns the first column of what the statement finds in a database.
func (p *Postgres) Texts(t testing.TB, address, statement string) []string {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	rows, err := connection.Query(t.Context(), statement)
	require.NoError(t, err)
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NoError(t, connection.Close(t.Context()))
	return texts
}

// Stop stops the server as pg_ctl does, in one of its modes: smart, fast or immediate.
func (p *Postgres) Stop(t testing.TB, mode string) {
	t.Helper()
	require.NoError(t, p.tool("pg_ctl", "stop", "--pgdata", p.data(), "--mode", mode, "--wait", "--silent"))
	<-p.process.done
}

// Pause stops the server and all its backends from running, and returns what lets them
// go on.
func (p *Postgres) Pause(t testing.TB) (resume func()) {
	t.Helper()
	resume, err := p.Freeze()
	require.NoError(t, err)
	return resume
}

// Freeze is [Postgres.Pause] for whoever is no test.
func (p *Postgres) Freeze() (resume func(), err error) {
	parent := p.process.command.Process.Pid
	// First the parent, which could start another backend meanwhile.
	members := []int{parent}
	resume = func() {
		for _, pid := range members {
			_ = syscall.Kill(pid, syscall.SIGCONT) // a backend may be gone
		}
	}
	if err := syscall.Kill(parent, syscall.SIGSTOP); err != nil {
		return nil, fmt.Errorf("stop Postgres: %w", err)
	}
	backends, err := children(parent)
	if err != nil {
		resume()
		return nil, err
	}
	for _, pid := range backends {
		members = append(members, pid)
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil && !errors.Is(err, syscall.ESRCH) {
			resume()
			return nil, fmt.Errorf("stop a backend of Postgres: %w", err)
		}
	}
	return resume, nil
}

// Start starts a server that was stopped, on its port and with what it has.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	require.NoError(t, p.start())
}

// Close ends the server at once and removes what it has.
func (p *Postgres) Close() error {
	_ = p.process.signal(syscall.SIGQUIT) // it may have ended
	_ = p.process.signal(syscall.SIGCONT)
	<-p.process.done
	return os.RemoveAll(p.folder)
}

// children returns the processes that the process has started.
func children(pid int) (pids []int, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			return nil, err
		}
		for number := range splitFields(text) {
			pids = append(pids, number)
		}
	}
	return pids, nil
}
