package tidy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// topFolders are all that the top level may have; each is in the design's layers.
var topFolders = []string{
	".ci", "actors", "api", "bench", "cmd", "deploy", "documentation", "internal",
	"inventory", "migrations", "persistence", "tools",
}

func TestFoldersAreListed(t *testing.T) { holds(t, foldersAreListed) }

func foldersAreListed(r *repository) (findings []finding) {
	seen := map[string]bool{}
	for _, name := range r.names {
		folder, _, inFolder := strings.Cut(name, "/")
		if inFolder && !seen[folder] && !slices.Contains(topFolders, folder) {
			findings = append(findings, finding{file: name, line: 1, what: folder, text: fmt.Sprintf(
				"%s is a new folder at the top: move it into one of %s, or add it to topFolders in internal/tidy",
				folder, strings.Join(topFolders, ", "))})
		}
		seen[folder] = true
	}
	return findings
}
