package tidy

import (
	"regexp"
	"slices"
	"testing"
)

// machine is what is true on one machine only: an absolute path into somebody's
// folders, or the host that packages were taken from. It does not match itself.
var machine = regexp.MustCompile(`(?:^|[^\w.~/-])/(?:root|home|work|Users)/` +
	`|\bGO[P]ROXY\b|\bgoproxy\.[a-z]+` +
	`|\b(?:proxy|sum)\.golang\.org\b` +
	`|\bregistry\.npmjs\.org\b|\bfiles\.pythonhosted\.org\b|\bpypi\.org\b|\bartifactory\b`)

func TestNoMachinePaths(t *testing.T) { holds(t, noMachinePaths) }

func noMachinePaths(r *repository) []finding {
	return grep(r, slices.Clone(r.names), machine,
		"name no folder or package host of a machine: take it from a flag, the environment or a relative path")
}
