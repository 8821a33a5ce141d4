package api

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// CheckOrigin returns an error unless text is the origin of pages as a browser sends it:
// scheme, host in small letters of ASCII, and the port when it is not the scheme's own.
// Any other could never match.
func CheckOrigin(text string) error {
	parsed, err := url.Parse(text)
	if err != nil || ownPorts[parsed.Scheme] == "" || parsed.Scheme+"://"+parsed.Host != text ||
		!isOriginHost(parsed.Hostname()) || !isOriginPort(parsed) {
		return fmt.Errorf("%q is no origin and must be like https://shop.example or http://127.0.0.1:8080, "+
			"in small letters, with a port only when it is not the scheme's own, and without *", text)
	}
	return nil
}

// ownPorts are those that a browser leaves out.
var ownPorts = map[string]string{"http": "80", "https": "443"}

func isOriginHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" && !strings.HasPrefix(host, "-")
}

func isOriginPort(origin *url.URL) bool {
	port := origin.Port()
	if port == "" {
		return !strings.HasSuffix(origin.Host, ":")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return err == nil && number > 0 && port != ownPorts[origin.Scheme] && port == strconv.FormatUint(number, 10)
}

var (
	schemeHTTP  = []byte("http://")
	schemeHTTPS = []byte("https://")
)

// refusesOrigin returns why a WebSocket may not be opened from where the request comes
// from. A browser lets every page open one, with the user's cookies, and says in Origin
// whose page it was. Who sends none is no browser, and so must have no cookies.
func (s *Server) refusesOrigin(header *fasthttp.RequestHeader) string {
	origins := header.PeekAll(headerOrigin)
	switch {
	case len(origins) == 0 && len(header.Peek(fasthttp.HeaderCookie)) > 0:
		return "A request with cookies must say its Origin."
	case len(origins) == 0:
		return ""
	case len(origins) == 1 && (s.origins[textOf(origins[0])] || isOwnOrigin(origins[0], header.Host())):
		return ""
	}
	return "Pages of this origin may not open WebSockets here."
}

// isOwnOrigin reports whether a page came from the host that is asked.
func isOwnOrigin(origin, host []byte) bool {
	rest, is := bytes.CutPrefix(origin, schemeHTTPS)
	if !is {
		rest, is = bytes.CutPrefix(origin, schemeHTTP)
	}
	return is && len(host) > 0 && bytes.EqualFold(rest, host)
}
