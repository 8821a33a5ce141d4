package tidy

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// bad is a small repository that breaks a rule.
type bad struct {
	name     string
	rule     func(*repository) []finding
	files    map[string]string
	expected []string // how each finding begins
}

func TestRulesCanFail(t *testing.T) {
	for _, table := range [][]bad{badImports, badAPIs, badFiles, badTests, badPackages, badDocuments} {
		for _, b := range table {
			t.Run(b.name, func(t *testing.T) {
				findings := sorted(b.rule(small(t, b.files)))
				if !slices.EqualFunc(findings, b.expected, strings.HasPrefix) {
					t.Errorf("found\n%s\ninstead of\n%s", strings.Join(findings, "\n"), strings.Join(b.expected, "\n"))
				}
			})
		}
	}
}

func small(t *testing.T, files map[string]string) *repository {
	t.Helper()
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	names, err := walk(tree)
	if err != nil {
		t.Fatal(err)
	}
	r, err := parse(tree, names)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	twoWalls     = walls{{pkg: "actors", imports: []string{"internal/..."}, tests: []string{"sqlite"}}, {pkg: "internal/..."}}
	twoLibraries = libraries{{path: "net/http", users: []string{"api"}}, {path: "example.com/a", tests: []string{"..."}}}
)

var badImports = []bad{
	{"an import through a wall", twoWalls.check, map[string]string{
		"actors/a.go":         "package actors\nimport _ \"holdfast/internal/clock\"\nimport _ \"holdfast/sqlite\"\n",
		"actors/a_test.go":    "package actors_test\nimport _ \"holdfast/actors\"\nimport _ \"holdfast/sqlite\"\nimport _ \"holdfast/bench\"\n",
		"internal/clock/c.go": "package clock\nimport _ \"holdfast/actors\"\n",
	}, []string{
		"actors/a.go:3: actors imports sqlite,",
		"actors/a_test.go:4: actors imports bench,",
		"internal/clock/c.go:2: internal/clock imports actors,",
	}},
	{"a package and a row that nobody knows", twoWalls.check, map[string]string{
		"internal/clock/c.go": "package clock\n",
		"news/n.go":           "package news\nimport _ \"holdfast/actors\"\n",
	}, []string{
		"internal/tidy/walls_test.go:1: no package is actors:",
		"news/n.go:1: package news is in no row:",
	}},
	{"a library of others", twoLibraries.check, map[string]string{
		"api/a.go":      "package api\nimport _ \"net/http/pprof\"\nimport _ \"strings\"\nimport _ \"example.com/ab\"\n",
		"api/a_test.go": "package api\nimport _ \"example.com/a/b\"\n",
		"bench/b.go":    "package bench\nimport _ \"net/http\"\nimport _ \"example.com/a\"\nimport _ \"net\"\n",
	}, []string{
		"api/a.go:4: example.com/ab is in no row:",
		"bench/b.go:2: bench imports net/http, which belongs to api",
		"bench/b.go:3: bench imports example.com/a, which belongs to tests",
	}},
	{"a library that nobody uses", twoLibraries.check, map[string]string{
		"api/a.go": "package api\nimport _ \"net/http\"\n",
	}, []string{"internal/tidy/libraries_test.go:1: nobody imports example.com/a:"}},
	{"a domain with a clock", domainIsPure, map[string]string{
		"inventory/i.go":      "package inventory\nimport _ \"time\"\nimport _ \"log/slog\"\nimport _ \"math\"\nimport _ \"example.com/a\"\n",
		"inventory/i_test.go": "package inventory\nimport _ \"time\"\n",
	}, []string{
		"inventory/i.go:2: inventory imports time:",
		"inventory/i.go:3: inventory imports log/slog:",
		"inventory/i.go:5: inventory imports example.com/a:",
	}},
	{"a driver behind the engine", noDriverBehindTheEngine, map[string]string{
		"actors/a.go":      "package actors\nimport _ \"holdfast/keys\"\n",
		"actors/a_test.go": "package actors\nimport _ \"database/sql\"\n",
		"keys/k.go":        "package keys\nimport _ \"holdfast/rows\"\nimport _ \"holdfast/actors\"\n",
		"rows/r.go":        "package rows\nimport _ \"github.com/jackc/pgx/v5\"\n",
		"sqlite/s.go":      "package sqlite\nimport _ \"modernc.org/sqlite\"\n",
	}, []string{"rows/r.go:2: actors → holdfast/keys → holdfast/rows → github.com/jackc/pgx/v5:"}},
}

