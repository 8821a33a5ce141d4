package tidy

import (
	"bytes"
	"go/ast"
	"iter"
	"path"
	"strconv"
	"strings"
)

// source is a parsed Go file.
type source struct {
	name string
	text []byte
	tree *ast.File
}

func (s *source) folder() string { return path.Dir(s.name) }

func (s *source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// helpsTests reports whether it is a test, or part of a suite that tests call.
func (s *source) helpsTests() bool { return s.isTest() || s.nameOf("testing") != "" }

func (s *source) lines() int { return bytes.Count(s.text, []byte("\n")) }

// imports are the import declarations and their paths.
func (s *source) imports() iter.Seq2[*ast.ImportSpec, string] {
	return func(yield func(*ast.ImportSpec, string) bool) {
		for _, spec := range s.tree.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err == nil && !yield(spec, imported) {
				return
			}
		}
	}
}

// nameOf is the name that a package has in the file, or "" if it is not imported.
func (s *source) nameOf(pkg string) string {
	for spec, imported := range s.imports() {
		switch {
		case imported != pkg:
		case spec.Name != nil:
			return spec.Name.Name
		default:
			return path.Base(imported)
		}
	}
	return ""
}

// uses are the names of a package that stand anywhere below a node.
func (s *source) uses(node ast.Node, pkg string) iter.Seq2[*ast.SelectorExpr, string] {
	return func(yield func(*ast.SelectorExpr, string) bool) {
		local, goesOn := s.nameOf(pkg), true
		if local == "" {
			return
		}
		ast.Inspect(node, func(node ast.Node) bool {
			if selector, is := node.(*ast.SelectorExpr); is && goesOn {
				if left, is := selector.X.(*ast.Ident); is && left.Name == local {
					goesOn = yield(selector, selector.Sel.Name)
				}
			}
			return goesOn
		})
	}
}

// functions are the declarations of functions and methods with their names, such as
// Hasher.enter.
func (s *source) functions() iter.Seq2[*ast.FuncDecl, string] {
	return func(yield func(*ast.FuncDecl, string) bool) {
		for _, declaration := range s.tree.Decls {
			function, is := declaration.(*ast.FuncDecl)
			if !is {
				continue
			}
			name := function.Name.Name
			if owner := receiver(function); owner != "" {
				name = owner + "." + name
			}
			if !yield(function, name) {
				return
			}
		}
	}
}

// receiver is the name of the type that a method belongs to.
func receiver(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return ""
	}
	owner := function.Recv.List[0].Type
	for {
		switch expression := owner.(type) {
		case *ast.StarExpr:
			owner = expression.X
		case *ast.IndexExpr:
			owner = expression.X
		case *ast.IndexListExpr:
			owner = expression.X
		case *ast.Ident:
			return expression.Name
		default:
			return ""
		}
	}
}
