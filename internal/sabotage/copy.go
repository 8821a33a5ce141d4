package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// leftOut are the folders that a walk does not enter: what git would ignore.
var leftOut = []string{".git", ".cache", "bin", "data"}

// copyRepository copies the files of the repository at root into a folder.
func copyRepository(ctx context.Context, root, folder string) error {
	names, err := listFiles(ctx, root)
	if err != nil {
		return err
	}
	for _, name := range names {
		// git lists a file that was deleted and not committed yet.
		if err := copyFile(filepath.Join(root, name), filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// listFiles returns the paths of the files that git has or would take, or of all
// files when there is no git.
func listFiles(ctx context.Context, root string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		command := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
		command.Dir = root
		if output, err := command.Output(); err == nil {
			return strings.FieldsFunc(string(output), func(r rune) bool { return r == 0 }), nil
		}
	}
	return walkFiles(root)
}

func walkFiles(root string) (names []string, err error) {
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(leftOut, name):
			return fs.SkipDir
		case !entry.IsDir():
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// copyFile copies a regular file with its permissions.
func copyFile(from, to string) error {
	information, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if !information.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file and cannot be copied", from)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, data, information.Mode().Perm()|0o200)
}
