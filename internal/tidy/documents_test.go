package tidy

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestCoreTestNamesExist(t *testing.T) { holds(t, documentsNameWhatIsThere) }

var (
	quoted     = regexp.MustCompile("`([^`]+)`")
	testName   = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)
	pathName   = regexp.MustCompile(`^[\w.-]+/([\w.-]+/)*[\w.-]*$`)
	fileName   = regexp.MustCompile(`^[\w-]+\.(go|sql|md)$`)
	identifier = regexp.MustCompile(`^[A-Za-z_]\w*$`)
	dotted     = regexp.MustCompile(`^([a-z]\w*)\.([A-Z]\w*)(?:\.([A-Z]\w*))?$`)
)

// documentsNameWhatIsThere reads README.md and the pages in documentation. In
// backticks, and outside of blocks of code, it knows
//
//	`TestName`                     a test that exists
//	`actors/keys.go`, `keys.go`    a file; without a folder, in that of the path before it on the line
//	`actors/keys.go` `a`, `b`      names that occur in the file or folder
//	`a` in `actors/keys.go`        the same
//	`inventory.Stock.Evolve`       names that occur in the package
func documentsNameWhatIsThere(r *repository) (findings []finding) {
	tests := testNames(r)
	for _, name := range r.names {
		isPage := name == "README.md" || strings.HasPrefix(name, "documentation/")
		if !isPage || path.Ext(name) != ".md" {
			continue
		}
		text, _ := r.text(name)
		number, inCode := 0, false
		for line := range strings.Lines(text) {
			number++
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				inCode = !inCode
			}
			if inCode {
				continue
			}
			for _, text := range checkLine(r, tests, line) {
				findings = append(findings, finding{file: name, line: number, text: text})
			}
		}
	}
	return findings
}

func testNames(r *repository) map[string]bool {
	names := map[string]bool{}
	for _, s := range r.sources {
		for _, name := range s.functions() {
			names[name] = names[name] || s.isTest()
		}
	}
	return names
}

// checkLine says what a line names that is not there.
func checkLine(r *repository, tests map[string]bool, line string) (wrong []string) {
	var place, before string // the last path on the line, the word before
	end, follows := 0, false // follows: only names stand between the path and the word
	for _, span := range quoted.FindAllStringSubmatchIndex(line, -1) {
		word, gap := line[span[2]:span[3]], line[end:span[0]]
		switch found, isPath := findPath(r, place, word); {
		case isPath && found == "":
			wrong = append(wrong, fmt.Sprintf("`%s` is no file or folder: correct the name", word))
			follows = false
		case isPath:
			place, follows = found, true
			if gap == " in " && identifier.MatchString(before) && !occurs(r, place, before) {
				wrong = append(wrong, fmt.Sprintf("`%s` is not in `%s`: correct the name or the place", before, place))
			}
			end, before = span[1], ""
			continue
		case testName.MatchString(word):
			if !tests[word] {
				wrong = append(wrong, fmt.Sprintf("`%s` is no test: correct the name, or write it", word))
			}
		case follows && identifier.MatchString(word) && (gap == " " || before != "" && gap == ", "):
			if !occurs(r, place, word) {
				wrong = append(wrong, fmt.Sprintf("`%s` is not in `%s`: correct the name or the place", word, place))
			}
		default:
			follows = false
			wrong = append(wrong, checkDotted(r, word)...)
		}
		end, before = span[1], word
	}
	return wrong
}

// findPath is the file or folder that a word names, "" if it is not there, and
// whether it is a path at all. A path begins with a folder of the top level.
func findPath(r *repository, place, word string) (found string, isPath bool) {
	if top, _, _ := strings.Cut(word, "/"); pathName.MatchString(word) && slices.Contains(topFolders, top) {
		if name := strings.TrimSuffix(word, "/"); r.file(name) || r.folder(name) {
			return name, true
		}
		return "", true
	}
	if !fileName.MatchString(word) {
		return "", false
	}
	if !r.folder(place) {
		place = path.Dir(place)
	}
	for _, name := range r.names {
		if name == path.Join(place, word) || place == "." && path.Base(name) == word {
			return name, true
		}
	}
	return "", true
}

// checkDotted checks names such as inventory.Stock.Evolve, if the first part is a
// package of ours.
func checkDotted(r *repository, word string) (wrong []string) {
	parts := dotted.FindStringSubmatch(word)
	if parts == nil {
		return nil
	}
	for folder := range r.packages() {
		if path.Base(folder) != parts[1] {
			continue
		}
		for _, name := range parts[2:] {
			if name != "" && !occurs(r, folder, name) {
				wrong = append(wrong, fmt.Sprintf("`%s`: %s is not in `%s`: correct the name", word, name, folder))
			}
		}
	}
	return wrong
}

// occurs reports whether a word stands in a file, or in one of the files of a folder.
func occurs(r *repository, place, word string) bool {
	pattern := regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`)
	for _, name := range r.names {
		if name != place && path.Dir(name) != place {
			continue
		}
		if text, _ := r.text(name); pattern.MatchString(text) {
			return true
		}
	}
	return false
}
