package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"

	"holdfast/internal/retail"
)

// importFile is a file that is imported. It is read as text, whether it is
// compressed or not.
type importFile struct {
	file *os.File
	// size is that of the file as it lies there, and at how far it has been read.
	size, at int64
	watched  func(at int64)
	text     *bufio.Reader
}

// openImport opens a file.
func openImport(path string) (*importFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &importFile{file: file, watched: func(int64) {}}
	if err := f.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), file.Close())
	}
	return f, nil
}

// begin finds out what kind of file it is.
func (f *importFile) begin() error {
	information, err := f.file.Stat()
	if err != nil {
		return err
	}
	f.size = information.Size()
	f.text, err = retail.Text(countingReader{f})
	return err
}

// countingReader reads the file and tells how far it has come.
type countingReader struct{ *importFile }

func (r countingReader) Read(buffer []byte) (int, error) {
	n, err := r.file.Read(buffer)
	r.at += int64(n)
	r.watched(r.at)
	return n, err
}

// watch has watched told how many bytes of the file have been read.
func (f *importFile) watch(watched func(at int64)) { f.watched = watched }

// Read reads the text.
func (f *importFile) Read(buffer []byte) (int, error) { return f.text.Read(buffer) }

// header returns the fields of the first line, and leaves it to be read.
func (f *importFile) header() ([]string, error) {
	first, err := f.text.Peek(retail.HeaderBytesMax)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if end := bytes.IndexByte(first, '\n'); end >= 0 {
		first = first[:end+1]
	}
	fields, err := csv.NewReader(bytes.NewReader(first)).Read()
	if err != nil {
		return nil, fmt.Errorf("the first line must name the columns, separated by commas: %w", err)
	}
	return fields, nil
}

// Close closes the file.
func (f *importFile) Close() error { return f.file.Close() }
