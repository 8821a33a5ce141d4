package ticker

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// raw writes a frame as a client does, with the mask zero.
func (p *peer) rawFrame(first byte, payload []byte) error {
	frame := []byte{first}
	if len(payload) < 126 {
		frame = append(frame, 0x80|byte(len(payload)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(len(payload)))
	}
	_, err := p.raw.Write(append(append(frame, 0, 0, 0, 0), payload...))
	return err
}

// Each of these costs the connection, and the peer learns why.
func TestWhatBreaksTheProtocolIsClosed(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(h *harness, p *peer)
		code CloseCode
	}{
		"binary":              {func(_ *harness, p *peer) { p.WriteMessage(websocket.BinaryMessage, []byte(`{"op":"ping"}`)) }, closeUnsupported},
		"bad UTF-8":           {func(_ *harness, p *peer) { p.WriteMessage(websocket.TextMessage, []byte("{\"op\":\"\xff\"}")) }, closeInvalidText},
		"too long":            {func(_ *harness, p *peer) { p.send(strings.Repeat(" ", messageBytesMax+1)) }, closeTooBig},
		"too long in parts":   {func(_ *harness, p *peer) { p.rawFrame(0x01, make([]byte, 4000)); p.rawFrame(0x80, make([]byte, 97)) }, closeTooBig},
		"three times no JSON": {func(_ *harness, p *peer) { p.send("{"); p.send(`{"id":1,"id":2}`); p.send("[]") }, closeMalformed},
		"flood of commands": {func(h *harness, p *peer) {
			for range commandRate.burst + violationsMax {
				p.send(`{"op":"ping"}`)
			}
			h.await(h.isAbused) // at this moment of the clock
		}, closeRateAbuse},
		"flood of pings": {func(h *harness, p *peer) {
			for range commandRate.burst + violationsMax {
				p.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience))
			}
			h.await(h.isAbused) // at this moment of the clock
		}, closeRateAbuse},
		"flood of pongs": {func(h *harness, p *peer) {
			for range commandRate.burst + violationsMax {
				p.WriteControl(websocket.PongMessage, nil, time.Now().Add(patience))
			}
			h.await(h.isAbused) // at this moment of the clock
		}, closeRateAbuse},
		// A message that never ends, in parts of no byte: bounded by the bytes of its headers.
		"flood of empty parts": {func(_ *harness, p *peer) {
			p.rawFrame(0x01, nil)
			for p.rawFrame(0x00, nil) == nil {
			}
		}, closeRateAbuse},
		"no command":  {func(h *harness, _ *peer) { h.pass(firstCommandTimeMax) }, closeNoCommand},
		"a long life": {func(h *harness, p *peer) { p.live(h); h.clock.NotBefore(start + lifetime*11/10); h.sweep(1) }, closeLifetime},
		"never a pong": {func(h *harness, p *peer) {
			p.live(h)
			p.SetPingHandler(func(string) error { return nil })
			h.pass(pingInterval*6/5 + pongTimeMax + inventory.Second)
		}, closeNoPong},
		// One byte now and then keeps a message open, but not for long.
		"fragment drip": {func(h *harness, p *peer) {
			p.live(h)
			p.rawFrame(0x01, []byte("{"))
			h.await(func() bool { return h.reading() })
			for range messageTimeMax / inventory.Second {
				p.rawFrame(0x00, []byte(" "))
				h.pass(inventory.Second)
			}
		}, closeMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			p := h.connect()
			c.do(h, p)
			p.ends(c.code)
			p.raw.Close()
			h.await(func() bool { return h.hub.Figures().Connections == 0 })
			require.EqualValues(t, 1, h.hub.Figures().Closes[closeTable[closeRows[c.code]].label])
			require.Empty(t, h.log.String(), "what a peer does wrong is logged")
		})
	}
}

// isAbused reports whether a connection was closed for what it sent too fast.
func (h *harness) isAbused() bool { return h.hub.Figures().Closes["4003"] > 0 }

// live sends a first command.
func (p *peer) live(h *harness) {
	p.send(`{"op":"ping"}`)
	require.Equal(p.t, "ok", p.read()["t"])
	h.settle()
}

// reading reports whether some client is in the middle of a message.
func (h *harness) reading() (found bool) {
	done := make(chan bool, 1)
	for _, s := range h.hub.shards {
		s.ask(nil, func(s *shard, _ *client) {
			some := false
			for _, c := range s.clients {
				some = some || c.reading.Load() != 0
			}
			done <- some
		})
		found = <-done || found
	}
	return found
}

// await looks again and again until something is so.
func (h *harness) await(is func() bool) {
	h.t.Helper()
	require.Eventually(h.t, is, patience, time.Millisecond)
}

