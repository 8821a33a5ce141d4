package retail

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
)

// HeaderBytesMax bounds the first line of a file: so far Text can be peeked into.
const HeaderBytesMax = 16 << 10

// Text returns what a file says, whether it is compressed with gzip or not.
func Text(file io.Reader) (*bufio.Reader, error) {
	text := bufio.NewReaderSize(file, HeaderBytesMax)
	if magic, _ := text.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return text, nil // a file of less than two bytes says so when it is read
	}
	decompressed, err := gzip.NewReader(text)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(decompressed, HeaderBytesMax), nil
}
