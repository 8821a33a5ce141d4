package api

import (
	"bytes"
	"strconv"
)

// versionAny is the version that If-Match: * stands for.
const versionAny = 0

// requireMatch reads the version of a catalogue entry from If-Match, or refuses: without
// it, whoever changes a product could undo what somebody else has changed meanwhile. Of an
// entity tag only the part of the catalogue counts, since stock changes all the time.
func (x *exchange) requireMatch() (version int64, ok bool) {
	values := x.ctx.Request.Header.PeekAll(headerIfMatch)
	if len(values) == 0 {
		x.fail(codePreconditionRequired, `Send the ETag of the product that you have seen as If-Match, such as "v7".`)
		return 0, false
	}
	if len(values) == 1 {
		if version, ok = versionOfTag(bytes.TrimSpace(values[0])); ok {
			return version, true
		}
	}
	x.fail(codeMalformed, `If-Match must be one ETag of a product, such as "v7" or "v7.s1234", or *.`)
	return 0, false
}

// versionOfTag returns the version of the catalogue that an entity tag names.
func versionOfTag(tag []byte) (version int64, ok bool) {
	if string(tag) == "*" {
		return versionAny, true
	}
	inner, quoted := bytes.CutPrefix(tag, []byte(`"v`))
	inner, ended := bytes.CutSuffix(inner, []byte(`"`))
	catalogue, stock, both := bytes.Cut(inner, []byte(".s"))
	version, err := strconv.ParseInt(string(catalogue), 10, 64)
	if both && err == nil {
		_, err = strconv.ParseUint(string(stock), 10, 64)
	}
	return version, quoted && ended && err == nil && version > 0
}
