package tidy

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// packageCommentLinesMin is how much a package has to say about itself.
const packageCommentLinesMin = 3

func TestPackageComments(t *testing.T) { holds(t, packageComments) }

func packageComments(r *repository) (findings []finding) {
	for folder, sources := range r.packages() {
		sources = slices.DeleteFunc(sources, (*source).isTest)
		if len(sources) == 0 {
			continue
		}
		commented := slices.DeleteFunc(slices.Clone(sources), func(s *source) bool { return s.tree.Doc == nil })
		if len(commented) == 0 {
			findings = append(findings, r.at(sources[0].tree.Name, folder,
				"package %s has no comment: write in %d lines or more what it is for", folder, packageCommentLinesMin))
			continue
		}
		for _, s := range commented[1:] {
			findings = append(findings, r.at(s.tree.Doc, folder,
				"a second comment of package %s, after that in %s: join them, or put an empty line below it", folder, commented[0].name))
		}
		findings = append(findings, packageComment(r, commented[0])...)
	}
	return findings
}

func packageComment(r *repository, s *source) (findings []finding) {
	text := strings.TrimSpace(s.tree.Doc.Text())
	begin := "Package " + s.tree.Name.Name + " "
	if s.tree.Name.Name == "main" {
		begin = "Command " + path.Base(s.folder()) + " "
	}
	if !strings.HasPrefix(text, begin) {
		findings = append(findings, r.at(s.tree.Doc, s.folder(), "the comment of a package begins with %q", begin))
	}
	lines := 0
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	if lines < packageCommentLinesMin {
		findings = append(findings, r.at(s.tree.Doc, s.folder(),
			"the comment of package %s has %d lines, fewer than %d: say what it is for and what it promises",
			s.folder(), lines, packageCommentLinesMin))
	}
	return findings
}
