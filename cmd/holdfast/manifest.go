package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	manifestName = "manifest.json"
	// manifestFormat is the form of a backup's folder. Another one is refused.
	manifestFormat = 1
	// manifestBytesMax bounds what is read as a manifest.
	manifestBytesMax = 16 << 20
)

// manifest says what is in a backup's folder. It is written last, so that a folder with
// one is whole.
type manifest struct {
	Format  int    `json:"format"`
	Version string `json:"version"`
	At      string `json:"at"`
	// Database is the kind: sqlite or postgres. Schema is the version of its schema.
	Database string `json:"database"`
	Schema   int64  `json:"schema"`
	// Journal is the id, Sequence the last record of it; Projected is where the database
	// stands.
	Journal   string       `json:"journal"`
	Sequence  uint64       `json:"sequence"`
	Projected positionJSON `json:"projected"`
	// Files are all but the manifest, ascending.
	Files []manifestFile `json:"files"`
}

// manifestFile is one file, with a path that has slashes.
type manifestFile struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// positionJSON is a position; without a journal, the one before the first projection.
type positionJSON struct {
	Journal  string `json:"journal"`
	Epoch    uint32 `json:"epoch"`
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"`
}

func newPositionJSON(position persistence.Position) positionJSON {
	return positionJSON{Journal: idText(position.Journal), Epoch: position.Epoch, Sequence: position.Sequence,
		Hash: hex.EncodeToString(position.Hash[:])}
}

// position returns the position, or an error that wraps [persistence.ErrCorrupt].
func (j *positionJSON) position() (position persistence.Position, err error) {
	position = persistence.Position{Epoch: j.Epoch, Sequence: j.Sequence}
	hash, err := hex.DecodeString(j.Hash)
	if err == nil && len(hash) != len(position.Hash) {
		err = errors.New("its hash has another length")
	}
	copy(position.Hash[:], hash)
	if err == nil && j.Journal != "" {
		position.Journal, err = inventory.ParseID(j.Journal)
	}
	if err != nil {
		return position, fmt.Errorf("%w: the position in %s: %w", persistence.ErrCorrupt, manifestName, err)
	}
	return position, nil
}

func newManifest(p *program, database copiedDatabase, end persistence.Position) *manifest {
	return &manifest{Format: manifestFormat, Version: versionText(), At: instantText(p.clock.Now()), Database: database.kind,
		Schema: database.schema, Journal: idText(end.Journal), Sequence: end.Sequence, Projected: newPositionJSON(database.position)}
}

// write lists the files of a folder and puts the manifest there, durably.
func (m *manifest) write(ctx context.Context, folder string) error {
	var err error
	if m.Files, err = listFiles(ctx, folder); err != nil {
		return err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(folder, manifestName), append(text, '\n'))
}

// readManifest reads and checks a backup's manifest.
func readManifest(folder string) (*manifest, error) {
	file, err := os.Open(filepath.Join(folder, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: it is no backup, or one that was not finished", folder, manifestName)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, manifestBytesMax))
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%w: read %s: %w", persistence.ErrCorrupt, file.Name(), err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("the backup has format %d and this program knows %d: use the program that made it, version %s",
			m.Format, manifestFormat, m.Version)
	}
	return &m, nil
}

// verify compares every file of the folder with the manifest.
func (m *manifest) verify(ctx context.Context, folder string) error {
	found, err := listFiles(ctx, folder)
	if err != nil {
		return err
	}
	if !slices.Equal(found, m.Files) {
		return fmt.Errorf("%w: %s; take another backup", persistence.ErrCorrupt, differenceOf(m.Files, found))
	}
	return nil
}

// differenceOf names the first file that differs.
func differenceOf(want, found []manifestFile) string {
	there := make(map[string]manifestFile, len(found))
	for _, file := range found {
		there[file.Path] = file
	}
	for _, file := range want {
		if got, is := there[file.Path]; !is {
			return fmt.Sprintf("the file %s is missing in the backup", file.Path)
		} else if got != file {
			return fmt.Sprintf("the file %s of the backup is not what it was", file.Path)
		}
		delete(there, file.Path)
	}
	for path := range there {
		return fmt.Sprintf("the file %s is in the backup and not in its manifest", path)
	}
	return "the files of the backup are not in order"
}

// listFiles returns all files below a folder but the manifest, with their checksums.
func listFiles(ctx context.Context, folder string) (files []manifestFile, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		if err != nil || relative == manifestName {
			return err
		}
		sum, bytes, err := checksumOf(path)
		files = append(files, manifestFile{Path: filepath.ToSlash(relative), Bytes: bytes, SHA256: sum})
		return err
	})
	return files, err
}

func checksumOf(path string) (sum string, bytes int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	hash := sha256.New()
	bytes, err = io.Copy(hash, file)
	return hex.EncodeToString(hash.Sum(nil)), bytes, err
}
