package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// fault is a mistake that a test has to notice.
type fault struct {
	name string
	// meaning says in a sentence what is wrong with the code that has the fault.
	meaning       string
	substitutions []substitution
	// test notices the fault. It may name a subtest, such as TestA/B, as go test
	// prints it.
	test test
}

// substitution replaces a text that occurs once in a file of the repository.
type substitution struct{ file, old, new string }

// test is a test function of the package in a folder of the repository.
type test struct{ folder, name string }

func (t test) String() string { return t.name + " in " + t.folder }

// pattern is the argument of -run that selects this test alone.
func (t test) pattern() string {
	return "^" + strings.ReplaceAll(t.name, "/", "$/^") + "$"
}

// errStale tells that the code has changed under the table.
var errStale = errors.New("the table is stale")

// apply returns the files of the repository at root with the fault in them. It
// writes nothing.
func (f *fault) apply(root string) (map[string][]byte, error) {
	changed := make(map[string]string)
	for _, s := range f.substitutions {
		if _, read := changed[s.file]; !read {
			data, err := os.ReadFile(filepath.Join(root, s.file))
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errStale, err)
			}
			changed[s.file] = string(data)
		}
		if n := strings.Count(changed[s.file], s.old); n != 1 {
			return nil, fmt.Errorf("%w: this text occurs %d times in %s, not once:\n%s", errStale, n, s.file, s.old)
		}
		changed[s.file] = strings.Replace(changed[s.file], s.old, s.new, 1)
	}
	files := make(map[string][]byte, len(changed))
	for name, text := range changed {
		if _, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution); err != nil {
			return nil, fmt.Errorf("the code with the fault is no Go: %w", err)
		}
		files[name] = []byte(text)
	}
	return files, nil
}

// find returns an error unless the repository at root has the test function. Whether
// a subtest exists is known only when it runs.
func (t test) find(root string) error {
	function, _, _ := strings.Cut(t.name, "/")
	names, err := filepath.Glob(filepath.Join(root, t.folder, "*_test.go"))
	if err != nil {
		return err
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			if d, ok := declaration.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == function {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: there is no test %s", errStale, t)
}
