package ticker

import (
	"encoding/binary"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"holdfast/inventory"
)

// errorCode is the number of a refused command.
type errorCode int

const (
	errUnknownChannel errorCode = 102
	errUnknownOp      errorCode = 104
	errAlready        errorCode = 105
	errLimit          errorCode = 106
	errBadRequest     errorCode = 107
	errRateLimited    errorCode = 111
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

// appendID names the command that is answered, when it has a name.
func appendID(dst []byte, c *command) []byte {
	if !c.named {
		return dst
	}
	return strconv.AppendInt(append(dst, `,"id":`...), c.id, 10)
}

// okFrame says that a command was done.
func okFrame(c *command, now inventory.Instant) []byte {
	data := appendID(append(unsealed(96), `{"t":"ok"`...), c)
	switch c.op {
	case opSubscribe:
		data = append(append(data, `,"hz":`...), lanes[c.lane].text...)
	case opPing:
		if c.timed {
			data = strconv.AppendInt(append(data, `,"sent":`...), c.sent, 10)
		}
		data = strconv.AppendInt(append(data, `,"now":`...), milliseconds(now), 10)
	}
	return seal(textFrame, append(data, '}'))
}

// errFrame says that a command was refused.
func errFrame(c *command, r *refusal) []byte {
	data := appendID(append(unsealed(200), `{"t":"err"`...), c)
	data = strconv.AppendInt(append(data, `,"code":`...), int64(r.code), 10)
	data, _ = jsontext.AppendQuote(append(data, `,"msg":`...), r.message)
	if r.channel != "" {
		data, _ = jsontext.AppendQuote(append(data, `,"ch":`...), r.channel)
	}
	if r.wait > 0 {
		data = append(data, `,"temp":true,"after_ms":`...)
		data = strconv.AppendInt(data, milliseconds(r.wait+inventory.Millisecond-1), 10)
	}
	return seal(textFrame, append(data, '}'))
}

// helloFrame is the first frame of a connection. until is when its user is not known
// any more, zero for nobody's.
func helloFrame(now, until inventory.Instant) []byte {
	data := strconv.AppendInt(append(unsealed(240), `{"t":"hello","v":1,"now":`...), milliseconds(now), 10)
	data = strconv.AppendInt(append(data, `,"ping":`...), int64(pingInterval/inventory.Second), 10)
	data = strconv.AppendInt(append(data, `,"lim":{"subs":`...), subscriptionsMax, 10)
	data = strconv.AppendInt(append(data, `,"cmd_s":`...), int64(inventory.Second/commandRate.every), 10)
	data = strconv.AppendInt(append(data, `,"frame_b":`...), messageBytesMax, 10)
	data = append(append(data, `},"hz_max":`...), lanes[0].text...)
	data = appendRetry(data, backOff)
	data = appendMoment(data, `,"until":`, until)
	return seal(textFrame, append(data, '}'))
}

func appendRetry(dst []byte, retry *[2]int64) []byte {
	if retry == nil {
		return append(dst, `,"retry":null`...)
	}
	dst = strconv.AppendInt(append(dst, `,"retry":[`...), retry[0], 10)
	return append(strconv.AppendInt(append(dst, ','), retry[1], 10), ']')
}

// beatFrame says to a client of which nothing has changed that the connection lives.
func beatFrame(now inventory.Instant) []byte {
	data := strconv.AppendInt(append(unsealed(40), `{"t":"hb","now":`...), milliseconds(now), 10)
	return seal(textFrame, append(data, '}'))
}

// byeFrame announces a close, with when to come back.
func byeFrame(row *closeRow, retry *[2]int64) []byte {
	data := strconv.AppendInt(append(unsealed(120), `{"t":"bye","code":`...), int64(row.code), 10)
	data, _ = jsontext.AppendQuote(append(data, `,"why":`...), row.why)
	return seal(textFrame, append(appendRetry(data, retry), '}'))
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
