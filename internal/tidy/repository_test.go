package tidy

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

// module is the name in go.mod.
const module = "holdfast"

// repository is the tree that the rules look at.
type repository struct {
	files     fs.FS
	names     []string // of all files, sorted
	positions *token.FileSet
	sources   []*source
}

// here is this repository. It is read and parsed once.
var here = sync.OnceValues(func() (*repository, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	names, err := list(root)
	if err != nil {
		return nil, err
	}
	return parse(os.DirFS(root), names)
})

func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no go.mod above the working directory")
		}
		folder = parent
	}
}

// list names the files of the repository: what git tracks or would track, or in a
// source archive everything that .gitignore does not name.
func list(root string) ([]string, error) {
	files := os.DirFS(root)
	if _, err := os.Stat(filepath.Join(root, ".git")); errors.Is(err, fs.ErrNotExist) {
		return walk(files)
	}
	git := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir = root
	git.Stderr = new(bytes.Buffer)
	output, err := git.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", git, err, git.Stderr)
	}
	return present(files, strings.Split(strings.TrimSuffix(string(output), "\x00"), "\x00"))
}

// present drops names that were deleted but are still in git's index. It opens every
// folder, since go test keeps the result of a test until something that it opened
// changes: so a new file is noticed.
func present(files fs.FS, names []string) ([]string, error) {
	folders := map[string]bool{}
	there := map[string]bool{}
	for _, name := range names {
		for folder := path.Dir(name); !folders[folder]; folder = path.Dir(folder) {
			folders[folder] = true
			entries, err := fs.ReadDir(files, folder)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			for _, entry := range entries {
				there[path.Join(folder, entry.Name())] = entry.Type().IsRegular()
			}
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return !there[name] }), nil
}

func walk(files fs.FS) ([]string, error) {
	patterns, err := fs.ReadFile(files, ".gitignore")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ignored(string(patterns), name, entry.IsDir()) && entry.IsDir():
			return fs.SkipDir
		case entry.Type().IsRegular() && !ignored(string(patterns), name, false):
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// ignored knows the two forms of .gitignore that ours has: /folder/ and *.suffix.
func ignored(patterns, name string, folder bool) bool {
	for pattern := range strings.Lines(patterns) {
		pattern = strings.TrimSpace(pattern)
		if folder && pattern == "/"+name+"/" {
			return true
		}
		if matches, _ := path.Match(pattern, path.Base(name)); matches {
			return true
		}
	}
	return false
}

func parse(files fs.FS, names []string) (*repository, error) {
	r := &repository{files: files, names: names, positions: token.NewFileSet()}
	for _, name := range names {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			continue
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(r.positions, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		r.sources = append(r.sources, &source{name: name, text: text, tree: tree})
	}
	return r, nil
}

// folder reports whether name is a folder with files of the repository.
func (r *repository) folder(name string) bool {
	i, _ := slices.BinarySearch(r.names, name+"/")
	return i < len(r.names) && strings.HasPrefix(r.names[i], name+"/")
}

func (r *repository) file(name string) bool {
	_, found := slices.BinarySearch(r.names, name)
	return found
}

// text is the content of a file, or false for one that is not text.
func (r *repository) text(name string) (string, bool) {
	data, err := fs.ReadFile(r.files, name)
	if err != nil || bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data) {
		return "", false
	}
	return string(data), true
}

// packages are the sources of each folder.
func (r *repository) packages() map[string][]*source {
	packages := map[string][]*source{}
	for _, s := range r.sources {
		packages[s.folder()] = append(packages[s.folder()], s)
	}
	return packages
}

// at is a finding about a node of a source.
func (r *repository) at(node ast.Node, what, format string, arguments ...any) finding {
	position := r.positions.Position(node.Pos())
	return finding{file: position.Filename, line: position.Line, what: what, text: fmt.Sprintf(format, arguments...)}
}

func TestASourceArchiveListsTheSameFiles(t *testing.T) {
	files := fstest.MapFS{
		".gitignore":         {Data: []byte("/bin/\n/data/\n*.test\n")},
		".ci/run":            {},
		"actors/bin/kept.go": {},
		"actors/actors.test": {},
		"bin/holdfast":       {},
		"go.mod":             {},
	}
	names, err := walk(files)
	if err != nil {
		t.Fatal(err)
	}
	if expected := []string{".ci/run", ".gitignore", "actors/bin/kept.go", "go.mod"}; !slices.Equal(names, expected) {
		t.Errorf("listed %q instead of %q", names, expected)
	}
	names, err = present(files, []string{"go.mod", "actors/gone.go", "gone/gone.go", "actors/bin/kept.go", "go.mod"})
	if err != nil {
		t.Fatal(err)
	}
	if expected := []string{"actors/bin/kept.go", "go.mod"}; !slices.Equal(names, expected) {
		t.Errorf("present are %q instead of %q", names, expected)
	}
}
