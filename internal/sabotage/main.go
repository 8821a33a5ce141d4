// Command sabotage breaks the code on purpose, one fault at a time, and expects
// the tests to notice. It tests the tests: one that cannot fail proves nothing.
//
// # Model
//
// A [fault] is a mistake that somebody could make, such as an answer before the
// sync. It is written down as text to replace and as the one test that is there to
// notice it; several faults may name the same test.
//
//	copy the repository
//	  └▶ every named test, unchanged code ──▶ must pass
//	  └▶ each fault: replace ──▶ build ──▶ its test ──▶ must fail ──▶ restore
//
// All of it happens in a copy of what git has or would take, made once in a
// temporary folder: the working tree is never touched, and may be edited
// meanwhile. The copy is removed at the end, also after an interrupt.
//
// # Verdicts
//
// A fault is caught when its test fails, panics or runs out of time. It is not
// noticed when the test passes. Everything else says nothing about the tests and is
// an error: text that does not occur exactly once (the table is stale), code that
// does not build, a test that does not exist or fails without the fault.
//
// The exit code is 0 only when every fault is caught.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"

	"holdfast/internal/clock"
)

// The exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the command; it returns the exit code.
func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sabotage", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pattern := flags.String("run", "", "only the faults whose name matches this regular expression")
	verbose := flags.Bool("v", false, "tell what each fault means and what its test said")
	if err := flags.Parse(arguments); err != nil {
		return exitUsage
	}
	selected, err := selectFaults(faults(), *pattern)
	if flags.NArg() > 0 {
		err = fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "sabotage:", err)
		return exitUsage
	}
	root, err := findRoot(".")
	if err != nil {
		fmt.Fprintln(stderr, "sabotage:", err)
		return exitError
	}
	w := workshop{root: root, clock: clock.NewSystem(), out: stdout, verbose: *verbose}
	caught, err := w.try(ctx, selected)
	if err != nil {
		fmt.Fprintln(stderr, "sabotage:", err)
	}
	if err != nil || !caught {
		return exitError
	}
	return exitOK
}

// selectFaults returns those whose name matches the pattern.
func selectFaults(all []fault, pattern string) ([]fault, error) {
	expression, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	var selected []fault
	for _, f := range all {
		if expression.MatchString(f.name) {
			selected = append(selected, f)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("no fault matches %q", pattern)
	}
	return selected, nil
}

// findRoot returns the folder of the module that a folder is in.
func findRoot(folder string) (string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	for at := folder; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not inside a Go module", folder)
		}
	}
}
