package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

const (
	// testTimeout is how long a test may run; beyond it a fault is caught.
	testTimeout = 120 * time.Second
	// killDelay is how long an interrupted command may take to clean up.
	killDelay = 5 * time.Second
)

// workshop is where faults are tried: a copy of the repository at root.
type workshop struct {
	root    string
	clock   clock.Clock
	out     io.Writer
	verbose bool

	// folder holds the copy and the test binaries. sound are the binaries of the
	// unchanged packages, by folder.
	folder string
	sound  map[string]string
}

func (w *workshop) copied(name string) string { return filepath.Join(w.folder, "copy", name) }

// try reports whether every fault was caught. An error says that something could
// not be tried.
func (w *workshop) try(ctx context.Context, faults []fault) (allCaught bool, err error) {
	began := w.clock.Now()
	if w.folder, err = os.MkdirTemp("", "sabotage-"); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(w.folder)) }()
	if err := copyRepository(ctx, w.root, w.copied("")); err != nil {
		return false, fmt.Errorf("copy the repository: %w", err)
	}
	if err := w.prove(ctx, faults); err != nil {
		return false, err
	}
	caught := 0
	var errs []error
	for i := range faults {
		noticed, err := w.tryOne(ctx, &faults[i])
		if ctx.Err() != nil {
			return false, fmt.Errorf("%w after %d of %d faults", ctx.Err(), i, len(faults))
		}
		if err != nil {
			fmt.Fprintf(w.out, "%-44s ERROR\n", faults[i].name)
			errs = append(errs, fmt.Errorf("%s: %w", faults[i].name, err))
		}
		if noticed {
			caught++
		}
	}
	fmt.Fprintf(w.out, "%d of %d faults caught in %.0f s\n", caught, len(faults), w.since(began).Seconds())
	return caught == len(faults), errors.Join(errs...)
}

// prove runs every test that a fault names on the unchanged code: it must pass.
func (w *workshop) prove(ctx context.Context, faults []fault) error {
	w.sound = make(map[string]string)
	passed := make(map[test]bool)
	for i := range faults {
		t := faults[i].test
		if passed[t] {
			continue
		}
		if err := t.find(w.copied("")); err != nil {
			return fmt.Errorf("%s: %w", faults[i].name, err)
		}
		if w.sound[t.folder] == "" {
			binary := filepath.Join(w.folder, fmt.Sprintf("sound-%d.test", len(w.sound)))
			if err := w.build(ctx, t.folder, binary); err != nil {
				return fmt.Errorf("the tests of %s without a fault: %w", t.folder, err)
			}
			w.sound[t.folder] = binary
		}
		result, err := w.runTest(ctx, t, w.sound[t.folder])
		if err == nil && result.verdict != passes {
			err = fmt.Errorf("it %s:\n%s", result.verdict, result.output)
		}
		if err != nil {
			return fmt.Errorf("%s without a fault: %w", t, err)
		}
		w.tell("%s passes without a fault in %s\n", t, result.duration)
		passed[t] = true
	}
	return nil
}

// tryOne reports whether the fault's test noticed it, and prints the verdict.
func (w *workshop) tryOne(ctx context.Context, f *fault) (noticed bool, err error) {
	files, err := f.apply(w.copied(""))
	if err != nil {
		return false, err
	}
	restore, err := w.replace(files)
	defer func() { err = errors.Join(err, restore()) }()
	if err != nil {
		return false, err
	}
	binary := filepath.Join(w.folder, "faulty.test")
	if err := w.build(ctx, f.test.folder, binary); err != nil {
		return false, err
	}
	result, err := w.runTest(ctx, f.test, binary)
	if err != nil {
		return false, err
	}
	if noticed = result.verdict != passes; noticed {
		how := ""
		if result.verdict != fails {
			how = ", which " + result.verdict.String() + ","
		}
		fmt.Fprintf(w.out, "%-44s caught by %s%s in %s\n", f.name, f.test.name, how, result.duration)
	} else {
		fmt.Fprintf(w.out, "%-44s NOT NOTICED by %s in %s\n", f.name, f.test.name, result.duration)
	}
	w.tell("    %s\n%s", f.meaning, indent(result.output))
	return noticed, nil
}

