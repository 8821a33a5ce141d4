package ticker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// In whatever order states of a product come, and however often, the caller is shown versions
// that never fall and, in the end, the latest.
func TestVersionsNeverFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Version {
			return Version{rapid.Uint64Range(1, 3).Draw(t, "epoch"), rapid.Uint64Range(1, 20).Draw(t, "stock")}
		}), 1, 50).Draw(t, "versions")
		product, board := newChannel("p:A", Subscription{}), newChannel("c:x", Subscription{})
		var latest, told, toldRow Version
		for _, v := range versions {
			if latest.Before(v) {
				latest = v
			}
			r := row{Product: "A", Epoch: v.Epoch, Stock: v.Stock, Available: int64(v.Epoch*100 + v.Stock)}
			snapshot := rapid.Bool().Draw(t, "snapshot")
			product.takeProduct(&r, "A", snapshot)
			require.NoError(t, board.takeBoard([]boardRow{{r, "A"}}, snapshot, false))
			if rapid.Bool().Draw(t, "the caller asks") {
				if u := product.news(); u.Product != nil {
					require.False(t, u.Product.Before(told))
					told = u.Product.Version
				}
				if u := board.news(); u.Board != nil && len(u.Board.Products) > 0 {
					require.False(t, u.Board.Products[0].Before(toldRow))
					toldRow = u.Board.Products[0].Version
				}
			}
		}
		require.Equal(t, latest, product.product.Version)
		require.Equal(t, latest, board.products["A"].Version)
		require.EqualValues(t, latest.Epoch*100+latest.Stock, product.product.Available)
	})
}

// A caller who keeps what it is told of a board has the board, however seldom it asks.
func TestABoardIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, caller := newChannel("c:x", Subscription{}), map[string]Version{}
		stock := uint64(0)
		ask := func() {
			u := c.news()
			if u.Board == nil {
				return
			}
			if u.Board.Replaced {
				clear(caller)
			}
			for _, p := range u.Board.Products {
				caller[p.ID] = p.Version
			}
			for _, id := range u.Board.Gone {
				delete(caller, id)
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "messages") {
			var rows []boardRow
			for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "C", "D"}), 0, 4, rapid.ID).Draw(t, "products") {
				stock++
				rows = append(rows, boardRow{row{Epoch: 1, Stock: stock, Gone: rapid.IntRange(0, 3).Draw(t, "gone") == 0}, id})
			}
			require.NoError(t, c.takeBoard(rows, rapid.IntRange(0, 4).Draw(t, "snapshot") == 0, rapid.Bool().Draw(t, "more")))
			if rapid.Bool().Draw(t, "the caller asks") {
				ask()
			}
		}
		ask()
		require.Len(t, caller, len(c.products))
		for id, p := range c.products {
			require.Equal(t, p.Version, caller[id])
		}
	})
}

// Orders that nobody asks for are forgotten, the oldest first, and that is told.
func TestOrdersAreBounded(t *testing.T) {
	c := newChannel("o:me", Subscription{})
	for i := range ordersMax + 2 {
		c.takeOrder(Order{ID: string(rune(i + 1))})
	}
	c.takeOrder(Order{ID: string(rune(5)), Status: "confirmed"})
	u := c.news()
	assert.Len(t, u.Orders, ordersMax)
	assert.True(t, u.Lost)
	assert.Equal(t, string(rune(3)), u.Orders[0].ID)
	assert.Equal(t, "confirmed", u.Orders[ordersMax-1].Status)
	assert.Empty(t, c.news().Orders)
}

// Pauses are random up to a bound that doubles, begin anew after a life, and are never shorter
// than the server asks for.
func TestPauses(t *testing.T) {
	o := Options{}
	o.fill()
	most := newBackoff(&o)
	most.random = func(below time.Duration) time.Duration { return below - 1 }
	var pauses []time.Duration
	for range 8 {
		pauses = append(pauses, most.pause(&ending{}))
	}
	assert.Equal(t, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second}, pauses)
	assert.Equal(t, time.Minute, most.pause(&ending{retry: &[2]time.Duration{0, time.Minute}}))
	assert.Equal(t, time.Hour, most.pause(&ending{after: time.Hour}))
	most.lived()
	assert.Equal(t, 5*time.Second, most.pause(&ending{atOnce: true, retry: &retryDefault}), "the range of the server alone")
	least := newBackoff(&o)
	least.random = func(time.Duration) time.Duration { return 0 }
	assert.Zero(t, least.pause(&ending{}))
	assert.Equal(t, time.Second, least.pause(&ending{retry: &[2]time.Duration{time.Second, time.Minute}}))
}

// What says that it has more than it has is refused before there is room made for it.
func TestPackedBombsAreRefused(t *testing.T) {
	deep := make([]byte, 100)
	for i := range deep {
		deep[i] = 0x91
	}
	for name, data := range map[string][]byte{
		"nothing":                 {},
		"a long list":             {0xdd, 0xff, 0xff, 0xff, 0xff},
		"a long map":              {0xdf, 0x7f, 0xff, 0xff, 0xff},
		"a long text":             {0xdb, 0xff, 0xff, 0xff, 0xff, 'x'},
		"long bytes":              {0xc6, 0xff, 0xff, 0xff, 0xff},
		"a list that is deep":     deep,
		"a value that is cut off": {0xcf, 1, 2},
		"an extension":            {0xd4, 1, 1},
		"more than one value":     {1, 2},
	} {
		_, err := readWire(msgpackCodec{}, data)
		assert.Error(t, err, name)
	}
}

// Reading a message ends within what it has, in both forms, and so does what follows from it.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"t":"s","p":"A","n":7,"e":1,"s":10,"a":5,"r":2,"d":3,"ph":"live","ts":1000,"sku":"S"}`))
	f.Add([]byte(`{"t":"b","c":"*","i":[{"p":"A","e":1,"s":2},{"p":"B","gone":true}]}`))
	f.Add([]byte(`{"t":"bye","code":4200,"retry":[0,5000]}`))
	f.Add([]byte{0x99, 2, 7, 1, 3, 4, 5, 6, 1, 0})
	f.Add([]byte{0x83, 0xa1, 't', 0xa1, 'b', 0xa1, 'c', 0xa1, '*', 0xa1, 'i', 0x91, 0x98, 1, 1, 1, 1, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, protocol := range []Protocol{JSON, Msgpack} {
			c := New(Options{Protocol: protocol})
			conn := newConnection(c, nil)
			conn.products[7] = "A"
			for _, name := range []string{"p:A", "*", "o:me", "sys"} {
				c.channels[name] = newChannel(name, Subscription{})
			}
			message, err := readWire(c.codec, data)
			if err != nil {
				continue
			}
			endOf(errSilent, message)
			if message.Kind != "ok" && message.Kind != "err" && c.take(conn, message, data) != nil {
				continue
			}
			for u, found := c.pop(); found; u, found = c.pop() {
				if u.Channel == "" {
					t.Fatal("an update without a channel")
				}
			}
		}
	})
}
