package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/token"
	"holdfast/persistence/journal"
)

const (
	// signingKeyTextMax bounds a key in base64.
	signingKeyTextMax = 4096
	// distinctBytesMin is the least number of different values among the bytes of a
	// key. Among 32 random bytes there are 30 on average, and fewer than 16 never.
	distinctBytesMin = 16
	makeKeyAdvice    = "make one with: openssl rand -base64 32"
)

// loadSigningKey returns the key of access tokens: the configured one, or the data
// directory's own, which is made when there is none.
func loadSigningKey(options signingKeyOptions, directory *dataDirectory) ([]byte, error) {
	switch {
	case options.SigningKey != "":
		return decodeSigningKey("HOLDFAST_SIGNING_KEY", string(options.SigningKey))
	case options.SigningKeyFile != "":
		// Its mode is its owner's business: container platforms hand secrets over in
		// files that all users of the container may read.
		return readSigningKey(options.SigningKeyFile, false)
	}
	path := directory.signingKey()
	key, err := readSigningKey(path, true)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSigningKey(path)
	}
	return key, err
}

func readSigningKey(path string, private bool) ([]byte, error) {
	return readKey("signing key", path, private)
}

// readKey reads a key from a file. what says whose it is.
func readKey(what, path string, private bool) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	defer file.Close()
	information, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	if mode := information.Mode().Perm(); private && mode&0o077 != 0 {
		return nil, fmt.Errorf("the signing key %s can be read by other users (mode %04o), so their tokens could be forged: "+
			"remove it, a new one is made and all sessions end; or, if nobody saw it, chmod 600 %s", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(file, signingKeyTextMax))
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	return decodeKey(what, path, string(text))
}

func decodeSigningKey(name, text string) ([]byte, error) { return decodeKey("signing key", name, text) }

// decodeKey refuses what is no random key. name says where the text is from.
func decodeKey(what, name, text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("the %s of %s is not base64; %s", what, name, makeKeyAdvice)
	}
	if len(key) < token.SigningKeyBytesMin {
		return nil, fmt.Errorf("the %s of %s has %d bytes and needs at least %d; %s",
			what, name, len(key), token.SigningKeyBytesMin, makeKeyAdvice)
	}
	if !looksRandom(key) {
		return nil, fmt.Errorf("the %s of %s is not random enough; %s", what, name, makeKeyAdvice)
	}
	return key, nil
}

// looksRandom refuses text, few different bytes, and bytes that count up or down.
// A random key of 32 bytes passes but for one in ten million million.
func looksRandom(key []byte) bool {
	var seen [256]bool
	distinct, printable, steady := 0, 0, 0
	for i, b := range key {
		if !seen[b] {
			seen[b] = true
			distinct++
		}
		if b >= ' ' && b <= '~' {
			printable++
		}
		if i >= 2 && b-key[i-1] == key[i-1]-key[i-2] {
			steady++
		}
	}
	return distinct >= distinctBytesMin && printable < len(key) && steady < len(key)/2
}

// makeSigningKey writes a fresh key.
func makeSigningKey(path string) ([]byte, error) {
	key := make([]byte, token.SigningKeyBytesMin)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	if err := writeSigningKey(path, key); err != nil {
		return nil, fmt.Errorf("make the signing key: %w", err)
	}
	return key, nil
}

func writeSigningKey(path string, key []byte) error {
	return writePrivate(path, []byte(base64.StdEncoding.EncodeToString(key)+"\n"))
}

// writePrivate writes a file that nobody else may read. It has its name only once it is
// whole and on the disk.
func writePrivate(path string, content []byte) error {
	disk, folder := journal.Disk{}, filepath.Dir(path)
	if err := disk.MakeDirectory(folder); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, "*.tmp")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // has its final name after success
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return disk.SyncDirectory(folder)
}
