package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"

	"holdfast/inventory"
)

// cursorSealer makes cursors: the last id of a page and a code that binds it to
// the list and its filter, so that a cursor cannot be made up or carried over.
type cursorSealer struct{ key []byte }

const cursorCodeBytes = 16

// seal returns the cursor that continues after id.
func (c cursorSealer) seal(filter string, id inventory.ID) string {
	return base64.RawURLEncoding.EncodeToString(append(id[:], c.code(filter, id)...))
}

// open returns the id that a cursor continues after.
func (c cursorSealer) open(filter, cursor string) (id inventory.ID, ok bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(data) != len(id)+cursorCodeBytes {
		return id, false
	}
	copy(id[:], data)
	return id, hmac.Equal(data[len(id):], c.code(filter, id))
}

func (c cursorSealer) code(filter string, id inventory.ID) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(filter))
	mac.Write([]byte{0})
	mac.Write(id[:])
	return mac.Sum(nil)[:cursorCodeBytes]
}

// page is where a list begins and how long it is.
type page struct {
	path   string
	query  url.Values
	filter string
	limit  int
	start  inventory.ID
}

// page reads limit, cursor and the filters of a list. A parameter that the list
// does not have, or has twice, is refused: a misspelt filter must not select all.
func (x *exchange) page(scope string, filters ...string) (page, bool) {
	p := page{path: x.route.path, query: url.Values{}, limit: pageLimitDefault}
	for name, value := range x.ctx.QueryArgs().All() {
		key := string(name)
		if !isOneOf(key, filters) && key != "limit" && key != "cursor" || p.query.Has(key) {
			x.failFields(fieldError{pointer: key, code: fieldUnknown, detail: "The list has no such parameter, or it was given twice."})
			return p, false
		}
		p.query.Set(key, string(value))
	}
	if p.query.Has("limit") {
		limit, err := strconv.Atoi(p.query.Get("limit"))
		if err != nil || limit < 1 || limit > pageLimitMax {
			x.failFields(fieldError{pointer: "limit", code: fieldInvalid, detail: "It must be between 1 and 100."})
			return p, false
		}
		p.limit = limit
	}
	selected := url.Values{}
	for _, name := range filters {
		if p.query.Has(name) {
			selected.Set(name, p.query.Get(name))
		}
	}
	p.filter = p.path + "\x00" + scope + "\x00" + selected.Encode()
	if !p.query.Has("cursor") {
		return p, true
	}
	start, ok := x.server.cursors.open(p.filter, p.query.Get("cursor"))
	if !ok {
		x.fail(codeInvalidCursor, "The cursor does not belong to this list with these filters. Begin again without one.")
	}
	p.start = start
	return p, ok
}

func isOneOf(name string, names []string) bool {
	for _, other := range names {
		if name == other {
			return true
		}
	}
	return false
}

// next returns the cursor after last, and announces the next page in Link.
func (x *exchange) next(p *page, last inventory.ID) string {
	cursor := x.server.cursors.seal(p.filter, last)
	p.query.Set("cursor", cursor)
	x.ctx.Response.Header.Set("Link", "<"+p.path+"?"+p.query.Encode()+`>; rel="next"`)
	return cursor
}