// replace writes files into the copy. restore is never nil.
func (w *workshop) replace(files map[string][]byte) (restore func() error, err error) {
	before := make(map[string][]byte, len(files))
	restore = func() (err error) {
		for name, data := range before {
			err = errors.Join(err, os.WriteFile(w.copied(name), data, 0o600))
		}
		return err
	}
	for name, data := range files {
		if before[name], err = os.ReadFile(w.copied(name)); err != nil {
			return restore, err
		}
		if err = os.WriteFile(w.copied(name), data, 0o600); err != nil {
			return restore, err
		}
	}
	return restore, nil
}

// build makes the test binary of a package. go test would do it too, but it ends
// alike when code does not compile and when a test fails.
func (w *workshop) build(ctx context.Context, folder, binary string) error {
	output, err := w.command(ctx, w.copied(""), "go", "test", "-c", "-o", binary, "./"+folder).CombinedOutput()
	if err != nil {
		return fmt.Errorf("it does not build: %w\n%s", err, output)
	}
	return nil
}

// command prepares a command that is interrupted, not killed, when ctx ends, so that
// it removes its temporary files.
func (w *workshop) command(ctx context.Context, folder, name string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = folder
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = killDelay
	return command
}

// verdict is how a test ended.
type verdict string

const (
	passes   verdict = "passes"
	fails    verdict = "fails"
	panics   verdict = "panics"
	timesOut verdict = "runs out of time"
)

func (v verdict) String() string { return string(v) }

// seconds is a duration that is printed with one decimal.
type seconds time.Duration

func (s seconds) String() string { return fmt.Sprintf("%.1f s", time.Duration(s).Seconds()) }

// result is what a run of a test came to.
type result struct {
	verdict  verdict
	duration seconds
	output   string
}

// runTest runs one test of a test binary as go test -count=1 does: in the folder of
// its package. The error tells that the test did not run, or that something else
// than the test failed.
func (w *workshop) runTest(ctx context.Context, t test, binary string) (result, error) {
	began := w.clock.Now()
	output, err := w.command(ctx, w.copied(t.folder), binary, "-test.v", "-test.paniconexit0",
		"-test.run="+t.pattern(), "-test.timeout="+testTimeout.String()).CombinedOutput()
	r := result{duration: seconds(w.since(began)), output: string(output)}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		return r, errors.Join(err, ctx.Err())
	}
	var ok bool
	if r.verdict, ok = judge(t.name, r.output, err == nil); !ok {
		return r, fmt.Errorf("%s neither passed nor failed:\n%s", t, output)
	}
	return r, nil
}

// judge reads the verdict from what go test -v prints; false when there is none.
func judge(name, output string, success bool) (verdict, bool) {
	lines := "\n" + output
	switch {
	case success:
		return passes, strings.Contains(lines, "--- PASS: "+name+" (")
	case strings.Contains(lines, "\npanic: test timed out after "):
		return timesOut, true
	case strings.Contains(lines, "\npanic: "), strings.Contains(lines, "\nfatal error: "):
		return panics, true
	}
	return fails, strings.Contains(lines, "--- FAIL: "+name+" (")
}

func (w *workshop) since(began inventory.Instant) time.Duration {
	return time.Duration(w.clock.Now() - began)
}

// tell prints what only -v shows.
func (w *workshop) tell(format string, arguments ...any) {
	if w.verbose {
		fmt.Fprintf(w.out, format, arguments...)
	}
}

// indent sets a text off.
func indent(text string) string {
	return "    | " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    | ") + "\n"
}
