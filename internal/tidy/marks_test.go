package tidy

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mark is a word with which work is put off. It does not match itself.
var mark = regexp.MustCompile(`\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b`)

// written are the kinds of files that people write.
var written = []string{".go", ".md", ".sql", ".yml", ".yaml", "Makefile"}

func TestNoMarks(t *testing.T) { holds(t, noMarks) }

func noMarks(r *repository) []finding {
	names := slices.DeleteFunc(slices.Clone(r.names), func(name string) bool {
		return !slices.Contains(written, path.Ext(name)) && !slices.Contains(written, path.Base(name))
	})
	return grep(r, names, mark, "do it now, or describe it where work is planned")
}

// grep finds a pattern in files.
func grep(r *repository, names []string, pattern *regexp.Regexp, advice string) (findings []finding) {
	for _, name := range names {
		text, _ := r.text(name)
		number := 0
		for line := range strings.Lines(text) {
			number++
			for _, match := range pattern.FindAllString(line, -1) {
				match = strings.TrimSpace(match)
				findings = append(findings, finding{file: name, line: number, what: match,
					text: fmt.Sprintf("%q: %s", match, advice)})
			}
		}
	}
	return findings
}
