package ticker

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"holdfast/inventory"
)

// examples are the lines of JSON in the protocol's page.
func examples(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../documentation/protocol.md")
	require.NoError(t, err)
	var lines []string
	inside := false
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			inside = line == "```json"
		} else if inside {
			lines = append(lines, line)
		}
	}
	return lines
}

// payload is that of a frame.
func payload(frame []byte) []byte {
	header := 2
	if frame[1] == 126 {
		header = 4
	}
	return frame[header:]
}

// shoe is the product of the page.
func shoe() state {
	product, _ := parseChannel(oneChannel)
	rules := &inventory.Product{ID: product.id, SKU: "SHOE-42", Name: "Trail shoe", Category: "shoes",
		Price: inventory.Money{Minor: 9900, Currency: inventory.Currency{'E', 'U', 'R'}}, SaleStartsAt: start, SaleEndsAt: start + 3600*inventory.Second}
	return state{product: product.id, number: 7, epoch: 42, rules: rules, phase: inventory.PhaseLive, at: start,
		stock: inventory.Stock{OnHand: 48521 + 7, Reserved: 310, Committed: 7, Sold: 151479, Version: 1234567}}
}

// shoes is the category of the page, and the messages of its three changes.
func shoes(f format) (frames [][]byte) {
	g := &group{topic: &topic{channel: channel{kind: groupChannel, category: "shoes"}}, members: map[inventory.ID]*member{}}
	m := &member{state: shoe(), facts: 1}
	g.members[m.product] = m
	add := func(key chunkKey) {
		g.move(m)
		key.form = f
		frames = append(frames, g.write(key).bytes)
	}
	add(chunkKey{begins: true, whole: true})
	m.stock.Version, m.stock.Reserved = m.stock.Version+1, m.stock.Reserved+1
	g.checked = true
	add(chunkKey{after: 1})
	g.checked, m.left = false, true
	add(chunkKey{after: 2})
	return frames
}

// pageFrames are the frames of the page, in its order.
func pageFrames(f format) [][]byte {
	s := shoe()
	id, product := s.product, channel{kind: productChannel, id: s.product}
	until := start + 900*inventory.Second
	shutdown := &closeTable[closeRows[closeShutdown]]
	sub := &command{id: 1, named: true, op: opSubscribe, lane: 3}
	ok := func(id int64, write func(*message)) []byte {
		m := answer(f, answerRoom, "ok", &command{id: id, named: true})
		write(m)
		return m.seal()
	}
	c := &client{format: f}
	for _, one := range []struct {
		of   channel
		lane uint8
	}{{product, 3}, {channel{kind: everyChannel}, 7}} {
		c.subscriptions = append(c.subscriptions, &subscription{audience: &audience{topic: &topic{channel: one.of}}, asked: one.lane})
	}
	slow := slowFacts{product: id, viewers: 1834, pace: 12.5, lasts: &[2]int64{180_000, 240_000}}
	order := OrderNews{Order: id, Customer: id, State: inventory.Reserved, Total: inventory.Money{Minor: 9900, Currency: s.rules.Price.Currency},
		ExpiresAt: start + 600*inventory.Second, At: start, Sequence: 99}
	order.Order[15] = 0xe0
	system := systemFrame{now: start, connections: 850, viewers: 900, blocked: 2, lag: 12, framesRate: 8100, skipsRate: 24000,
		SystemFigures: SystemFigures{OrdersPerSecond: 812.5, ChangesPerSecond: 1630, RefusedPerSecond: map[string]float64{"sold_out": 120, "all_held": 3},
			MedianMilliseconds: 2.1, P99Milliseconds: 9.8, Backlog: 310, ResidentBytes: 92 << 20, Processors: 0.61}}
	kept := history{}
	kept.add(&state{stock: inventory.Stock{OnHand: 48213, Sold: 151477}}, start)
	kept.add(&s, start)
	hub := &Hub{}
	hub.topics = topics{hub: hub, all: map[channel]*topic{product: {channel: product, teller: &productTopic{history: &kept}}}}
	frames := [][]byte{
		helloFrame(f, "shop-1", "K3…", start, 0),
		ok(1, func(m *message) { writeHertz(m, "hz", &lanes[sub.lane]) }),
		ok(2, func(*message) {}),
		ok(6, func(m *message) { m.text("user", id.String()); writeMoment(m, "until", until) }),
		ok(7, func(m *message) { m.number("sent", milliseconds(start)); m.number("now", milliseconds(start)) }),
		ok(8, func(m *message) {
			(&shard{hub: hub}).history(&command{channels: []channel{product}, count: 2}, m)
		}),
		ok(9, c.list),
		errFrame(f, sub, &refusal{code: errUnknownChannel, message: "There is no such channel here.", channel: oneChannel}),
		errFrame(f, sub, &refusal{code: errRateLimited, message: "Too many commands.", wait: 100 * inventory.Millisecond}),
		beatFrame(f, start),
		expiringFrame(f, until),
		(&state{product: id, stale: true}).status(f),
		byeFrame(f, shutdown, shutdown.retry),
		s.snapshot(f), s.same(f), s.update(f), (&slowFrame{rows: []slowFacts{slow}}).bytes(f),
	}
	frames = append(frames, shoes(f)...)
	return append(frames, (&slowFrame{group: "c:shoes", rows: []slowFacts{slow}}).bytes(f),
		(&orderFrame{news: order}).bytes(ordersOf(id), f), system.write(f))
}

