package tidy

import (
	"go/ast"
	"slices"
	"testing"
)

func TestTestsNeverSkipOrSleep(t *testing.T) { holds(t, testsNeverSkipOrSleep) }

// testsNeverSkipOrSleep looks at tests and at the suites that they call.
func testsNeverSkipOrSleep(r *repository) (findings []finding) {
	for _, s := range r.sources {
		if !s.helpsTests() {
			continue
		}
		for use, name := range s.uses(s.tree, "time") {
			if name == "Sleep" {
				findings = append(findings, r.at(use, "time.Sleep",
					"time.Sleep: wait for the event itself, on a channel or with a deadline; or own the time with clock.Manual"))
			}
		}
		for use, name := range s.uses(s.tree, "testing") {
			if name == "Short" {
				findings = append(findings, r.at(use, "testing.Short",
					"testing.Short: a test does the same on every run; make it fast enough"))
			}
		}
		for _, call := range skips(s.tree) {
			findings = append(findings, r.at(call, "Skip",
				"a test is skipped: let it pass or fail; what it needs is made or installed, draws that do not fit are not drawn"))
		}
	}
	return findings
}

// skips are the calls of methods Skip, Skipf and SkipNow, whatever they belong to.
func skips(file *ast.File) (calls []*ast.CallExpr) {
	ast.Inspect(file, func(node ast.Node) bool {
		if call, is := node.(*ast.CallExpr); is {
			method, is := call.Fun.(*ast.SelectorExpr)
			if is && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, method.Sel.Name) {
				calls = append(calls, call)
			}
		}
		return true
	})
	return calls
}