// A frame that RFC 6455 forbids ends the connection with 1002, whatever it says.
func TestFramesThatAreForbidden(t *testing.T) {
	for name, frame := range map[string][]byte{
		"not masked":           {0x81, 2, '{', '}'},
		"reserved bit":         {0xc1, 0x80, 0, 0, 0, 0},
		"unknown operation":    {0x83, 0x80, 0, 0, 0, 0},
		"continues nothing":    {0x80, 0x80, 0, 0, 0, 0},
		"control in parts":     {0x09, 0x80, 0, 0, 0, 0},
		"long control":         {0x89, 0x80 | 126, 0, 126, 0, 0, 0, 0},
		"close without a code": {0x88, 0x82, 0, 0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			p := h.connect()
			_, err := p.raw.Write(frame)
			require.NoError(t, err)
			_, code := p.readClose()
			require.EqualValues(t, closeBroken, code)
		})
	}
}

// A message in parts of one byte is a message, and control frames may come between.
func TestOneByteFramesAreAMessage(t *testing.T) {
	h := newHarness(t)
	p := h.connect()
	text := `{"id":4,"op":"ping"}`
	for i := range text {
		first := byte(0)
		switch i {
		case 0:
			first = 0x01
		case len(text) - 1:
			first = 0x80
		}
		require.NoError(t, p.rawFrame(first, []byte{text[i]}))
		if i == 5 {
			require.NoError(t, p.rawFrame(0x8a, nil))
		}
	}
	require.EqualValues(t, 4, p.read()["id"])
}

// Each command that comes too fast is answered all the same, with when to repeat it.
func TestCommandsThatComeTooFastAreAnswered(t *testing.T) {
	h := newHarness(t)
	p := h.connect()
	for range commandRate.burst {
		p.send(`{"id":1,"op":"ping"}`)
		require.Equal(t, "ok", p.read()["t"])
	}
	p.send(`{"id":2,"op":"ping"}`)
	require.Equal(t, map[string]any{"t": "err", "id": 2., "code": 111., "msg": "Too many commands.", "temp": true, "after_ms": 100.}, p.read())
	h.clock.Advance(100 * time.Millisecond)
	p.send(`{"id":3,"op":"ping"}`)
	require.Equal(t, "ok", p.read()["t"])
}

func TestChannelsOfAConnectionAreBounded(t *testing.T) {
	h := newHarness(t)
	var products []inventory.ID
	for i := range subscriptionsMax + 1 {
		products = append(products, h.board.put(byte(i), 1))
		if i == 255 {
			break
		}
	}
	p := h.connect()
	for first := 0; first < subscriptionsMax; first += 50 {
		p.subscribe("", products[first:first+50]...)
		for range 50 {
			require.Equal(t, "s", p.read()["t"])
			h.sweep(1)
		}
	}
	p.send(`{"id":1,"op":"sub","ch":` + channels(products[subscriptionsMax]) + `}`)
	refused := p.read()
	require.EqualValues(t, errLimit, refused["code"], "%v", refused)
}

// A peer that closes is answered with its own code.
func TestAPeerCloses(t *testing.T) {
	for _, code := range []int{1000, 1001, 4321} {
		h := newHarness(t)
		p := h.watch(h.board.put(1, 1))
		require.NoError(t, p.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "x"), time.Now().Add(patience)))
		_, got := p.readClose()
		require.Equal(t, code, got)
		p.raw.Close()
		h.await(func() bool { return h.hub.Figures().Connections == 0 })
		require.EqualValues(t, 1, h.hub.Figures().Closes["peer"])
		require.Zero(t, h.hub.Figures().Topics)
	}
	h := newHarness(t)
	p := h.watch(h.board.put(1, 1))
	p.raw.SetLinger(0)
	p.raw.Close()
	h.await(func() bool { return h.hub.Figures().Connections == 0 })
	require.EqualValues(t, 1, h.hub.Figures().Closes["lost"])
}

// Nothing is sent for a while: the peer is told that the connection lives.
func TestAQuietConnectionBeats(t *testing.T) {
	h := newHarness(t)
	p := h.connect()
	p.live(h)
	h.pass(quietTimeMax)
	require.Equal(t, "hb", p.read()["t"])
}

// A peer that answers pings stays.
func TestAPeerThatAnswersPingsStays(t *testing.T) {
	h := newHarness(t)
	p := h.connect()
	p.live(h)
	pinged := make(chan struct{}, 100)
	p.SetPingHandler(func(payload string) error {
		pinged <- struct{}{}
		return p.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(patience))
	})
	gone := make(chan error, 1)
	go func() {
		for {
			if _, _, err := p.ReadMessage(); err != nil {
				gone <- err
				return
			}
		}
	}()
	for range 5 * pingInterval / inventory.Second {
		h.pass(inventory.Second)
		h.await(h.answered)
	}
	require.GreaterOrEqual(t, len(pinged), 4)
	require.EqualValues(t, 1, h.hub.Figures().Connections)
	p.raw.Close()
	require.Error(t, <-gone)
}