// The page shows what is sent, byte for byte, and commands that are understood.
func TestThePageShowsTheProtocol(t *testing.T) {
	var want, frames []string
	for _, frame := range pageFrames(formatJSON) {
		want = append(want, string(payload(frame)))
	}
	for _, line := range examples(t) {
		if strings.HasPrefix(line, `{"t":`) {
			frames = append(frames, line)
			continue
		}
		_, refused, _ := decode(formatJSON, []byte(line))
		require.Nil(t, refused, line)
	}
	require.Equal(t, want, frames)
}

// Both formats say the same: what is not one of the two lists is the same object.
func TestBothFormatsSayTheSame(t *testing.T) {
	asJSON, asMsgpack := pageFrames(formatJSON), pageFrames(formatMsgpack)
	for i := range asJSON {
		require.EqualValues(t, textFrame, asJSON[i][0])
		require.EqualValues(t, binaryFrame, asMsgpack[i][0])
		var want any
		require.NoError(t, json.Unmarshal(payload(asJSON[i]), &want))
		require.Equal(t, want, unpacked(t, payload(asMsgpack[i])), "%s", payload(asJSON[i]))
	}
}

// unpacked is a frame in msgpack as JSON would say it.
func unpacked(t testing.TB, data []byte) any {
	t.Helper()
	require.True(t, wellFormed(data))
	var value any
	require.NoError(t, msgpack.Unmarshal(data, &value))
	return said(value)
}

// said turns values of msgpack into those of JSON, and the two lists into objects.
func said(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, of := range value {
			value[name] = said(of)
		}
		return value
	case []any:
		return saidList(value)
	case string, bool, nil, float64:
		return value
	default:
		number, _ := strconv.ParseFloat(fmt.Sprint(value), 64)
		return number
	}
}

func saidList(list []any) any {
	for i := range list {
		list[i] = said(list[i])
	}
	row := list
	if len(list) == 9 && list[0] == float64(msgpackUpdate) {
		row = list[1:]
	} else if len(list) != 8 {
		return list
	}
	object := map[string]any{"p": oneChannel[2:]}
	for i, name := range []string{"n", "e", "s", "a", "r", "d", "ph", "ts"} {
		object[name] = row[i]
	}
	object["ph"] = inventory.Phase(row[6].(float64)).String()
	if len(row) < len(list) {
		object["t"] = "u"
		delete(object, "n")
	}
	return object
}

// The page names every way in which we close, and every error.
func TestThePageNamesEveryCode(t *testing.T) {
	page, err := os.ReadFile("../../documentation/protocol.md")
	require.NoError(t, err)
	for _, row := range closeTable {
		if row.code >= 1000 {
			require.Contains(t, string(page), row.label)
		}
	}
	for _, code := range []errorCode{errUnauthorized, errUnknownChannel, errForbidden, errUnknownOp, errAlready, errLimit, errBadRequest,
		errTokenExpired, errRateLimited, errNotReady} {
		require.Contains(t, string(page), "\n| "+strconv.Itoa(int(code))+" | ")
	}
}
