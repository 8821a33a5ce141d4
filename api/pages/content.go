package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	brotli "github.com/molecule-man/go-brrr"
)

// Content is a body in the codings in which it is sent.
type Content struct {
	// Type is its media type.
	Type                string
	plain, gzip, brotli []byte
	// hash is the part of the entity tags that the codings share.
	hash string
}

// Levels of compression: the best for what is compressed once, a quick one for what is
// compressed while somebody waits.
const (
	brotliBest, gzipBest   = 11, 9
	brotliQuick, gzipQuick = 4, 5
)

// tagBytes is how much of a hash is an entity tag.
const tagBytes = 12

func newContent(kind string, body []byte, brotliLevel, gzipLevel int) *Content {
	hash := sha256.Sum256(body)
	return &Content{Type: kind, plain: body, hash: hex.EncodeToString(hash[:tagBytes]),
		gzip:   compress(body, func(to io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(to, gzipLevel) }),
		brotli: compress(body, func(to io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(to, brotliLevel) })}
}

// compress returns the body in a coding. In memory nothing fails but a level that is none,
// and those are constants.
func compress(body []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	var packed bytes.Buffer
	writer, err := open(&packed)
	if err == nil {
		_, err = writer.Write(body)
	}
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		panic("BUG: compressing in memory failed: " + err.Error())
	}
	return packed.Bytes()
}

// Choose returns the body in the best coding that Accept-Encoding allows, the coding's name,
// which is empty for none, and the entity tag of the two.
func (c *Content) Choose(acceptEncoding []byte) (body []byte, coding, tag string) {
	switch {
	case accepts(acceptEncoding, "br"):
		body, coding = c.brotli, "br"
	case accepts(acceptEncoding, "gzip"):
		body, coding = c.gzip, "gzip"
	default:
		return c.plain, "", `"` + c.hash + `"`
	}
	return body, coding, `"` + c.hash + "-" + coding + `"`
}

// accepts reports whether Accept-Encoding names a coding, and not with a weight of 0.
func accepts(header []byte, coding string) bool {
	for part := range bytes.SplitSeq(header, []byte{','}) {
		name, weight, _ := strings.Cut(string(part), ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		_, value, weighted := strings.Cut(strings.ReplaceAll(weight, " ", ""), "q=")
		return !weighted || strings.Trim(value, "0.") != ""
	}
	return false
}
