package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"holdfast/internal/clock"
	"holdfast/internal/password"
	"holdfast/persistence"
)

// The exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
	// exitCorrupt is EX_CONFIG of sysexits.h: a restart does not help, so service
	// managers are told apart from a failure that may pass.
	exitCorrupt = 78
)

// program is what every command works with.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	clock          clock.Guarded
	// log and options are set once the command line is parsed.
	log     *slog.Logger
	options *globalOptions
}

func main() {
	password.Work()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks, the second one ends the process at once.
	context.AfterFunc(ctx, stop)
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, clock: clock.NewSystem()}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// run parses the arguments, runs the command and returns the exit code.
func (p *program) run(ctx context.Context, arguments []string) int {
	var line commandLine
	parsed, done, err := p.parse(&line, arguments)
	if done {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "holdfast: %v\nTry \"holdfast --help\".\n", err)
		return exitUsage
	}
	p.options = &line.globalOptions
	p.log = newLogger(p.stderr, p.options)
	for _, name := range unknownVariables(parsed.Model.Node, os.Environ()) {
		p.log.Warn("an environment variable is not known and has no effect", "name", name)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err = parsed.Run(p); err != nil {
		fmt.Fprintf(p.stderr, "holdfast: %v\n", err)
	}
	return exitCode(err)
}

// usageError is an error of whoever called the program.
type usageError struct{ reason string }

func (e *usageError) Error() string { return e.reason }

func usagef(format string, arguments ...any) error {
	return &usageError{reason: fmt.Sprintf(format, arguments...)}
}

func exitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, persistence.ErrCorrupt):
		return exitCorrupt
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitError
}
