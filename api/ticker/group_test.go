package ticker

import (
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/inventory"
)

// shownGroup is a group as one who watches it knows it.
type shownGroup struct {
	t     require.TestingT
	rows  map[string]map[string]any
	sums  int
	until float64
}

// read takes a message in, and returns whether it was the last one for now.
func (g *shownGroup) read(frame map[string]any) (last bool) {
	if frame["t"] == "s" {
		g.rows = map[string]map[string]any{}
	}
	for _, row := range frame["i"].([]any) {
		row := row.(map[string]any)
		id := row["p"].(string)
		switch known := g.rows[id]; {
		case row["gone"] == true:
			delete(g.rows, id)
		case known == nil:
			require.Contains(g.t, row, "name", "the first row of a product does not say what it is")
			g.rows[id] = row
		default:
			if known["e"] == row["e"] {
				require.GreaterOrEqual(g.t, row["s"], known["s"], "a version goes back")
			}
			maps.Copy(known, row)
		}
	}
	require.GreaterOrEqual(g.t, frame["k"], g.until)
	g.until = frame["k"].(float64)
	if sum, is := frame["x"]; is {
		g.sums++
		require.EqualValues(g.t, g.sum(), sum, "the checksum is another one")
	}
	return frame["more"] != true
}

// sum is the checksum of what is known.
func (g *shownGroup) sum() uint32 {
	rows := slices.SortedFunc(maps.Values(g.rows), func(a, b map[string]any) int { return int(a["n"].(float64) - b["n"].(float64)) })
	text := ""
	for _, row := range rows {
		for i, name := range []string{"n", "e", "s"} {
			text += strconv.FormatInt(int64(row[name].(float64)), 10) + string(":: "[i])
		}
		text = text[:len(text)-1] + ";"
	}
	return crc32.ChecksumIEEE([]byte(text))
}

// shows requires that what is known is what the board shows of a category.
func (g *shownGroup) shows(b *fakeBoard, category string) {
	want := 0
	for id, rules := range b.rules {
		if rules.Deleted || rules.Category != category {
			require.NotContains(g.t, g.rows, id.String())
			continue
		}
		want++
		row := g.rows[id.String()]
		require.NotNil(g.t, row, "a product is missing")
		stock := b.stock[id]
		require.EqualValues(g.t, stock.Version, row["s"])
		require.EqualValues(g.t, stock.Available(), row["a"])
		require.Equal(g.t, rules.Name, row["name"])
		require.EqualValues(g.t, rules.Price.Minor, row["price"])
	}
	require.Len(g.t, g.rows, want)
}

// Whatever happens to products, and however seldom somebody is told, who watches a
// category knows in the end what the board shows of it, and never saw a version go back.
func TestAGroupIsWhatTheBoardShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		board := newFakeBoard()
		h := &Hub{}
		h.topics = topics{hub: h, all: map[channel]*topic{}, numbers: numbers{all: map[inventory.ID]*numbered{}}}
		h.Follow(board)
		board.put(0, 5)
		now, count := start, byte(0)
		var ids []inventory.ID
		add := func() {
			if count++; count < 250 {
				ids = append(ids, board.put(count, 1_000))
			}
		}
		for range rapid.IntRange(1, 200).Draw(t, "products") {
			add()
		}
		of := channel{kind: groupChannel, category: "shoes"}
		watched, refused := h.topics.watch(of, now)
		require.Nil(t, refused)
		c := &client{}
		a := &audience{topic: watched}
		begin := func() (*subscription, *shownGroup) {
			return &subscription{client: c, audience: a, snapshot: true}, &shownGroup{t: t}
		}
		s, known := begin()
		tell := func(most int) (all bool) {
			for range most {
				p, is := watched.next(s)
				if !is {
					return true
				}
				var frame map[string]any
				require.NoError(t, json.Unmarshal(payload(p.bytes), &frame))
				require.Less(t, len(p.bytes), groupChunkBytes+1_000)
				last := known.read(frame)
				require.Equal(t, !last, p.more)
				watched.told(s, &p)
			}
			return false
		}
		t.Repeat(map[string]func(*rapid.T){
			"hold":  func(t *rapid.T) { board.hold(rapid.SampledFrom(ids).Draw(t, "id")) },
			"add":   func(*rapid.T) { add() },
			"stale": func(t *rapid.T) { board.setStale(rapid.SampledFrom(ids).Draw(t, "id"), rapid.Bool().Draw(t, "stale")) },
			"price": func(t *rapid.T) {
				board.change(rapid.SampledFrom(ids).Draw(t, "id"), func(r *inventory.Product) { r.Price.Minor++ })
			},
			"move": func(t *rapid.T) {
				to := rapid.SampledFrom([]string{"shoes", "hats"}).Draw(t, "category")
				board.change(rapid.SampledFrom(ids).Draw(t, "id"), func(r *inventory.Product) { r.Category = to })
			},
			"delete": func(t *rapid.T) {
				deleted := rapid.Bool().Draw(t, "deleted")
				board.change(rapid.SampledFrom(ids).Draw(t, "id"), func(r *inventory.Product) { r.Deleted = deleted })
			},
			"forget": func(*rapid.T) { board.forgotten = uint64(len(board.changed)) },
			"anew":   func(*rapid.T) { s, known = begin() },
			"sweep": func(t *rapid.T) {
				now += inventory.Instant(rapid.IntRange(1, 200).Draw(t, "sweeps")) * inventory.Instant(sweepInterval)
				h.topics.sweep(now)
				tell(rapid.IntRange(0, 3).Draw(t, "messages"))
			},
			"": func(t *rapid.T) {
				before := *s
				if rapid.IntRange(0, 3).Draw(t, "look") > 0 || before.snapshot {
					return
				}
				now += inventory.Instant(sweepInterval)
				h.topics.sweep(now)
				require.True(t, tell(1_000))
				known.shows(board, "shoes")
			},
		})
		h.topics.unwatch(watched)
		require.Zero(t, h.topics.members)
		require.Empty(t, h.topics.numbers.all)
	})
}

// Of a group that has more products than it shows, it shows the newest; and who was told of
// it long ago is told anew when it is not known any more what has left it since.
func TestAGroupThatHasForgottenBeginsAnew(t *testing.T) {
	h := newHarness(t)
	for number := range byte(3) {
		h.board.put(number, 5)
	}
	g := &group{topics: &h.hub.topics, topic: &topic{channel: channel{kind: groupChannel, category: "shoes"}}, members: map[inventory.ID]*member{},
		chunks: map[chunkKey]*chunk{}}
	h.hub.topics.catalogue = newCatalogue(h.board)
	s := &subscription{client: &client{}}
	for i := range goneMembersMax + 2 {
		id := inventory.ID{2, 14: byte(i >> 8), 15: byte(i)}
		g.admit(&Reading{Rules: &inventory.Product{ID: id, Category: "shoes"}}, start)
		if i == 0 {
			s.sent = g.sequence
		}
		g.dismiss(g.members[id])
		clear(g.chunks)
	}
	p, is := g.next(s)
	require.True(t, is)
	require.Contains(t, string(p.bytes), `"t":"s"`)
	require.LessOrEqual(t, len(g.members), goneMembersMax)
	newest, known := h.hub.topics.catalogue.newest(channel{kind: everyChannel}, 2)
	require.True(t, known)
	require.Equal(t, []byte{2, 1}, []byte{newest[0][15], newest[1][15]})
}
