package tidy

import "fmt"

// wall says which packages of ours a package may import. It is the code map of
// documentation/core.md.
type wall struct {
	pkg     string   // x/... is x and all below it
	imports []string // in the code and in its tests
	tests   []string // in its tests only
}

type walls []wall

// theWalls are searched from the top; the first row that fits counts.
var theWalls = walls{
	{pkg: "inventory"},
	{pkg: "migrations"},
	// A token names a role of the accounts.
	{pkg: "internal/token", imports: []string{"inventory", "persistence", "internal/..."}},
	{pkg: "internal/...", imports: []string{"inventory", "internal/..."}},

	{pkg: "persistence", imports: []string{"inventory"}},
	{pkg: "persistence/journal", imports: []string{"inventory", "persistence", "internal/clock"},
		tests: []string{"persistence/journal/crashfs"}},
	{pkg: "persistence/journal/crashfs", imports: []string{"persistence/journal"}},
	{pkg: "persistence/postgres", imports: []string{"inventory", "persistence", "migrations", "internal/walk"},
		tests: []string{"persistence/persistencetest", "internal/testserver"}},
	{pkg: "persistence/sqlite", imports: []string{"inventory", "persistence", "migrations", "internal/walk"},
		tests: []string{"persistence/persistencetest"}},
	{pkg: "persistence/hints", imports: []string{"inventory", "persistence"}},
	{pkg: "persistence/local", imports: []string{"inventory", "persistence", "persistence/hints", "internal/clock"},
		tests: []string{"persistence/persistencetest"}},
	{pkg: "persistence/redis", imports: []string{"inventory", "persistence", "persistence/hints", "internal/clock"},
		tests: []string{"persistence/persistencetest", "internal/testserver"}},
	{pkg: "persistence/persistencetest", imports: []string{"inventory", "persistence"}},

	{pkg: "actors", imports: []string{"inventory", "persistence", "internal/..."},
		tests: []string{"persistence/journal/...", "persistence/local", "persistence/persistencetest",
			"persistence/postgres", "persistence/sqlite"}},
	{pkg: "api/client"},
	{pkg: "api/pages", tests: []string{"internal/testserver"}},
	{pkg: "api/ticker", imports: []string{"inventory", "persistence", "internal/clock"},
		tests: []string{"persistence/hints", "persistence/local", "persistence/persistencetest"}},
	// Its tests speak to the real hub.
	{pkg: "api/client/ticker", tests: []string{"inventory", "internal/clock", "api/ticker"}},
	{pkg: "api", imports: []string{"inventory", "persistence", "actors", "api/pages", "api/ticker", "internal/..."},
		tests: []string{"persistence/local", "persistence/persistencetest", "persistence/postgres", "persistence/redis", "persistence/sqlite"}},

	// Everything, but for the suites that only tests need and for bench.
	{pkg: "cmd/holdfast", imports: []string{"inventory", "migrations", "persistence", "persistence/journal",
		"persistence/local", "persistence/postgres", "persistence/redis", "persistence/sqlite", "actors", "api", "api/ticker", "internal/..."},
		tests: []string{"persistence/persistencetest"}},

	// Beside the product: it knows the API from outside.
	{pkg: "bench/...", imports: []string{"bench/...", "api/client/...", "internal/clock", "internal/progress", "internal/retail/...", "internal/testserver"}},
	{pkg: "cmd/holdfast-bench", imports: []string{"bench/..."}},
	// What others may begin with, from outside.
	{pkg: "documentation/examples/...", imports: []string{"api/client/..."}},
}

// row is the index of the row of a package, or -1.
func (w walls) row(pkg string) int {
	for i, row := range w {
		if within(pkg, []string{row.pkg}) {
			return i
		}
	}
	return -1
}

func (w walls) check(r *repository) (findings []finding) {
	used := map[int]bool{}
	for folder, sources := range r.packages() {
		i := w.row(folder)
		used[i] = true
		if i < 0 {
			findings = append(findings, r.at(sources[0].tree.Name, folder,
				"package %s is in no row: add it to theWalls in internal/tidy and to documentation/core.md §4", folder))
			continue
		}
		for _, s := range sources {
			findings = append(findings, w[i].check(r, s)...)
		}
	}
	for i, row := range w {
		if !used[i] {
			findings = append(findings, finding{file: "internal/tidy/walls_test.go", line: 1,
				text: fmt.Sprintf("no package is %s: remove its row", row.pkg)})
		}
	}
	return findings
}

func (w wall) check(r *repository, s *source) (findings []finding) {
	for spec, imported := range s.imports() {
		target, is := ours(imported)
		allowed := within(target, w.imports) || s.isTest() && (target == s.folder() || within(target, w.tests))
		if is && !allowed {
			findings = append(findings, r.at(spec, imported,
				"%s imports %s, which its row of theWalls does not allow: turn the dependency round, or take a value or an interface",
				s.folder(), target))
		}
	}
	return findings
}
