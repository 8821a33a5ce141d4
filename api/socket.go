package api

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"holdfast/api/ticker"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// openTicker makes the hub of the WebSockets.
func (s *Server) openTicker() {
	s.tickets, s.origins = newTickets(), map[string]bool{}
	for _, origin := range s.options.Origins {
		s.origins[origin] = true
	}
	options := ticker.Options{Clock: s.clock, Log: s.log, Node: nodeName(), ConnectionsMax: s.options.SocketsMax,
		AddressConnectionsMax: s.options.SocketsPerAddressMax, UserConnectionsMax: s.options.SocketsPerUserMax, Poll: s.options.SocketsPoll,
		Ended: func(v ticker.Visitor) bool {
			if !v.Key.IsZero() {
				return s.revocations.Has(token.Principal{ID: v.Key})
			}
			return s.revocations.Has(token.Principal{ID: v.User, Session: v.Session, Version: v.Version})
		}}
	if !s.options.tokensUnknown {
		options.Identify = s.identifySocket
	}
	if s.options.Showcase == nil {
		options.Orders, options.System = socketOrders{s}, s.socketFigures
	}
	s.ticker = ticker.New(options)
}

// nodeName tells this run of this process from others, to those who are connected; it says
// nothing of the machine.
func nodeName() string { return strings.ToLower(rand.Text()[:8]) }

// endSockets closes the WebSockets of sessions that have ended, and voids their tickets.
func (s *Server) endSockets() {
	s.tickets.revoke(func(user *token.Principal) bool { return s.revocations.Has(*user) })
	s.ticker.EndRevoked()
}

// openSocket upgrades a request to a WebSocket, or refuses it before.
func openSocket(x *exchange) {
	result := x.upgrade()
	x.server.metrics.upgrades.WithLabelValues(string(result)).Inc()
}

// upgrade checks a request and takes its connection over. It returns the code of the
// refusal or upgradeAccepted.
func (x *exchange) upgrade() inventory.Code {
	if !x.canShow() {
		return inventory.CodeStarting
	}
	upgrade, code := x.checkHandshake()
	if code != "" {
		return code
	}
	if reason := x.server.refusesOrigin(&x.ctx.Request.Header); reason != "" {
		return x.failSocket(codeForbidden, reason)
	}
	visitor, code := x.visitor()
	if code != "" {
		return code
	}
	connection, can := x.ctx.Conn().(*guest)
	if !can || !connection.carries() {
		return x.failSocket(codeInternal, "This listener cannot carry WebSockets.")
	}
	seat, found := x.server.ticker.Admit(visitor)
	switch found {
	case ticker.RoomNone:
		return x.failSocket(inventory.CodeOverloaded, "Too many WebSockets are open, or opened at once.")
	case ticker.RoomNoneForAddress:
		return x.failSocket(codeRateLimited, "Too many WebSockets of your address are open.")
	case ticker.RoomNoneForUser:
		return x.failSocket(codeRateLimited, "Too many WebSockets of your account are open.")
	}
	connection.closed = seat.Leave
	x.takeOver(connection, seat, upgrade)
	return upgradeAccepted
}

func (x *exchange) failSocket(code inventory.Code, detail string) inventory.Code {
	x.fail(code, detail)
	return code
}

// takeOver gives the connection to the ticker once this request is done with.
func (x *exchange) takeOver(connection *guest, seat *ticker.Seat, upgrade ticker.Upgrade) {
	upgrade.Header = http.Header{nameRequestID: {string(x.requestID)}}
	hub, log := x.server.ticker, x.server.log
	x.ctx.Response.SetStatusCode(fasthttp.StatusSwitchingProtocols)
	x.ctx.HijackSetNoResponse(true)
	x.ctx.Hijack(func(c net.Conn) {
		upgrade.Early = readBuffered(c)
		socket, err := connection.carry()
		if err != nil {
			_ = connection.Close()
		} else {
			err = hub.Serve(socket, seat, upgrade)
		}
		if err != nil {
			log.Debug("a WebSocket was not opened", "error", err)
		}
	})
}

// readBuffered returns what fasthttp has read beyond the request. With the deadline over,
// nothing more is read; and from then on nobody needs fasthttp's buffer, which is larger
// than all else that a WebSocket takes.
func readBuffered(c net.Conn) []byte {
	var early []byte
	_ = c.SetReadDeadline(longAgo)
	for {
		var chunk [512]byte
		n, err := c.Read(chunk[:])
		early = append(early, chunk[:n]...)
		if err != nil || n == 0 {
			break
		}
	}
	_ = c.SetReadDeadline(time.Time{})
	return early
}

// carrier is a connection with a place, as the ticker needs it.
type carrier struct {
	ticker.Socket
	guest *guest
}

// Close gives the place back.
func (c carrier) Close() error { return c.guest.Close() }

// carries reports whether the connection can carry a WebSocket.
func (g *guest) carries() bool {
	_, direct := g.Conn.(ticker.Socket)
	_, encrypted := g.Conn.(*tls.Conn)
	return direct || encrypted
}

// carry returns the connection as the ticker needs it.
func (g *guest) carry() (ticker.Socket, error) {
	if encrypted, is := g.Conn.(*tls.Conn); is {
		return g.bridge(encrypted)
	}
	return carrier{Socket: g.Conn.(ticker.Socket), guest: g}, nil
}

// socketKeyBytes is how many bytes a Sec-WebSocket-Key has (RFC 6455 §4.1).
const socketKeyBytes = 16

