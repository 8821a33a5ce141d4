package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strconv"

	"holdfast/persistence"
)

// cursorSealer makes cursors: the place of the last item of a page, and a code that binds
// it to the list and its filter, so that a cursor cannot be made up or carried over.
type cursorSealer struct{ key []byte }

const (
	cursorCodeBytes = 16
	// cursorNumberBytes are those of the number of a place.
	cursorNumberBytes = 8
	// cursorTextBytesMax bounds the text of a place: it is the name of a product.
	cursorTextBytesMax = 1024
)

// seal returns the cursor that continues after a place.
func (c cursorSealer) seal(filter string, place persistence.Place) string {
	data := append(c.code(filter, &place), place.ID[:]...)
	data = binary.BigEndian.AppendUint64(data, uint64(place.Number)) // #nosec G115 -- bits are bits
	return base64.RawURLEncoding.EncodeToString(append(data, place.Text...))
}

// open returns the place that a cursor continues after.
func (c cursorSealer) open(filter, cursor string) (place persistence.Place, ok bool) {
	const fixed = cursorCodeBytes + len(place.ID) + cursorNumberBytes
	data, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(data) < fixed || len(data) > fixed+cursorTextBytesMax {
		return place, false
	}
	copy(place.ID[:], data[cursorCodeBytes:])
	place.Number = int64(binary.BigEndian.Uint64(data[fixed-cursorNumberBytes:])) // #nosec G115 -- bits are bits
	place.Text = string(data[fixed:])
	return place, hmac.Equal(data[:cursorCodeBytes], c.code(filter, &place))
}

func (c cursorSealer) code(filter string, place *persistence.Place) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(filter))))
	mac.Write([]byte(filter))
	mac.Write(place.ID[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(place.Number))) // #nosec G115 -- bits are bits
	mac.Write([]byte(place.Text))
	return mac.Sum(nil)[:cursorCodeBytes]
}

// page is where a list begins and how long it is.
type page struct {
	path   string
	query  url.Values
	filter string
	limit  int
	start  persistence.Place
}

// page reads limit, cursor and the filters of a list, which have been checked against the
// route's parameters. scope is what else selects the items.
func (x *exchange) page(scope string, filters ...string) (page, bool) {
	p := page{path: string(x.ctx.Path()), query: url.Values{}, limit: pageLimitDefault}
	for name, value := range x.ctx.QueryArgs().All() {
		p.query.Set(string(name), string(value))
	}
	if p.query.Has("limit") {
		p.limit, _ = strconv.Atoi(p.query.Get("limit"))
	}
	selected := url.Values{}
	for _, name := range filters {
		if p.query.Has(name) {
			selected.Set(name, p.query.Get(name))
		}
	}
	p.filter = x.route.path + "\x00" + scope + "\x00" + selected.Encode()
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

// endPage cuts what was read to the page's limit. When there is more, it returns the cursor
// after the last item, too.
func endPage[T any](x *exchange, p *page, found []T, placeOf func(*T) persistence.Place) ([]T, *string) {
	if len(found) <= p.limit {
		return found, nil
	}
	found = found[:p.limit]
	cursor := x.next(p, placeOf(&found[p.limit-1]))
	return found, &cursor
}

// next returns the cursor after last, and announces the next page in Link.
func (x *exchange) next(p *page, last persistence.Place) string {
	cursor := x.server.cursors.seal(p.filter, last)
	p.query.Set("cursor", cursor)
	x.ctx.Response.Header.Set("Link", "<"+p.path+"?"+p.query.Encode()+`>; rel="next"`)
	return cursor
}
