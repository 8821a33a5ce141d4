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

// groupModel is a board with a group that one watches, by a subscription without a socket.
type groupModel struct {
	t       *rapid.T
	board   *fakeBoard
	hub     *Hub
	watched *topic
	now     inventory.Instant
	ids     []inventory.ID
	s       *subscription
	known   *shownGroup
}

func newGroupModel(t *rapid.T) *groupModel {
	m := &groupModel{t: t, board: newFakeBoard(), hub: &Hub{}, now: start}
	m.hub.topics = topics{hub: m.hub, all: map[channel]*topic{}, numbers: numbers{all: map[inventory.ID]*numbered{}}}
	m.hub.Follow(m.board)
	m.board.put(0, 5)
	for range rapid.IntRange(1, 200).Draw(t, "products") {
		m.add(t)
	}
	var refused *refusal
	m.watched, refused = m.hub.topics.watch(channel{kind: groupChannel, category: "shoes"}, m.now)
	require.Nil(t, refused)
	m.anew(t)
	return m
}

func (m *groupModel) add(*rapid.T) {
	if count := len(m.ids) + 1; count < 250 {
		m.ids = append(m.ids, m.board.put(byte(count), 1_000)) // #nosec G115 -- below 250
	}
}

// anew subscribes again.
func (m *groupModel) anew(*rapid.T) {
	m.s = &subscription{client: &client{}, audience: &audience{topic: m.watched}, snapshot: true}
	m.known = &shownGroup{t: m.t}
}

// tell has the client told at most so many messages, and returns whether that was all.
func (m *groupModel) tell(most int) (all bool) {
	for range most {
		p, is := m.watched.next(m.s)
		if !is {
			return true
		}
		var frame map[string]any
		require.NoError(m.t, json.Unmarshal(payload(p.bytes), &frame))
		require.Less(m.t, len(p.bytes), groupChunkBytes+1_000)
		require.Equal(m.t, !m.known.read(frame), p.more)
		m.watched.told(m.s, &p)
	}
	return false
}

func (m *groupModel) sweep(sweeps int) {
	m.now += inventory.Instant(sweeps) * inventory.Instant(sweepInterval)
	m.hub.topics.sweep(m.now)
}

// change changes the rules of some product.
func (m *groupModel) change(t *rapid.T, change func(*inventory.Product)) {
	m.board.change(rapid.SampledFrom(m.ids).Draw(t, "id"), change)
}

// Whatever happens to products, and however seldom somebody is told, who watches a
// category knows in the end what the board shows of it, and never saw a version go back.
func TestAGroupIsWhatTheBoardShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newGroupModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"add":  m.add,
			"anew": m.anew,
			"hold": func(t *rapid.T) { m.board.hold(rapid.SampledFrom(m.ids).Draw(t, "id")) },
			"stale": func(t *rapid.T) {
				m.board.setStale(rapid.SampledFrom(m.ids).Draw(t, "id"), rapid.Bool().Draw(t, "stale"))
			},
			"price":  func(t *rapid.T) { m.change(t, func(r *inventory.Product) { r.Price.Minor++ }) },
			"forget": func(*rapid.T) { m.board.forgotten = uint64(len(m.board.changed)) },
			"move": func(t *rapid.T) {
				to := rapid.SampledFrom([]string{"shoes", "hats"}).Draw(t, "category")
				m.change(t, func(r *inventory.Product) { r.Category = to })
			},
			"delete": func(t *rapid.T) {
				deleted := rapid.Bool().Draw(t, "deleted")
				m.change(t, func(r *inventory.Product) { r.Deleted = deleted })
			},
			"sweep": func(t *rapid.T) {
				m.sweep(rapid.IntRange(1, 200).Draw(t, "sweeps"))
				m.tell(rapid.IntRange(0, 3).Draw(t, "messages"))
			},
			"": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "look") == 0 && !m.s.snapshot {
					m.sweep(1)
					require.True(t, m.tell(1_000))
					m.known.shows(m.board, "shoes")
				}
			},
		})
		m.hub.topics.unwatch(m.watched)
		require.Zero(t, m.hub.topics.members)
		require.Empty(t, m.hub.topics.numbers.all)
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