var badAPIs = []bad{
	{"a reply that another caller may get", hollywoodIsUsedSafely, map[string]string{
		"actors/a.go": "package actors\nfunc ask(e engine) { e.Request(1) }\nfunc Request() {}\nfunc stop(e engine) { Request(); e.hollywood.Poison(2) }\n",
		"api/a.go":    "package api\nfunc ask(c client) { c.Request(1) }\n",
	}, []string{
		"actors/a.go:2: Request of Hollywood:",
		"actors/a.go:4: Poison of Hollywood:",
	}},
	{"Hollywood in a signature", hollywoodIsHidden, map[string]string{"actors/a.go": `package actors

import hw "github.com/anthdm/hollywood/actor"

func Spawn(p hw.Processer) {}
func spawn(p hw.Processer) { var _ hw.PID }
func Fine()                { var _ hw.PID }

type Engine struct {
	engine *hw.Engine
	PID    *hw.PID
	hw.Context
}

type mailbox struct{ PID hw.PID }

func (e *Engine) Where() []hw.PID  { return nil }
func (e *Engine) where() []hw.PID  { return nil }
func (m *mailbox) Send(to *hw.PID) {}

type Alias = hw.PID
type Sender interface{ Send(to *hw.PID) }

var Known map[string]hw.PID
var First, second = hw.NewPID("a", "b"), hw.NewPID("a", "b")
`}, []string{
		"actors/a.go:5: actor.Processer",
		"actors/a.go:11: actor.PID",
		"actors/a.go:12: actor.Context",
		"actors/a.go:17: actor.PID",
		"actors/a.go:21: actor.PID",
		"actors/a.go:22: actor.PID",
		"actors/a.go:24: actor.PID",
		"actors/a.go:25: actor.NewPID",
	}},
	{"a second clock", clockIsInjected, map[string]string{
		"actors/a.go":         "package actors\nimport \"time\"\nvar now = time.Now\nfunc f() <-chan time.Time { return time.After(time.Second) }\n",
		"actors/a_test.go":    "package actors\nimport \"time\"\nvar now = time.Now\n",
		"actors/b.go":         "package actors\nimport wall \"time\"\nvar tick = wall.Tick(1)\n",
		"cmd/holdfast/m.go":   "package main\nimport \"time\"\nvar now = time.Now\n",
		"internal/clock/c.go": "package clock\nimport \"time\"\nvar now = time.Now\n",
	}, []string{
		"actors/a.go:3: time.Now:",
		"actors/a.go:4: time.After:",
		"actors/b.go:3: time.Tick:",
	}},
	{"an exemption that nobody needs", func(r *repository) []finding {
		return exemptions{"actors/a.go time.Now": "a reason", "actors/a.go time.Tick": "a reason"}.apply(clockIsInjected(r))
	}, map[string]string{
		"actors/a.go": "package actors\nimport \"time\"\nvar now = time.Now\n",
	}, []string{"actors/a.go:1: the exemption of time.Tick is not needed"}},
}

var badFiles = []bad{
	{"sizes", sizes, map[string]string{
		"a/a.go":      "package a\n" + strings.Repeat("\n", 400),
		"a/a_test.go": "package a\n" + strings.Repeat("\n", 599),
		"a/b_test.go": "package a\n" + strings.Repeat("\n", 600),
		"a/c.go":      "package a\n" + strings.Repeat("\n", 399),
		"a/d.go":      "package a\n\nfunc (h *heap[T]) long() {" + strings.Repeat("\n", 70) + "}\nfunc fits() {" + strings.Repeat("\n", 69) + "}\n",
	}, []string{
		"a/a.go:401: the file has 401 lines",
		"a/b_test.go:601: the file has 601 lines",
		"a/d.go:3: heap.long has 71 lines",
	}},
	{"marks", noMarks, map[string]string{
		"Makefile":         "all:\n\ttrue # FIX" + "ME\n",
		"README.md":        "Well.\nTO" + "DO: well.\n",
		"a/a.go":           "package a // XX" + "X\n",
		"m/a.sql":          "-- HA" + "CK\n-- SHACKLE\n",
		"a/testdata/b.bin": "TO" + "DO",
	}, []string{
		"Makefile:2: \"FIX" + "ME\":",
		"README.md:2: \"TO" + "DO\":",
		"a/a.go:1: \"XX" + "X\":",
		"m/a.sql:1: \"HA" + "CK\":",
	}},
	{"paths and hosts of a machine", noMachinePaths, map[string]string{
		"README.md":   "See https://example.com/home/ and ./work/x.\nRun /ro" + "ot/go/bin/x.\n/wo" + "rk/main\n",
		"deploy/file": "ENV GO" + "PROXY=https://goproxy" + ".example\nFROM proxy.go" + "lang.org\n",
		"a/binary":    "\x00 /ro" + "ot/x",
	}, []string{
		"README.md:2: \"/ro" + "ot/\":",
		"README.md:3: \"/wo" + "rk/\":",
		"deploy/file:1: \"GO" + "PROXY\":",
		"deploy/file:1: \"goproxy" + ".example\":",
		"deploy/file:2: \"proxy.go" + "lang.org\":",
	}},
	{"a new folder at the top", foldersAreListed, map[string]string{
		"pkg/a.go": "package pkg\n", "pkg/b.go": "package pkg\n", "actors/a.go": "package actors\n", "go.mod": "module holdfast\n",
	}, []string{"pkg/a.go:1: pkg is a new folder at the top:"}},
}

