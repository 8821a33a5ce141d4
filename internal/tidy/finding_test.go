package tidy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// finding is a place that breaks a rule.
type finding struct {
	file string
	line int
	what string // the thing in that file, for exemptions
	text string // what is wrong, and what to do
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.text) }

// exemptions are what a rule lets pass, as "file what", with the reasons.
type exemptions map[string]string

// apply takes out what is exempt, and adds what does not need its exemption.
func (e exemptions) apply(findings []finding) []finding {
	used := map[string]bool{}
	kept := slices.DeleteFunc(findings, func(f finding) bool {
		key := f.file + " " + f.what
		_, exempt := e[key]
		used[key] = true
		return exempt
	})
	for key := range e {
		if !used[key] {
			file, what, _ := strings.Cut(key, " ")
			kept = append(kept, finding{file: file, line: 1,
				text: fmt.Sprintf("the exemption of %s is not needed any more: remove it from internal/tidy", what)})
		}
	}
	return kept
}

// holds fails the test with everything that breaks the rule in this repository.
func holds(t *testing.T, rule func(*repository) []finding) {
	t.Helper()
	repository, err := here()
	if err != nil {
		t.Fatal(err)
	}
	if findings := sorted(rule(repository)); len(findings) > 0 {
		t.Errorf("%d to mend:\n%s", len(findings), strings.Join(findings, "\n"))
	}
}

func sorted(findings []finding) []string {
	slices.SortFunc(findings, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.file, b.file), cmp.Compare(a.line, b.line), strings.Compare(a.text, b.text))
	})
	var lines []string
	for _, f := range findings {
		lines = append(lines, f.String())
	}
	return lines
}
