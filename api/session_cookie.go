package api

import (
	"bytes"
	"crypto/tls"

	"github.com/valyala/fasthttp"

	"holdfast/internal/token"
)

// Cookies carry the tokens of a session for pages, whose scripts cannot read them then
// (RFC 6265bis): they are HttpOnly, are sent by pages of this site alone (SameSite=Strict),
// and over TLS have the prefix with which a browser takes them from this host only. A
// request whose caller is known by a cookie must come from a page of the server's own: see
// refusesCrossSite. With Authorization, cookies are not looked at.

// sessionCookie is a cookie of a session by its names.
type sessionCookie struct {
	// secure is its name over TLS, plain over anything else.
	secure, plain string
}

var (
	accessCookie  = sessionCookie{"__Host-holdfast-access", "holdfast-access"}
	refreshCookie = sessionCookie{"__Host-holdfast-refresh", "holdfast-refresh"}
)

// name is that of the cookie over the request's connection. A page without TLS could set
// the other one, and is not believed.
func (c *sessionCookie) name(secure bool) string {
	if secure {
		return c.secure
	}
	return c.plain
}

// cookieIn returns the value of the cookie with the name, which is sent once.
func cookieIn(header *fasthttp.RequestHeader, name string) (value []byte) {
	if len(header.Peek(fasthttp.HeaderCookie)) == 0 {
		return nil
	}
	for found, content := range header.Cookies() {
		if string(found) != name {
			continue
		}
		if value != nil {
			return nil // whoever stands before us may have believed the other one
		}
		value = content
	}
	return value
}

// cookie returns the value of a cookie of the session, or nil.
func (x *exchange) cookie(which sessionCookie) []byte {
	return cookieIn(&x.ctx.Request.Header, which.name(x.isSecure()))
}

// accessTokenIn returns the access token in a cookie. An API key is no session's.
func accessTokenIn(header *fasthttp.RequestHeader, secure bool) []byte {
	value := cookieIn(header, accessCookie.name(secure))
	if token.LooksLikeKey(textOf(value)) {
		return nil
	}
	return value
}

// isSecure reports whether what is sent to the caller is encrypted: by the server, or by a
// proxy that is trusted and says so.
func (x *exchange) isSecure() bool {
	if holder, is := x.ctx.Conn().(*guest); is {
		if _, encrypted := holder.Conn.(*tls.Conn); encrypted {
			return true
		}
	}
	trusted := x.server.options.TrustedProxies
	return len(trusted) > 0 && isInside(plainAddress(x.ctx.RemoteAddr()), trusted) &&
		bytes.EqualFold(single(&x.ctx.Request.Header, headerForwardedProto), schemeOfTLS)
}

var schemeOfTLS = []byte("https")

// giveTokens puts the tokens of a session into the answer, or into cookies when that is
// where the caller has them, or wants them.
func (x *exchange) giveTokens(reply *sessionReply, access, refresh string) {
	if !x.intoCookies {
		reply.AccessToken, reply.TokenType, reply.RefreshToken = access, "Bearer", refresh
		return
	}
	x.setCookie(accessCookie, access, reply.ExpiresIn)
	x.setCookie(refreshCookie, refresh, reply.RefreshExpiresIn)
}

// takeCookies notes whether the caller wants its tokens in cookies, or refuses: a page of
// another site must not log somebody in either.
func (x *exchange) takeCookies(wanted bool) bool {
	x.intoCookies = wanted
	return !wanted || x.isFromHere()
}

// isFromHere refuses a request that is known by a cookie and that the page of another site
// may have made.
func (x *exchange) isFromHere() bool {
	reason := refusesCrossSite(&x.ctx.Request.Header)
	if reason != "" {
		x.fail(codeForbidden, reason)
	}
	return reason == ""
}

// setCookie sends a cookie that lasts so many seconds; with none, the browser drops it.
func (x *exchange) setCookie(which sessionCookie, value string, seconds int64) {
	secure := x.isSecure()
	cookie := fasthttp.AcquireCookie()
	defer fasthttp.ReleaseCookie(cookie)
	cookie.SetKey(which.name(secure))
	cookie.SetValue(value)
	cookie.SetPath("/")
	cookie.SetHTTPOnly(true)
	cookie.SetSecure(secure)
	cookie.SetSameSite(fasthttp.CookieSameSiteStrictMode)
	cookie.SetMaxAge(int(seconds))
	if seconds <= 0 {
		cookie.SetExpire(fasthttp.CookieExpireDelete)
	}
	x.ctx.Response.Header.SetCookie(cookie)
}

// dropCookies makes the browser forget a session that has ended, if it has it in cookies.
func (x *exchange) dropCookies() {
	if x.intoCookies {
		x.setCookie(accessCookie, "", 0)
		x.setCookie(refreshCookie, "", 0)
	}
}

// refreshTokenOf returns the refresh token of the body, or that of the cookie when the body
// has none, or refuses.
func (x *exchange) refreshTokenOf(body *refreshBody) (string, bool) {
	if body.RefreshToken != "" {
		return body.RefreshToken, true
	}
	var value []byte
	if x.given.authorization.count == 0 {
		value = x.cookie(refreshCookie)
	}
	if len(value) == 0 {
		x.failFields(fieldError{pointer: "#/refresh_token", code: fieldRequired, detail: "It is required unless a cookie has it."})
		return "", false
	}
	x.intoCookies = true
	return string(value), x.isFromHere()
}

// refusesCrossSite returns why a request that is known by a cookie is refused: another
// site's page may have made a browser send it. The rules are those of
// net/http.CrossOriginProtection, but that who sends cookies and does not say where from
// is refused too. What only reads passes: no page of another origin can see the answer.
func refusesCrossSite(header *fasthttp.RequestHeader) string {
	if header.IsGet() || header.IsHead() {
		return ""
	}
	const other = "With cookies, only pages of this server itself may do this."
	if sites := header.PeekAll(headerFetchSite); len(sites) > 0 {
		if site := string(sites[0]); len(sites) == 1 && (site == "same-origin" || site == "none") {
			return ""
		}
		return other
	}
	switch origins := header.PeekAll(headerOrigin); {
	case len(origins) == 0:
		return "A request with cookies must say its Origin."
	case len(origins) == 1 && isOwnOrigin(origins[0], header.Host()):
		return ""
	}
	return other
}
