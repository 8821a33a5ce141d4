package tidy

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

const decisionFolder = "documentation/decisions/"

var decisionName = regexp.MustCompile(`^(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md$`)

func TestDecisionPagesAreNumbered(t *testing.T) { holds(t, decisionPagesAreNumbered) }

func decisionPagesAreNumbered(r *repository) (findings []finding) {
	number := 0
	for _, name := range r.names {
		base, is := strings.CutPrefix(name, decisionFolder)
		if !is {
			continue
		}
		number++
		parts := decisionName.FindStringSubmatch(base)
		if parts == nil {
			findings = append(findings, finding{file: name, line: 1, text: "name it NNNN-title.md, in small letters"})
			continue
		}
		if expected := fmt.Sprintf("%04d", number); parts[1] != expected {
			findings = append(findings, finding{file: name, line: 1, text: fmt.Sprintf(
				"number %s stands where %s was expected: decisions are numbered without a gap", parts[1], expected)})
		}
		if text, _ := r.text(name); !strings.HasPrefix(text, "# ") {
			findings = append(findings, finding{file: name, line: 1, text: `a decision begins with "# " and its title`})
		}
	}
	return findings
}