var badTests = []bad{
	{"a test that waits or does not run", testsNeverSkipOrSleep, map[string]string{
		"a/a_test.go": `package a

import (
	"testing"
	"time"
)

func TestA(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	time.Sleep(time.Second)
	t.Run("b", func(inner *testing.T) { inner.SkipNow() })
}
`,
		"a/suite.go": "package a\nimport \"testing\"\nfunc Run(t testing.TB) { t.Skipf(\"no\") }\n",
		"a/a.go":     "package a\nimport \"time\"\nfunc f(r reader) { r.Skip(); time.Sleep(1) }\n",
	}, []string{
		"a/a_test.go:9: testing.Short:",
		"a/a_test.go:10: a test is skipped:",
		"a/a_test.go:12: time.Sleep:",
		"a/a_test.go:13: a test is skipped:",
		"a/suite.go:3: a test is skipped:",
	}},
}

var badPackages = []bad{
	{"a package without a comment", packageComments, map[string]string{
		"a/a.go":      "// A file.\n\npackage a\n",
		"b/b.go":      "// Package b is\n// short.\npackage b\n",
		"c/c.go":      "// Package c is\n//\n// long\n// enough.\npackage c\n",
		"c/d.go":      "// Package c has\n// more\n// to say.\npackage c\n",
		"cmd/d/d.go":  "// Package main is\n// called\n// something else.\npackage main\n",
		"cmd/e/e.go":  "// Command e is\n// called\n// what it is.\npackage main\n",
		"e/e_test.go": "package e\n",
	}, []string{
		"a/a.go:3: package a has no comment:",
		"b/b.go:1: the comment of package b has 2 lines,",
		"c/d.go:1: a second comment of package c, after that in c/c.go:",
		`cmd/d/d.go:1: the comment of a package begins with "Command d "`,
	}},
}

var badDocuments = []bad{
	{"decisions", decisionPagesAreNumbered, map[string]string{
		"documentation/decisions/0001-a-b.md": "# 1. A\n",
		"documentation/decisions/0002-b.md":   "B\n",
		"documentation/decisions/0004-c.md":   "# 3. C\n",
		"documentation/decisions/notes.md":    "# Notes\n",
	}, []string{
		"documentation/decisions/0002-b.md:1: a decision begins",
		"documentation/decisions/0004-c.md:1: number 0004 stands where 0003 was expected",
		"documentation/decisions/notes.md:1: name it NNNN-title.md",
	}},
	{"a name that is nowhere", documentsNameWhatIsThere, map[string]string{
		"README.md": strings.Join([]string{
			"`TestThere`, `TestGone`, and `TestHelper`",
			"`actors/a.go` `there`, `gone` and `other`; `actors/gone.go` `ignored`, `actors/`, `bench/`",
			"`actors/a.go`, `b.go`, `c.go`; `a.go` `B`",
			"`gone` in `actors/b.go`, `B` in `actors`",
			"`actors.Engine.Run`, `actors.Gone`, `time.Gone`",
			"```", "`TestInCode`", "```",
			"`/api/orders`, `application/problem+json`, `actors/a.go`, `later`",
		}, "\n"),
		"actors/a.go":      "package actors\n\nfunc there() {}\nfunc TestHelper() {}\n",
		"actors/a_test.go": "package actors\n\nfunc TestThere() {}\n",
		"actors/b.go":      "package actors\n\nvar B int\ntype Engine struct{}\nfunc (Engine) Run() {}\n",
		"notes.md":         "`TestNoPage`\n",
	}, []string{
		"README.md:1: `TestGone` is no test:",
		"README.md:1: `TestHelper` is no test:",
		"README.md:2: `actors/gone.go` is no file or folder:",
		"README.md:2: `bench/` is no file or folder:",
		"README.md:2: `gone` is not in `actors/a.go`:",
		"README.md:3: `B` is not in `actors/a.go`:",
		"README.md:3: `c.go` is no file or folder:",
		"README.md:4: `gone` is not in `actors/b.go`:",
		"README.md:5: `actors.Gone`: Gone is not in `actors`:",
	}},
}
