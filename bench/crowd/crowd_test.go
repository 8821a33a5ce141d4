package crowd

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

// server upgrades connections and says what a test wants.
type server struct {
	t       *testing.T
	address string
	// busy is how many connections are refused at first.
	lock    sync.Mutex
	busy    int
	sockets []*socket
	serving sync.WaitGroup
}

// socket is the server's end of a connection.
type socket struct {
	net.Conn
	reader *bufio.Reader
	// first is the first command.
	first string
}

func newServer(t *testing.T, greeting string) *server {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{t: t, address: listener.Addr().String()}
	s.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() { s.upgrade(conn, greeting) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		s.lock.Lock()
		for _, each := range s.sockets {
			each.Close()
		}
		s.lock.Unlock()
		s.serving.Wait()
	})
	return s
}

func (s *server) upgrade(conn net.Conn, greeting string) {
	reader := bufio.NewReader(conn)
	request, err := http.ReadRequest(reader)
	if !assert.NoError(s.t, err) {
		return
	}
	assert.Equal(s.t, "stockticker.v1.json", request.Header.Get("Sec-WebSocket-Protocol"))
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.busy > 0 {
		s.busy--
		fmt.Fprint(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		conn.Close()
		return
	}
	// The answer and the first message come in one packet.
	conn.Write(append([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"), text(greeting)...))
	each := &socket{Conn: conn, reader: reader}
	_, each.first = each.hear(s.t)
	s.sockets = append(s.sockets, each)
}

// hear reads a frame of a client.
func (s *socket) hear(t *testing.T) (operation byte, payload string) {
	s.SetReadDeadline(time.Now().Add(patience))
	head := make([]byte, 2)
	for i := range head {
		b, err := s.reader.ReadByte()
		if !assert.NoError(t, err) {
			return 0, ""
		}
		head[i] = b
	}
	rest := make([]byte, 4+int(head[1]&0x7f))
	for i := range rest {
		rest[i], _ = s.reader.ReadByte()
	}
	assert.Equal(t, byte(maskBit), head[1]&maskBit, "a client must mask")
	return head[0] & 0x0f, string(rest[4:])
}

// sayAll says something on every connection.
func (s *server) sayAll(data []byte) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, each := range s.sockets {
		each.Write(data)
	}
}

// text is a text frame of a server.
func text(payload string) []byte {
	if len(payload) < 126 {
		return append([]byte{0x81, byte(len(payload))}, payload...)
	}
	return append([]byte{0x81, 126, byte(len(payload) >> 8), byte(len(payload))}, payload...)
}

// shown is a snapshot or an update.
func shown(kind string, version, available int) string {
	return fmt.Sprintf(`{"t":%q,"p":"01234567-89ab-7def-8123-456789abcdef","e":42,"s":%d,"a":%d,"r":310,"d":151479,"ph":"live","ts":1764000000000}`, kind, version, available)
}

// faults are what a crowd finds wrong.
type faults struct {
	lock  sync.Mutex
	texts []string
}

func (f *faults) add(format string, arguments ...any) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.texts = append(f.texts, fmt.Sprintf(format, arguments...))
}

func (f *faults) all() []string {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.texts
}

func open(t *testing.T, s *server, connections int, change func(*Options)) (*Crowd, *faults) {
	found := &faults{}
	options := Options{Address: s.address, Dialect: JSON("x", 5), Connections: connections, Loops: 2, RecordsMax: 100, Began: time.Now(), Faults: found.add}
	if change != nil {
		change(&options)
	}
	c, err := Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, found
}

// await waits until every connection shows a version.
func await(t *testing.T, c *Crowd, version uint64, available int64) {
	t.Helper()
	require.Eventually(t, func() bool { count, _ := c.Behind(version, available); return count == 0 }, patience, time.Millisecond)
}

// Every connection is shown every version, and when it was is recorded while that is asked
// for.
func TestACrowdWatches(t *testing.T) {
	s := newServer(t, shown("s", 3, 9))
	s.busy = 2
	c, found := open(t, s, 10, nil)
	await(t, c, 3, 9)
	s.lock.Lock()
	for _, each := range s.sockets {
		assert.Equal(t, `{"id":1,"op":"sub","ch":["p:x"],"hz":5}`, each.first)
	}
	s.lock.Unlock()
	s.sayAll(text(shown("u", 4, 8)))
	await(t, c, 4, 8)
	c.Record(true)
	s.sayAll(append(text(shown("u", 5, 7)), text(shown("u", 6, 6))...)) // two in one packet
	await(t, c, 6, 6)
	c.Record(false)
	s.sayAll(text(shown("u", 7, 5)))
	await(t, c, 7, 5)
	recorded, lost := c.Records()
	seen := map[uint32][]uint32{}
	for _, records := range recorded {
		for _, r := range records {
			seen[r.Member] = append(seen[r.Member], r.Version)
		}
	}
	require.Len(t, seen, 10)
	for member, versions := range seen {
		assert.Equal(t, []uint32{5, 6}, versions, "connection %d", member)
	}
	assert.Zero(t, lost)
	tally := c.Tally()
	assert.Equal(t, []int64{10, 10, 50}, []int64{int64(tally.Open), int64(tally.Ready), tally.Shown})
	assert.Empty(t, found.all())
}

// A message that comes byte by byte is read, a ping is answered, and what is not to be looked
// at is not.
func TestMessagesComeInParts(t *testing.T) {
	s := newServer(t, `{"t":"hello"}`)
	opened := make(chan *Crowd, 1)
	go func() { c, _ := open(t, s, 1, nil); opened <- c }()
	require.Eventually(t, func() bool { s.lock.Lock(); defer s.lock.Unlock(); return len(s.sockets) == 1 }, patience, time.Millisecond)
	peer := s.sockets[0]
	for _, b := range append(text(`{"t":"hb","now":1}`), text(shown("s", 1<<40, 5)+fmt.Sprintf("%200s", ""))...) {
		peer.Write([]byte{b})
	}
	c := <-opened
	await(t, c, 1<<40, 5)
	peer.Write([]byte{0x89, 2, 'h', 'i'})
	operation, payload := peer.hear(t)
	assert.Equal(t, byte(opPong), operation)
	assert.Equal(t, "hi", payload)
}

// A version that falls is a fault, and so is what no server may send; the server may only end
// connections when that is expected.
func TestFaultsAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		say   []byte
		fault string
	}{
		"a version that falls":   {text(shown("u", 2, 9)), "was shown version 42.2 after 42.3"},
		"an error":               {text(`{"t":"err","code":102}`), `it was told "{\"t\":\"err\"`},
		"no JSON":                {text(`well`), `it was told "well"`},
		"a masked frame":         {[]byte{0x81, 0x81, 0, 0, 0, 0, 'x'}, "which is none"},
		"a part of a message":    {[]byte{0x01, 1, 'x'}, "which is none"},
		"a frame without an end": {[]byte{0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0}, "which is none"},
		"an unknown operation":   {[]byte{0x83, 0}, "operation 3"},
		"a close":                {[]byte{0x88, 2, 0x10, 0x04}, "closed with 4100"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, shown("s", 3, 9))
			_, found := open(t, s, 1, nil)
			s.sayAll(test.say)
			require.Eventually(t, func() bool { return len(found.all()) == 1 }, patience, time.Millisecond)
			assert.Contains(t, found.all()[0], test.fault)
		})
	}
	s := newServer(t, shown("s", 3, 9))
	c, found := open(t, s, 2, func(o *Options) { o.MayEnd = true })
	s.sayAll([]byte{0x88, 2, 0x10, 0x04})
	require.Eventually(t, func() bool { return c.Tally().Open == 0 }, patience, time.Millisecond)
	assert.Equal(t, map[int]int{4100: 2}, c.Tally().Closes)
	assert.Empty(t, found.all())
}

