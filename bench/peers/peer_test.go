package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

// begin serves until the test ends.
func begin(t *testing.T, arguments ...string) (string, options) {
	o, err := parse(arguments)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- serveOn(ctx, slog.New(slog.DiscardHandler), o, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String(), o
}

// socket is a WebSocket, read and written by hand: a client must mask, and zeros do.
type socket struct {
	t      *testing.T
	conn   net.Conn
	reader *bufio.Reader
}

func dial(t *testing.T, address string) *socket {
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, "GET /connection/websocket HTTP/1.1\r\nHost: "+address+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: aG9sZGZhc3QtY3Jvd2QtMQ==\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade: %v %v", response, err)
	}
	return &socket{t, conn, reader}
}

func (s *socket) say(text string) {
	s.conn.Write(append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...))
}

// hear returns the lines of the next text message.
func (s *socket) hear() []string {
	s.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(s.reader, head); err != nil {
		s.t.Fatal(err)
	}
	size := int(head[1])
	if size == 126 {
		wide := make([]byte, 2)
		io.ReadFull(s.reader, wide)
		size = int(wide[0])<<8 | int(wide[1])
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(s.reader, payload); err != nil || head[0] != 0x81 {
		s.t.Fatalf("a frame of %#x: %v", head[0], err)
	}
	return strings.Split(strings.TrimSpace(string(payload)), "\n")
}

// until reads until a line has the text.
func (s *socket) until(text string) string {
	s.t.Helper()
	for {
		for _, line := range s.hear() {
			if strings.Contains(line, text) {
				return line
			}
		}
	}
}

func order(t *testing.T, address string, status int) (version int64) {
	t.Helper()
	response, err := http.Post("http://"+address+"/api/orders", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var placed struct {
		Items []struct {
			Version int64 `json:"stock_version"`
		} `json:"items"`
	}
	if response.StatusCode != status {
		t.Fatalf("an order was answered %d", response.StatusCode)
	}
	if json.NewDecoder(response.Body).Decode(&placed); len(placed.Items) == 1 {
		version = placed.Items[0].Version
	}
	return version
}

// Who subscribes is told the present first, and then each change.
func TestASubscriberIsToldThePresentFirst(t *testing.T) {
	address, o := begin(t, "--stock", "3", "--hertz", "1000")
	if version := order(t, address, http.StatusCreated); version != 2 {
		t.Fatalf("the first order made version %d", version)
	}
	s := dial(t, address)
	s.say(`{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"p:` + o.product + `","recover":true}}`)
	present := s.until(`"subscribe"`)
	if !strings.Contains(present, `"publications":[{"data":{"t":"u"`) || !strings.Contains(present, `"s":2,"a":2,"r":1`) {
		t.Fatalf("it was told %s", present)
	}
	order(t, address, http.StatusCreated)
	s.until(`"pub":{"data":{"t":"u","p":"` + o.product + `","e":1,"s":3,"a":1,"r":2`)
	order(t, address, http.StatusCreated)
	order(t, address, http.StatusConflict)
	s.until(`"s":4,"a":0,"r":3`)
}

// Another channel is refused.
func TestAnotherChannelIsRefused(t *testing.T) {
	address, _ := begin(t)
	s := dial(t, address)
	s.say(`{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"p:another"}}`)
	s.until(`"error":{"code":102`)
}

// Changes that come faster than the rate are told together, the last one for certain.
func TestChangesAreConflated(t *testing.T) {
	address, o := begin(t, "--hertz", "5")
	s := dial(t, address)
	s.say(`{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"p:` + o.product + `","recover":true}}`)
	s.until(`"subscribe"`)
	const orders = 50
	for range orders {
		order(t, address, http.StatusCreated)
	}
	told := 0
	for last := false; !last; {
		for _, line := range s.hear() {
			if strings.Contains(line, `"pub"`) {
				told++
			}
			last = last || strings.Contains(line, `"s":51,`)
		}
	}
	if told > orders/2 {
		t.Errorf("%d of %d changes were told one by one", told, orders)
	}
}

func TestFlagsThatCannotBeAreRefused(t *testing.T) {
	for _, arguments := range [][]string{{"--hertz", "0"}, {"--hertz", "NaN"}, {"--stock", "-1"}, {"--product", ""}, {"--write-delay", "-1s"}} {
		if _, err := parse(arguments); err == nil {
			t.Errorf("%v is taken", arguments)
		}
	}
}