// answered reports whether all clients that were pinged have answered.
func (h *harness) answered() bool {
	all := true
	for _, s := range h.hub.shards {
		done := make(chan bool, 1)
		s.ask(nil, func(s *shard, _ *client) {
			answered := true
			for _, c := range s.clients {
				answered = answered && (c.pongBy == 0 || inventory.Instant(c.heard.Load()) >= c.pinged)
			}
			done <- answered
		})
		all = <-done && all
	}
	return all
}

// A client that does not read is skipped: the others are told of everything, it takes
// bounded memory, is told the present when it reads again, and is cut when it never does.
func TestAStalledReaderDelaysNobody(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000_000)
	stalled, other := h.connect(), h.watch(product)
	require.NoError(t, stalled.raw.SetReadBuffer(4096))
	stalled.subscribe(`,"hz":20`, product)
	other.send(`{"id":2,"op":"unsub","ch":` + channels(product) + `}`)
	require.Equal(t, "ok", other.read()["t"])
	other.subscribe(`,"hz":20`, product)
	require.Equal(t, "s", other.read()["t"])
	blocked := func() bool { return h.hub.Figures().Blocked > 0 }
	version := int64(1)
	frames := 0
	for ; !blocked() || version < 150; version++ { // within the patience for who is stalled
		h.board.hold(product)
		h.sweep(1)
		require.EqualValues(t, version+1, number(t, other.read(), "s"), "somebody else's silence is heard")
		if !blocked() {
			frames++
		}
		require.Less(t, frames, 1_000, "the kernel takes too much for a peer that does not read")
	}
	require.True(t, blocked())
	defer h.keepSweeping()()
	last := number(t, stalled.read(), "s")
	for seen := 0; ; seen++ {
		frame := stalled.read()
		if frame["t"] != "u" {
			continue
		}
		got := number(t, frame, "s")
		require.Greater(t, got, last, "a version has gone back")
		if last = got; got == version {
			break
		}
	}
	h.settle()
	require.Positive(t, h.hub.Figures().Conflated)
}

func TestAReaderThatNeverReadsIsCut(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 1_000_000)
	stalled := h.connect()
	require.NoError(t, stalled.raw.SetReadBuffer(4096))
	stalled.subscribe(`,"hz":20`, product)
	for h.hub.Figures().Blocked == 0 && !t.Failed() {
		h.board.hold(product)
		h.sweep(1)
	}
	h.pass(blockedTimeMax - inventory.Second)
	if h.hub.Figures().Blocked > 0 { // the kernel may have taken some more at first
		h.pass(2 * inventory.Second)
	}
	for range 60 {
		if h.hub.Figures().Closes["4100"] > 0 {
			break
		}
		h.board.hold(product)
		h.pass(inventory.Second)
	}
	require.EqualValues(t, 1, h.hub.Figures().Closes["4100"])
	h.await(func() bool { return h.hub.Figures().Connections == 0 })
	_, err := io.Copy(io.Discard, stalled.raw)
	require.True(t, err == nil || errors.Is(err, syscall.ECONNRESET), "%v", err)
}

// stuck is a raw connection whose kernel takes nothing.
type stuck struct{ sink }

func newStuck(t *testing.T) stuck {
	t.Helper()
	var ends [2]int
	require.NoError(t, syscall.Pipe(ends[:]))
	t.Cleanup(func() { syscall.Close(ends[0]); syscall.Close(ends[1]) })
	require.NoError(t, syscall.SetNonblock(ends[1], true))
	for {
		if _, err := syscall.Write(ends[1], make([]byte, 1<<16)); err != nil {
			require.Equal(t, syscall.EAGAIN, err)
			return stuck{sink{uintptr(ends[1])}}
		}
	}
}

// A peer that asks and does not read takes no more than its answers may.
func TestAnswersThatAreNotReadAreBounded(t *testing.T) {
	s, _, _ := crowd(t, 0, 0)
	_, far := pair(t)
	c := &client{shard: s, socket: far, raw: newStuck(t), seat: &Seat{seats: &s.hub.seats}}
	s.add(c)
	most := 0
	for count := 0; !c.closing; count++ {
		s.say(c, answerFrame(make([]byte, controlPayloadMax)), start)
		most = max(most, len(c.pending))
		require.Less(t, count, 1_000)
	}
	require.InDelta(t, pendingBytesMax, most, 2*controlPayloadMax)
	require.Empty(t, c.pending)
	require.EqualValues(t, 1, s.hub.Figures().Closes["4100"])
}
