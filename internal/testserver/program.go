package testserver

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Programs that tests of the pages run.
var (
	browserProgram = program{"chromium", "chromium", []string{"/usr/bin", "/usr/lib/chromium", "/opt/homebrew/bin"}}
	nodeProgram    = program{"node", "nodejs", []string{"/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"}}
	npmProgram     = program{"npm", "npm", []string{"/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"}}
)

// Browser returns the path of a Chromium, which is installed when it is missing.
func Browser(t testing.TB) string { t.Helper(); return browserProgram.path(t) }

// Node returns the path of Node, which runs scripts outside of a browser, and is installed
// when it is missing.
func Node(t testing.TB) string { t.Helper(); return nodeProgram.path(t) }

// NPM returns the path of the package manager of Node, which is installed when it is missing.
func NPM(t testing.TB) string { t.Helper(); return npmProgram.path(t) }

func (p *program) path(t testing.TB) string {
	t.Helper()
	folder, err := p.locate()
	require.NoError(t, err)
	return filepath.Join(folder, p.name)
}
