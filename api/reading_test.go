package api

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// announce is a request that announces a body and does not send it.
func announce(target, credential string, length int) string {
	if credential != "" {
		credential = "Authorization: Bearer " + credential + "\r\n"
	}
	return fmt.Sprintf("%s HTTP/1.1\r\nHost: x\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", target, credential, length)
}

// TestLargeBodiesAreForKnownCallers announces bodies: what is refused is refused
// before any of it is read.
func TestLargeBodiesAreForKnownCallers(t *testing.T) {
	s := newStand(t)
	const order, login = "POST /api/orders", "POST /api/login"
	for _, c := range []struct {
		target, credential string
		length             int
		code               string
	}{
		{login, "", strangerBodyBytesMax + 1, "payload_too_large"}, {login, "", orderBodyBytesMax, "payload_too_large"},
		{order, "", orderBodyBytesMax, "payload_too_large"}, {"POST /nowhere", "", orderBodyBytesMax, "payload_too_large"},
		{"DELETE /api/orders", "", strangerBodyBytesMax + 1, "payload_too_large"},
		{order, s.customer + "x", strangerBodyBytesMax + 1, "unauthorized"}, {order, "nonsense", orderBodyBytesMax, "unauthorized"},
		{order, "hfk_" + strings.Repeat("A", 43), orderBodyBytesMax, "unauthorized"},
		{order, "nonsense", orderBodyBytesMax + 1, "payload_too_large"},
		{order, s.customer, orderBodyBytesMax + 1, "payload_too_large"}, {order, s.customer, 1 << 40, "payload_too_large"},
		{"GET /api/orders", s.customer, emptyBodyBytesMax + 1, "payload_too_large"},
		{"HEAD /livez", "", 1 << 20, ""},
	} {
		response := s.raw(announce(c.target, c.credential, c.length))
		if c.code == "" {
			require.Equal(t, 413, response.StatusCode, c.target)
			continue
		}
		s.isProblem(response, rowOfCode(inventory.Code(c.code)).status, c.code)
	}
	chunk := "Transfer-Encoding: chunked\r\n\r\n40000\r\n"
	s.isProblem(s.raw("POST /api/orders HTTP/1.1\r\nHost: x\r\n"+chunk), 413, "payload_too_large")
	s.isProblem(s.raw("POST /api/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"+chunk), 413, "payload_too_large")
}

func TestLargeBodiesOfKnownCallersAreRead(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 9)
	padded := orderOf(product, 1) + strings.Repeat(" ", orderBodyBytesMax)
	body := padded[:orderBodyBytesMax]
	for _, credential := range []string{s.customer, s.admin} {
		got := s.do(call{method: "POST", path: "/api/orders", token: credential, headers: key("large"), body: body})
		require.Equal(t, 201, got.status, "%s", got.body)
	}
	response := s.raw("POST /api/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + s.customer +
		"\r\nContent-Type: application/json\r\nIdempotency-Key: chunked-0123456789\r\nTransfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body))
	require.Equal(t, 201, response.StatusCode)
	got := s.do(call{method: "POST", path: "/api/products", token: s.admin, body: body[:bodyBytesMax+1]})
	require.Equal(t, 413, got.status, "a route that takes less says so")

	// The largest registration that is valid, with every character escaped, is a stranger's.
	escaped := func(text string) string {
		var out strings.Builder
		for _, c := range text {
			fmt.Fprintf(&out, `\u%04x`, c)
		}
		return out.String()
	}
	largest := fmt.Sprintf(`{"email":"%s","password":"%s","name":"%s"}`, escaped(strings.Repeat("a", 242)+"@example.org"),
		escaped(strings.Repeat("seventeen lobsters ", 7)[:128]), escaped(strings.Repeat("n", 100)))
	require.Less(t, len(largest), strangerBodyBytesMax)
	got = s.do(call{method: "POST", path: "/api/register", body: largest})
	require.Equal(t, 201, got.status, "%s", got.body)
}