// A crowd that is paused reads nothing, until it goes on.
func TestAPausedCrowdStalls(t *testing.T) {
	s := newServer(t, shown("s", 3, 9))
	c, _ := open(t, s, 2, func(o *Options) { o.ReceiveBytes = 2048 })
	c.Pause()
	s.sayAll(text(shown("u", 4, 8)))
	count, _ := c.Behind(3, 9)
	assert.Zero(t, count)
	c.Resume()
	await(t, c, 4, 8)
}

// What there is no room to record is counted.
func TestRecordsAreBounded(t *testing.T) {
	s := newServer(t, shown("s", 3, 9))
	c, _ := open(t, s, 1, func(o *Options) { o.RecordsMax, o.Loops = 2, 1 })
	c.Record(true)
	for version := 4; version < 9; version++ {
		s.sayAll(text(shown("u", version, 9)))
	}
	await(t, c, 8, 9)
	records, lost := c.Records()
	assert.Len(t, records[0], 2)
	assert.Equal(t, 3, lost)
}

// A server that ends a connection instead of showing anything is an error at once.
func TestWhoIsShownNothingIsTold(t *testing.T) {
	s := newServer(t, `{"t":"err","code":106}`)
	_, err := Open(t.Context(), Options{Address: s.address, Dialect: JSON("x", 5), Connections: 3, Loops: 1, Began: time.Now(), Faults: (&faults{}).add})
	require.ErrorContains(t, err, "ended before they were all open")
	_, err = Open(t.Context(), Options{Address: "::1", Loops: 1})
	require.Error(t, err)
	_, err = Open(t.Context(), Options{Address: s.address, Loops: 1, Connections: 1 << 40})
	require.ErrorContains(t, err, "raise the hard limit")
}
