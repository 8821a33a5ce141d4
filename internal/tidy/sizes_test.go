package tidy

import (
	"fmt"
	"testing"
)

const (
	fileLinesMax     = 400
	testFileLinesMax = 600
	functionLinesMax = 70
)

// large are files ("path file") and functions ("path name") that may be larger, and
// why they are better in one piece.
var large = exemptions{
	"inventory/take_test.go TestDecideTake": "a table of cases",
}

func TestSizes(t *testing.T) {
	holds(t, func(r *repository) []finding { return large.apply(sizes(r)) })
}

func sizes(r *repository) (findings []finding) {
	for _, s := range r.sources {
		most := fileLinesMax
		if s.isTest() {
			most = testFileLinesMax
		}
		if lines := s.lines(); lines > most {
			findings = append(findings, finding{file: s.name, line: most + 1, what: "file", text: fmt.Sprintf(
				"the file has %d lines, more than %d: move a noun into a file of its own, or give a reason in large of internal/tidy",
				lines, most)})
		}
		for function, name := range s.functions() {
			lines := r.positions.Position(function.End()).Line - r.positions.Position(function.Pos()).Line + 1
			if lines > functionLinesMax {
				findings = append(findings, r.at(function, name,
					"%s has %d lines, more than %d: divide it, or give a reason in large of internal/tidy",
					name, lines, functionLinesMax))
			}
		}
	}
	return findings
}
