package tidy

import "go/ast"

// hollywood is the package of Hollywood that we use. It is an affair of package
// actors, and stands in nothing that others see of it.
const hollywood = "github.com/anthdm/hollywood/actor"

// hollywoodIsHidden looks at what package actors exports. Methods that an interface
// of Hollywood demands are fine on types that are not exported.
func hollywoodIsHidden(r *repository) (findings []finding) {
	for _, s := range r.packages()["actors"] {
		if s.isTest() {
			continue
		}
		for _, node := range exported(s.tree) {
			for use, name := range s.uses(node, hollywood) {
				findings = append(findings, r.at(use, name,
					"actor.%s of Hollywood shows outside of actors: wrap it in a type of ours, or do not export it", name))
			}
		}
	}
	return findings
}

// unsafeMethods are those of Hollywood's engine that break promises, and why.
var unsafeMethods = map[string]string{
	"Request": "it gives a reply to another caller: let an operation wait for its own",
	"Poison":  "it loses mail and can run an actor on two goroutines: stop the mailbox",
}

// hollywoodIsUsedSafely finds unsafeMethods in package actors, whatever they are methods of.
func hollywoodIsUsedSafely(r *repository) (findings []finding) {
	for _, s := range r.packages()["actors"] {
		ast.Inspect(s.tree, func(node ast.Node) bool {
			if method, is := node.(*ast.SelectorExpr); is && unsafeMethods[method.Sel.Name] != "" {
				findings = append(findings, r.at(method.Sel, method.Sel.Name, "%s of Hollywood: %s", method.Sel.Name, unsafeMethods[method.Sel.Name]))
			}
			return true
		})
	}
	return findings
}

// exported are the nodes of a file that make up its exported API, without bodies.
func exported(file *ast.File) (nodes []ast.Node) {
	for _, declaration := range file.Decls {
		switch declaration := declaration.(type) {
		case *ast.FuncDecl:
			owner := receiver(declaration)
			if declaration.Name.IsExported() && (owner == "" || ast.IsExported(owner)) {
				nodes = append(nodes, declaration.Type)
			}
		case *ast.GenDecl:
			for _, spec := range declaration.Specs {
				nodes = append(nodes, exportedOf(spec)...)
			}
		}
	}
	return nodes
}

func exportedOf(spec ast.Spec) (nodes []ast.Node) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() {
			return exportedOfType(spec)
		}
	case *ast.ValueSpec:
		for i, name := range spec.Names {
			switch {
			case !name.IsExported():
			case spec.Type != nil:
				nodes = append(nodes, spec.Type)
			case i < len(spec.Values):
				// The type is in the value, or cannot be told: better too strict.
				nodes = append(nodes, spec.Values[i])
			}
		}
	}
	return nodes
}

func exportedOfType(spec *ast.TypeSpec) (nodes []ast.Node) {
	var fields []*ast.Field
	switch definition := spec.Type.(type) {
	case *ast.StructType:
		fields = definition.Fields.List
	case *ast.InterfaceType:
		fields = definition.Methods.List
	default:
		nodes = append(nodes, definition)
	}
	if spec.TypeParams != nil {
		nodes = append(nodes, spec.TypeParams)
	}
	for _, field := range fields {
		shown := len(field.Names) == 0 // embedded
		for _, name := range field.Names {
			shown = shown || name.IsExported()
		}
		if shown {
			nodes = append(nodes, field.Type)
		}
	}
	return nodes
}