func TestLeaveToSendABody(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 9)
	body := orderOf(product, 1)
	head := func(credential string, length int) string {
		return strings.Replace(announce("POST /api/orders", credential, length), "Content-Length",
			"Expect: 100-continue\r\nConnection: close\r\nIdempotency-Key: expected-0123456789\r\nContent-Length", 1)
	}
	connection := s.idle("192.0.2.1")
	defer connection.Close()
	reader := bufio.NewReader(connection)
	_, err := io.WriteString(connection, head(s.customer, len(body)))
	require.NoError(t, err)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, 100, response.StatusCode)
	_, err = io.WriteString(connection, body)
	require.NoError(t, err)
	response, err = http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, 201, response.StatusCode)

	s.isProblem(s.raw(head(s.customer, orderBodyBytesMax+1)), 413, "payload_too_large")
	s.isProblem(s.raw(head("", strangerBodyBytesMax+1)), 413, "payload_too_large")
	s.isProblem(s.raw(head("nonsense", strangerBodyBytesMax+1)), 401, "unauthorized")
	require.Equal(t, 100, s.raw(head(s.customer, strangerBodyBytesMax+1)).StatusCode)
}

// A store that panics while a header is looked at must not end the process.
func TestPanicBeforeTheBodyIsOutlived(t *testing.T) {
	s := newStand(t)
	s.server.store = nil
	response := s.raw(announce("POST /api/orders", "hfk_"+strings.Repeat("A", 43), orderBodyBytesMax))
	require.Equal(t, 401, response.StatusCode)
	require.Contains(t, s.log.String(), "panicked")
	require.Equal(t, 200, s.raw(plainGet).StatusCode)
}

// What could stand for two things is refused, whoever sends it.
func TestHeadersThatNameTheCallerOrTheRequestComeOnce(t *testing.T) {
	s := newStand(t)
	body := orderOf(s.product("A", 9), 1)
	const keyA, keyB = "Idempotency-Key: aaaaaaaaaaaaaaaa\r\n", "idempotency-key: bbbbbbbbbbbbbbbb\r\n"
	place := func(headers, rest string) *http.Response {
		return s.raw("POST /api/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
			s.customer + "\r\n" + headers + rest)
	}
	plain := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	chunks := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n", len(body), body)
	for name, c := range map[string]struct {
		response *http.Response
		status   int
		code     string
	}{
		"two keys":            {place(keyA+keyB, plain), 400, "idempotency_key_invalid"},
		"the same key twice":  {place(keyA+keyA, plain), 400, "idempotency_key_invalid"},
		"an empty key first":  {place("Idempotency-Key:\r\n"+keyA, plain), 400, "idempotency_key_invalid"},
		"an empty key last":   {place(keyA+"Idempotency-Key:\r\n", plain), 400, "idempotency_key_invalid"},
		"two credentials":     {place(keyA+"Authorization: Bearer "+s.admin+"\r\n", plain), 401, "unauthorized"},
		"key in a trailer":    {place("", chunks+keyA+"\r\n"), 400, "malformed_request"},
		"key in both":         {place(keyA, chunks+keyB+"\r\n"), 400, "malformed_request"},
		"announced trailer":   {place("Trailer: Idempotency-Key\r\n", chunks+keyA+"\r\n"), 400, "malformed_request"},
		"any trailer":         {place(keyA, chunks+"X-Checksum: 1\r\n\r\n"), 400, "malformed_request"},
		"credential, trailer": {place(keyA, chunks+"Authorization: Bearer "+s.admin+"\r\n\r\n"), 400, "malformed_request"},
	} {
		require.Equal(t, c.status, c.response.StatusCode, name)
		s.isProblem(c.response, c.status, c.code)
	}
	require.Empty(t, s.engine.order, "nothing was placed")
	response := place(keyA, chunks+"\r\n")
	require.Equal(t, 201, response.StatusCode, "without trailer")
}

func TestContentTypesOfJSON(t *testing.T) {
	for value, accepted := range map[string]bool{
		"application/json": true, "Application/Json": true, "application/json ; charset=utf-8": true,
		`application/json; charset="utf-8"`: true, `application/json;CHARSET="UTF-8"`: true, "application/json;charset=Utf-8": true,
		`application/json; charset="utf-8`: false, `application/json; charset=utf-8"`: false, `application/json; charset=""`: false,
		`application/json; charset="`: false, "application/json;": false, "application/json; charset": false,
		"application/json; charset=utf-16": false, "application/json; encoding=utf-8": false,
		"application/json; charset=utf-8; x=y": false, "text/json": false, "": false,
	} {
		require.Equal(t, accepted, isJSONType([]byte(value)), "%q", value)
	}
}
