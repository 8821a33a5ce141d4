package api

import "github.com/valyala/fasthttp"

// given are the headers that are looked at on most routes, found in one pass: to ask
// for each of them means to normalise its name and go through all headers every time.
// They lie in the request.
type given struct {
	authorization, key, requestID, encoding, origin givenHeader
}

// givenHeader is a header that may be sent once: of two, whoever stands before us may
// have believed the other one.
type givenHeader struct {
	// value is the last one.
	value []byte
	count int
}

// read finds the headers of a request.
func (g *given) read(header *fasthttp.RequestHeader) {
	for name, value := range header.All() {
		if found := g.named(name); found != nil {
			found.value = value
			found.count++
		}
	}
}

// named returns where the header with a normalised name belongs, or nil.
func (g *given) named(name []byte) *givenHeader {
	switch string(name) {
	case headerAuthorization:
		return &g.authorization
	case headerKey:
		return &g.key
	case nameRequestID:
		return &g.requestID
	case nameEncoding:
		return &g.encoding
	case headerOrigin:
		return &g.origin
	}
	return nil
}
