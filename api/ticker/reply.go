package ticker

import (
	"encoding/binary"

	"holdfast/inventory"
)

// errorCode is the number of a refused command.
type errorCode int

const (
	errUnauthorized   errorCode = 101
	errUnknownChannel errorCode = 102
	errForbidden      errorCode = 103
	errUnknownOp      errorCode = 104
	errAlready        errorCode = 105
	errLimit          errorCode = 106
	errBadRequest     errorCode = 107
	errTokenExpired   errorCode = 109
	errRateLimited    errorCode = 111
	errNotReady       errorCode = 120
)

// refusal is why a command is not done. Nothing of it was done then.
type refusal struct {
	code    errorCode
	message string
	// channel is the one that it is about.
	channel string
	// wait is when a repeat may succeed; zero is never, unchanged.
	wait inventory.Instant
}

// The states of a channel that clients are told of.
const (
	statusLive = "live"
	// statusStale is that nobody knows whether what was told is still so.
	statusStale = "stale"
	// statusResync is that something was left out: what follows, or is asked for, is whole.
	statusResync = "resync"
	// statusGone is that nothing will be told any more: the subscription is over.
	statusGone = "gone"
	// statusExpiring is of no channel: the access token of the connection ends.
	statusExpiring = "expiring"
)

// answer begins the answer to a command.
func answer(f format, room int, t string, c *command) *message {
	m := newMessage(f, room, t)
	if c.named {
		m.number("id", c.id)
	}
	return m
}

// errFrame says that a command was refused.
func errFrame(f format, c *command, r *refusal) []byte {
	m := answer(f, 200, "err", c)
	m.number("code", int64(r.code))
	m.text("msg", r.message)
	if r.channel != "" {
		m.text("ch", r.channel)
	}
	if r.wait > 0 {
		m.yes("temp")
		m.number("after_ms", milliseconds(r.wait+inventory.Millisecond-1))
	}
	return m.seal()
}

// helloFrame is the first frame of a connection. until is when its user is not known
// any more, zero for nobody's.
func helloFrame(f format, node, session string, now, until inventory.Instant) []byte {
	m := newMessage(f, 280, "hello")
	m.number("v", 1)
	m.text("node", node)
	m.text("sess", session)
	m.number("now", milliseconds(now))
	m.number("ping", int64(pingInterval/inventory.Second))
	m.object("lim")
	m.number("subs", subscriptionsMax)
	m.number("cmd_s", int64(inventory.Second/commandRate.every))
	m.number("frame_b", messageBytesMax)
	m.end()
	writeHertz(m, "hz_max", &lanes[0])
	writeRetry(m, backOff)
	writeMoment(m, "until", until)
	return m.seal()
}

// writeHertz writes a rate: whole if it is.
func writeHertz(m *message, name string, l *lane) {
	if whole := int64(l.hz); float64(whole) == l.hz {
		m.number(name, whole)
		return
	}
	m.real(name, l.hz)
}

func writeRetry(m *message, retry *[2]int64) {
	if retry == nil {
		m.null("retry")
		return
	}
	m.list("retry", len(retry))
	m.number("", retry[0])
	m.number("", retry[1])
	m.end()
}

// beatFrame says to a client of which nothing has changed that the connection lives.
func beatFrame(f format, now inventory.Instant) []byte {
	m := newMessage(f, 40, "hb")
	m.number("now", milliseconds(now))
	return m.seal()
}

// statusMessage tells the state of a channel.
func statusMessage(f format, channel, status, why string) []byte {
	m := newMessage(f, 160, "st")
	m.text("ch", channel)
	m.text("st", status)
	if why != "" {
		m.text("why", why)
	}
	return m.seal()
}

// expiringFrame says that the access token of the connection ends soon.
func expiringFrame(f format, until inventory.Instant) []byte {
	m := newMessage(f, 60, "st")
	m.text("st", statusExpiring)
	m.number("until", milliseconds(until))
	return m.seal()
}

// byeFrame announces a close, with when to come back.
func byeFrame(f format, row *closeRow, retry *[2]int64) []byte {
	m := newMessage(f, 120, "bye")
	m.number("code", int64(row.code))
	m.text("why", row.why)
	writeRetry(m, retry)
	return m.seal()
}

// controlPayloadMax bounds the payload of a control frame (RFC 6455 §5.5).
const controlPayloadMax = 125

// endFrame is the close frame of the protocol itself. A close without a code has none.
func endFrame(code CloseCode, reason string) []byte {
	data := unsealed(2 + len(reason))
	if code != closeNoCode {
		data = binary.BigEndian.AppendUint16(data, uint16(code))
		data = append(data, reason[:min(len(reason), controlPayloadMax-2)]...)
	}
	return seal(closeFrame, data)
}

// answerFrame is the pong to a ping.
func answerFrame(payload []byte) []byte {
	return seal(pongFrame, append(unsealed(len(payload)), payload...))
}
