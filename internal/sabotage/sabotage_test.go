package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
)

// The table fits the code: every text to replace occurs once, and every test is
// there. Whether the faults are caught is for `make sabotage` to say.
func TestTableIsNotStale(t *testing.T) {
	root, err := findRoot(".")
	require.NoError(t, err)
	code := allCode(t, root)
	names := map[string]bool{}
	for _, f := range faults() {
		assert.Regexp(t, regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`), f.name)
		assert.False(t, names[f.name], "%s: two faults have this name", f.name)
		names[f.name] = true
		assert.True(t, strings.HasSuffix(f.meaning, "."), "%s: its meaning is a sentence", f.name)
		assert.NotEmpty(t, f.substitutions, f.name)
		_, err := f.apply(root)
		assert.NoError(t, err, f.name)
		assert.NoError(t, f.test.find(root), f.name)
		if _, subtest, ok := strings.Cut(f.test.name, "/"); ok {
			assert.Contains(t, code, `"`+subtest+`"`, "%s: no code names the subtest", f.name)
		}
	}
}

// allCode is all Go of the repository but this package.
func allCode(t *testing.T, root string) string {
	names, err := listFiles(t.Context(), root)
	require.NoError(t, err)
	var code strings.Builder
	for _, name := range names {
		if strings.HasSuffix(name, ".go") && !strings.HasPrefix(name, "internal/sabotage/") {
			data, err := os.ReadFile(filepath.Join(root, name))
			if err == nil {
				code.Write(data)
			}
		}
	}
	return code.String()
}

// tiny is a module with two functions, of which one is tested.
var tiny = map[string]string{
	"go.mod":           "module tiny\n\ngo 1.26\n",
	"bin/ignored":      "not copied\n",
	"sum/sum.go":       "package sum\n\nfunc add(a, b int) int { return a + b }\n\nfunc sub(a, b int) int { return a - b }\n",
	"sum/sum_test.go":  "package sum\n\nimport \"testing\"\n\n" + tinyTests,
	"sum/testdata/two": "2",
}

const tinyTests = `func TestAdd(t *testing.T) {
	t.Run("small", func(t *testing.T) {
		if add(1, 2) != 3 {
			t.Error("1 + 2 is not 3")
		}
	})
}

func TestNothing(t *testing.T) { _ = sub(1, 2) }

func TestSkipped(t *testing.T) { t.Skip("not today") }

func TestBroken(t *testing.T) { t.Error("always") }
`

// tinyFault replaces a text of the tiny module.
func tinyFault(name, old, replacement, testName string) fault {
	return fault{name: name, meaning: "A fault.", substitutions: []substitution{{"sum/sum.go", old, replacement}}, test: in("sum", testName)}
}

// try runs the faults on a fresh tiny module.
func try(t *testing.T, faults ...fault) (caught bool, printed string, err error) {
	root := t.TempDir()
	for name, text := range tiny {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	w := workshop{root: root, clock: clock.NewSystem(), out: &out}
	caught, err = w.try(t.Context(), faults)
	for name, text := range tiny {
		data, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, text, string(data), "the repository was touched")
	}
	left, readErr := os.ReadDir(os.TempDir())
	require.NoError(t, readErr)
	require.Empty(t, left, "the copy was not removed")
	return caught, out.String(), err
}

func TestCaughtAndUnnoticedFaults(t *testing.T) {
	caught, printed, err := try(t,
		tinyFault("adds-wrongly", "a + b", "a - b", "TestAdd/small"),
		tinyFault("subtracts-wrongly", "a - b", "a + b", "TestNothing"),
		tinyFault("panics", "return a + b", `panic("no")`, "TestAdd"))
	require.NoError(t, err)
	require.False(t, caught)
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	require.Len(t, lines, 4)
	require.Regexp(t, `^adds-wrongly +caught by TestAdd/small in [0-9.]+ s$`, lines[0])
	require.Regexp(t, `^subtracts-wrongly +NOT NOTICED by TestNothing in [0-9.]+ s$`, lines[1])
	require.Regexp(t, `^panics +caught by TestAdd, which panics, in [0-9.]+ s$`, lines[2])
	require.Regexp(t, `^2 of 3 faults caught in [0-9]+ s$`, lines[3])
}

// What says nothing about the tests is an error and no catch; the other faults are
// tried all the same.
func TestErrorsAreNotCatches(t *testing.T) {
	caught, printed, err := try(t,
		tinyFault("stale", "a * b", "a / b", "TestAdd"),
		tinyFault("ambiguous", "int", "int64", "TestAdd"),
		tinyFault("does-not-compile", "a + b", "a + c", "TestAdd"),
		tinyFault("good", "a + b", "a - b", "TestAdd"))
	require.False(t, caught)
	require.ErrorIs(t, err, errStale)
	require.ErrorContains(t, err, "occurs 0 times")
	require.ErrorContains(t, err, "occurs 4 times")
	require.ErrorContains(t, err, "undefined: c")
	require.Contains(t, printed, "caught by TestAdd in ")
	require.Contains(t, printed, "1 of 4 faults caught")
}

// A test that does not run, or fails without the fault, proves nothing.
func TestUselessTestsAreErrors(t *testing.T) {
	for test, says := range map[string]string{
		"TestMissing": "there is no test", "TestAdd/missing": "neither passed nor failed",
		"TestSkipped": "neither passed nor failed", "TestBroken": "it fails",
	} {
		_, printed, err := try(t, tinyFault("any", "a + b", "a - b", test))
		require.ErrorContains(t, err, says, test)
		require.Empty(t, printed, test)
	}
}

func TestVerdicts(t *testing.T) {
	for output, want := range map[string]verdict{
		"--- PASS: TestA (0.00s)\nPASS\n":                                               passes,
		"    --- FAIL: TestA (0.00s)\nFAIL\n":                                           fails,
		"panic: test timed out after 2m0s\n\trunning tests:\n":                          timesOut,
		"--- FAIL: TestA (0.00s)\npanic: no [recovered, repanicked]\n":                  panics,
		"fatal error: all goroutines are asleep - deadlock!\n":                          panics,
		"--- FAIL: TestA (0.00s)\n    a_test.go:1: panic: is only what the test said\n": fails,
	} {
		got, ok := judge("TestA", output, strings.Contains(output, "PASS"))
		assert.True(t, ok, output)
		assert.Equal(t, want, got, output)
	}
	for output, success := range map[string]bool{
		"testing: warning: no tests to run\nPASS\n": true, "--- PASS: TestAB (0.00s)\nPASS\n": true,
		"PASS\ngoleak: Errors on successful test run: found unexpected goroutines\n": false,
	} {
		_, ok := judge("TestA", output, success)
		assert.False(t, ok, output)
	}
}

func TestFaultsAreSelectedByName(t *testing.T) {
	selected, err := selectFaults(faults(), "^retry-failed-sync$")
	require.NoError(t, err)
	require.Len(t, selected, 1)
	_, err = selectFaults(faults(), "nothing is called so")
	require.Error(t, err)
	_, err = selectFaults(faults(), "(")
	require.Error(t, err)
}

// An interrupt ends the command, with nothing left behind.
func TestInterrupt(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	root, err := findRoot(".")
	require.NoError(t, err)
	t.Chdir(root)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitError, run(ctx, nil, &stdout, &stderr))
	require.Contains(t, stderr.String(), "context canceled")
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left)
	require.Equal(t, exitUsage, run(t.Context(), []string{"-run", "("}, &stdout, &stderr))
	require.Equal(t, exitUsage, run(t.Context(), []string{"all"}, &stdout, &stderr))
}
