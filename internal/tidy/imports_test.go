package tidy

import (
	"go/ast"
	"iter"
	"slices"
	"strings"
	"testing"
)

func TestImportGraph(t *testing.T) {
	t.Run("walls", func(t *testing.T) { holds(t, theWalls.check) })
	t.Run("libraries", func(t *testing.T) { holds(t, theLibraries.check) })
	t.Run("domain", func(t *testing.T) { holds(t, domainIsPure) })
	t.Run("drivers", func(t *testing.T) { holds(t, noDriverBehindTheEngine) })
	t.Run("hollywood", func(t *testing.T) { holds(t, hollywoodIsHidden) })
	t.Run("unsafe", func(t *testing.T) { holds(t, hollywoodIsUsedSafely) })
}

// within reports whether a package is one of patterns, where x/... is x and all
// below it, and ... is everything.
func within(pkg string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		folder, all := strings.CutSuffix(pattern, "...")
		folder = strings.TrimSuffix(folder, "/")
		return pkg == folder || all && (folder == "" || strings.HasPrefix(pkg, folder+"/"))
	})
}

// ours is the folder of a package of this module.
func ours(imported string) (folder string, is bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// isStandard reports whether a package comes with Go.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// impure are packages of the standard library with which a decision could depend on
// more than its arguments.
var impure = []string{
	"context/...", "crypto/rand", "database/...", "io/...", "log/...", "math/rand/...",
	"net/...", "os/...", "runtime/...", "sync/...", "syscall/...", "time/...",
}

func domainIsPure(r *repository) (findings []finding) {
	for spec, imported := range importsOf(r.packages()["inventory"]) {
		switch {
		case within(imported, impure):
			findings = append(findings, r.at(spec, imported,
				"inventory imports %s: the domain has no clock, I/O, goroutine or lock; hand in what it needs", imported))
		case !isStandard(imported):
			findings = append(findings, r.at(spec, imported,
				"inventory imports %s: the domain knows only the standard library", imported))
		}
	}
	return findings
}

// drivers speak to a database. Only a Store or Cache below persistence may know one.
var drivers = []string{
	"database/sql/...", "modernc.org/sqlite/...", "github.com/jackc/...", "github.com/lib/pq/...",
	"github.com/mattn/go-sqlite3/...", "github.com/pressly/goose/...", "github.com/redis/...",
}

// noDriverBehindTheEngine follows the imports of actors and api, through packages of
// ours, to the drivers. A package that imports drivers is told once.
func noDriverBehindTheEngine(r *repository) (findings []finding) {
	packages := r.packages()
	for _, start := range []string{"actors", "api"} {
		routes, told := map[string]string{start: start}, map[string]bool{}
		for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
			from := queue[0]
			for spec, imported := range importsOf(packages[from]) {
				route := routes[from] + " → " + imported
				if within(imported, drivers) && !told[from] {
					told[from] = true
					findings = append(findings, r.at(spec, imported,
						"%s: no driver is reachable from %s; ask the contract in persistence", route, start))
				}
				if folder, is := ours(imported); is && routes[folder] == "" {
					routes[folder], queue = route, append(queue, folder)
				}
			}
		}
	}
	return findings
}

// importsOf are the imports of a package without its tests.
func importsOf(sources []*source) iter.Seq2[*ast.ImportSpec, string] {
	return func(yield func(*ast.ImportSpec, string) bool) {
		for _, s := range sources {
			if s.isTest() {
				continue
			}
			for spec, imported := range s.imports() {
				if !yield(spec, imported) {
					return
				}
			}
		}
	}
}