// checkHandshake checks what RFC 6455 asks of an upgrade. The library that answers it
// checks less.
func (x *exchange) checkHandshake() (upgrade ticker.Upgrade, code inventory.Code) {
	header := &x.ctx.Request.Header
	key := single(header, headerSocketKey)
	switch {
	case !x.ctx.IsGet() || !hasToken(header, fasthttp.HeaderConnection, "upgrade") || !hasToken(header, fasthttp.HeaderUpgrade, "websocket"),
		string(single(header, headerSocketVersion)) != "13":
		x.ctx.Response.Header.Set(fasthttp.HeaderUpgrade, "websocket")
		x.ctx.Response.Header.Set(headerSocketVersion, "13")
		return upgrade, x.failSocket(codeUpgradeRequired, "Send a WebSocket upgrade of version 13.")
	case !isSocketKey(key):
		return upgrade, x.failSocket(codeMalformed, "Sec-WebSocket-Key must be 16 bytes in base64.")
	}
	subprotocol, spoken := chooseSubprotocol(header)
	if !spoken {
		return upgrade, x.failSocket(codeMalformed, "None of the subprotocols is spoken here. Offer "+strings.Join(ticker.Subprotocols[:], " or ")+", or none.")
	}
	return ticker.Upgrade{Key: string(key), Subprotocol: subprotocol}, ""
}

// single is the value of a header that is there once; nil otherwise. (What PeekAll
// returns is good until the next one.)
func single(header *fasthttp.RequestHeader, name string) []byte {
	values := header.PeekAll(name)
	if len(values) != 1 {
		return nil
	}
	return values[0]
}

func isSocketKey(text []byte) bool {
	decoded, err := base64.StdEncoding.Strict().DecodeString(textOf(text))
	return err == nil && len(decoded) == socketKeyBytes
}

// hasToken reports whether a header that is a list has a part, in any case.
func hasToken(header *fasthttp.RequestHeader, name, wanted string) bool {
	for _, value := range header.PeekAll(name) {
		for part := range bytes.SplitSeq(value, []byte{','}) {
			if strings.EqualFold(textOf(bytes.TrimSpace(part)), wanted) {
				return true
			}
		}
	}
	return false
}

// chooseSubprotocol returns the first that is spoken; nothing when nothing was offered.
func chooseSubprotocol(header *fasthttp.RequestHeader) (string, bool) {
	offered := false
	for _, value := range header.PeekAll(headerSubprotocol) {
		for part := range bytes.SplitSeq(value, []byte{','}) {
			name := textOf(bytes.TrimSpace(part))
			for _, spoken := range ticker.Subprotocols {
				if name == spoken {
					return spoken, true
				}
			}
			offered = true
		}
	}
	return "", !offered
}

// visitor finds out who opens a WebSocket: by a ticket, by an Authorization, or nobody.
func (x *exchange) visitor() (ticker.Visitor, inventory.Code) {
	visitor := ticker.Visitor{}
	if address := x.address(); isForeign(address) {
		visitor.Address = address
	}
	text, code := x.ticketText()
	if code == "" {
		code = x.refusesIdentity(text)
	}
	switch credentials := x.given.authorization.count; {
	case code != "":
		return visitor, code
	case len(text) > 0 && credentials > 0:
		return visitor, x.failSocket(codeMalformed, "Send a ticket or an Authorization, not both.")
	case len(text) > 0:
		return x.visitorByTicket(visitor, text)
	case credentials > 0:
		return x.visitorByCredential(visitor)
	}
	return visitor, ""
}

// ticketText reads ?ticket, the only parameter there is.
func (x *exchange) ticketText() ([]byte, inventory.Code) {
	var text []byte
	for name, value := range x.ctx.QueryArgs().All() {
		if string(name) != "ticket" || text != nil || len(value) == 0 {
			return nil, x.failSocket(codeMalformed, "The only parameter is ticket, once.")
		}
		text = value
	}
	return text, ""
}

func (x *exchange) visitorByTicket(visitor ticker.Visitor, text []byte) (ticker.Visitor, inventory.Code) {
	opened, valid := x.server.tickets.redeem(text, x.now)
	if !valid {
		return visitor, x.failSocket(codeUnauthorized, "The ticket is not valid, was used, or has ended.")
	}
	return visitorAt(visitor.Address, &opened.user, opened.until), ""
}

// visitorAt is a person at an address.
func visitorAt(address netip.Addr, principal *token.Principal, until inventory.Instant) ticker.Visitor {
	visitor := visitorOf(principal, until)
	visitor.Address = address
	return visitor
}

// visitorByCredential recognises people by their access token. A machine's key is
// checked, but no person's account stands behind it: it may see what its role may.
func (x *exchange) visitorByCredential(visitor ticker.Visitor) (ticker.Visitor, inventory.Code) {
	if !x.authenticate() {
		return visitor, rowOfStatus(x.ctx.Response.StatusCode())
	}
	credential := x.credential()
	if token.LooksLikeKey(textOf(credential)) {
		visitor.Key, visitor.Admin = x.principal.ID, x.principal.Role == persistence.RoleAdmin
		return visitor, ""
	}
	_, until, err := x.server.signer.Verify(string(credential))
	if err != nil {
		x.failCredential()
		return visitor, codeUnauthorized
	}
	return visitorAt(visitor.Address, &x.principal, until), ""
}

// rowOfStatus is the code with which authenticate has refused.
func rowOfStatus(status int) inventory.Code {
	if status == fasthttp.StatusUnauthorized {
		return codeUnauthorized
	}
	return inventory.CodeStoreUnavailable
}
