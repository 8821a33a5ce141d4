package ticker

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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

// text is the payload of a frame.
func text(frame []byte) string {
	header := 2
	if frame[1] == 126 {
		header = 4
	}
	return string(frame[header:])
}

// The page shows what is sent, byte for byte, and commands that are understood.
func TestThePageShowsTheProtocol(t *testing.T) {
	product, _ := productOf(oneChannel)
	rules := &inventory.Product{ID: product, SKU: "SHOE-42", Price: inventory.Money{Minor: 9900, Currency: inventory.Currency{'E', 'U', 'R'}},
		SaleStartsAt: start, SaleEndsAt: start + 3600*inventory.Second}
	f := newFrame(state{product: product, epoch: 42, rules: rules, phase: inventory.PhaseLive, at: start,
		stock: inventory.Stock{OnHand: 48521 + 7, Reserved: 310, Committed: 7, Sold: 151479, Version: 1234567}})
	shutdown := &closeTable[closeRows[closeShutdown]]
	one := &command{id: 1, named: true, op: opSubscribe, lane: 2}
	want := []string{
		text(helloFrame(start, 0)),
		text(okFrame(one, start)),
		text(okFrame(&command{id: 2, named: true, op: opUnsubscribe}, start)),
		text(okFrame(&command{id: 4, named: true, op: opPing, sent: 1764000000000, timed: true}, start)),
		text(errFrame(one, &refusal{code: errUnknownChannel, message: "There is no such product.", channel: oneChannel})),
		text(errFrame(one, &refusal{code: errRateLimited, message: "Too many commands.", wait: 100 * inventory.Millisecond})),
		text(beatFrame(start)),
		text(byeFrame(shutdown, shutdown.retry)),
		text(f.whole()), text(f.same()), text(f.update),
	}
	var frames []string
	for _, line := range examples(t) {
		if strings.HasPrefix(line, `{"t":`) {
			frames = append(frames, line)
			continue
		}
		_, refused, _ := decode([]byte(line))
		require.Nil(t, refused, line)
	}
	require.Equal(t, want, frames)
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
	for _, code := range []string{"102", "104", "105", "106", "107", "111"} {
		require.Contains(t, string(page), "\n| "+code+" | ")
	}
}
