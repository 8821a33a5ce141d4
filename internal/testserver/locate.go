package testserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
)

// binVariable names a folder that is looked into first.
const binVariable = "HOLDFAST_TEST_BIN"

// program is a server's program, and the Debian package that brings it.
type program struct {
	name, debianPackage string
	// folders are patterns of where distributions put it, the oldest version first.
	folders []string
}

var (
	postgresProgram = program{"postgres", "postgresql",
		[]string{"/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/lib/postgresql/*/bin"}}
	redisProgram = program{"redis-server", "redis-server", []string{"/usr/bin", "/usr/sbin", "/opt/homebrew/bin"}}
)

// locate returns the folder of the program, which is installed when it is missing.
func (p *program) locate() (string, error) {
	if folder, found := p.find(); found {
		return folder, nil
	}
	if err := p.install(); err != nil {
		return "", fmt.Errorf("%s is neither in $%s, in PATH nor in %v, and cannot be installed (%w): install the package %s",
			p.name, binVariable, p.folders, err, p.debianPackage)
	}
	folder, found := p.find()
	if !found {
		return "", fmt.Errorf("the package %s was installed, but %s is not in %v: name its folder in $%s",
			p.debianPackage, p.name, p.folders, binVariable)
	}
	return folder, nil
}

func (p *program) find() (folder string, found bool) {
	if folder := os.Getenv(binVariable); folder != "" && isProgram(filepath.Join(folder, p.name)) {
		return folder, true
	}
	for _, pattern := range slices.Backward(p.folders) {
		names, _ := filepath.Glob(filepath.Join(pattern, p.name)) // the patterns are constants
		if len(names) > 0 {
			return filepath.Dir(names[len(names)-1]), true
		}
	}
	if path, err := exec.LookPath(p.name); err == nil {
		return filepath.Dir(path), true
	}
	return "", false
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// install installs the program with apt-get. Tests of several packages run at once: one
// of them installs, and the others wait.
func (p *program) install() error {
	if os.Geteuid() != 0 {
		return errors.New("not root")
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("there is no apt-get")
	}
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "holdfast-test-install.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("wait for other tests that install: %w", err)
	}
	if _, found := p.find(); found {
		return nil
	}
	for _, arguments := range [][]string{
		{"update"}, {"install", "--yes", "--no-install-recommends", p.debianPackage}} {
		command := exec.Command("apt-get", arguments...)
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", arguments[0], err, tail(output))
		}
	}
	return nil
}

// tail returns the last part of a log.
func tail(log []byte) string {
	const kept = 2_000
	return string(log[max(0, len(log)-kept):])
}
