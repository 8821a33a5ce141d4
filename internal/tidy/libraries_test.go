package tidy

import (
	"fmt"
	"strings"
)

// library says who may import a package that is not ours.
type library struct {
	path  string   // with all below it, unless that has a row of its own
	users []string // in code and tests
	tests []string // in tests only
}

type libraries []library

// theLibraries are all packages from elsewhere, and those of the standard library
// that not everybody may import.
var theLibraries = libraries{
	{path: "database/sql", users: []string{"persistence/sqlite"}},
	{path: "net/http", users: []string{"api/...", "cmd/...", "bench/..."}},
	{path: "testing", users: []string{"internal/testserver", "persistence/persistencetest"}, tests: []string{"..."}},

	{path: "github.com/HdrHistogram/hdrhistogram-go", users: []string{"bench"}},
	{path: "github.com/alecthomas/kong", users: []string{"cmd/..."}},
	{path: "github.com/anthdm/hollywood/actor", users: []string{"actors"}},
	{path: "github.com/centrifugal/centrifuge", users: []string{"bench/peers"}},
	{path: "github.com/chromedp/cdproto", tests: []string{"cmd/holdfast"}},
	{path: "github.com/chromedp/chromedp", tests: []string{"cmd/holdfast"}},
	{path: "github.com/fasthttp/router", users: []string{"api"}},
	{path: "github.com/fasthttp/websocket", users: []string{"api/client/ticker", "api/ticker"}, tests: []string{"api", "cmd/holdfast"}},
	{path: "github.com/getkin/kin-openapi", tests: []string{"api"}},
	{path: "github.com/go-json-experiment/json", users: []string{"api", "api/ticker", "cmd/..."}},
	{path: "github.com/golang-jwt/jwt/v5", users: []string{"internal/token"}},
	{path: "github.com/jackc/pgx/v5", users: []string{"internal/testserver", "persistence/postgres"}},
	{path: "github.com/molecule-man/go-brrr", users: []string{"api/pages"}},
	{path: "github.com/pressly/goose/v3", users: []string{"persistence/postgres", "persistence/sqlite"}},
	{path: "github.com/pquerna/otp", users: []string{"internal/secondfactor"}},
	{path: "github.com/prometheus/client_golang", users: []string{"api", "cmd/..."}},
	{path: "github.com/redis/go-redis/v9", users: []string{"internal/testserver", "persistence/redis"}},
	{path: "github.com/stretchr/testify", users: []string{"internal/testserver", "persistence/persistencetest"}, tests: []string{"..."}},
	{path: "github.com/valyala/fasthttp", users: []string{"api/...", "bench/..."}},
	{path: "github.com/vmihailenco/msgpack/v5", users: []string{"api/client/ticker", "api/ticker", "persistence/redis"}},
	{path: "go.uber.org/goleak", tests: []string{"..."}},
	{path: "golang.org/x/crypto", users: []string{"internal/password"}},
	{path: "golang.org/x/sync/errgroup", users: []string{"actors"}},
	{path: "golang.org/x/text/unicode/norm", users: []string{"internal/password", "persistence"}},
	{path: "golang.org/x/sys", users: []string{"actors", "api/ticker", "bench/cage", "cmd/...", "internal/password", "persistence/journal"}},
	{path: "modernc.org/sqlite", users: []string{"persistence/sqlite"}},
	{path: "pgregory.net/rapid", tests: []string{"..."}},
}

// row is the index of the row with the longest path that fits, or -1.
func (l libraries) row(imported string) int {
	best := -1
	for i, row := range l {
		if within(imported, []string{row.path + "/..."}) && (best < 0 || len(row.path) > len(l[best].path)) {
			best = i
		}
	}
	return best
}

func (l libraries) check(r *repository) (findings []finding) {
	used := map[int]bool{}
	for _, s := range r.sources {
		for spec, imported := range s.imports() {
			if _, is := ours(imported); is {
				continue
			}
			i := l.row(imported)
			used[i] = true
			switch {
			case i < 0 && isStandard(imported):
			case i < 0:
				findings = append(findings, r.at(spec, imported,
					"%s is in no row: do without it, or say in theLibraries of internal/tidy who may import it", imported))
			case !within(s.folder(), l[i].users) && (!s.isTest() || !within(s.folder(), l[i].tests)):
				findings = append(findings, r.at(spec, imported, "%s imports %s, which belongs to %s",
					s.folder(), imported, l[i].owners()))
			}
		}
	}
	for i, row := range l {
		if !used[i] {
			findings = append(findings, finding{file: "internal/tidy/libraries_test.go", line: 1,
				text: fmt.Sprintf("nobody imports %s: remove its row", row.path)})
		}
	}
	return findings
}

func (l library) owners() string {
	if len(l.users) == 0 {
		return "tests"
	}
	return strings.Join(l.users, ", ")
}
