package api

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/inventory"
	"holdfast/persistence"
)

// fullRow is a row of which no field is empty, but for Deleted.
func fullRow() persistence.CatalogueProduct {
	return persistence.CatalogueProduct{Description: "Burns in any wind.", OpeningStock: 12, Version: 3,
		CreatedAt: 1_764_000_000 * inventory.Second, UpdatedAt: 1_764_000_001 * inventory.Second,
		Product: inventory.Product{ID: inventory.ID{1, 2, 3}, SKU: "LAMP-1", Name: "Größe 7", Category: "lamps", Price: inventory.Money{Minor: 4999, Currency: inventory.Currency{'E', 'U', 'R'}},
			SaleStartsAt: 1, SaleEndsAt: 2, HoldSeconds: 600, Safety: 4, PurchaseLimit: 5, Paused: true}}
}

// Every row comes back as it is: also the one with a field that somebody adds later.
func TestACopyIsTheRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.Make[persistence.CatalogueProduct]().Draw(t, "row")
		row.Deleted = false
		row.Price.Currency = inventory.Currency{'E', 'U', 'R'}
		copied := appendProductCopy(nil, &row)
		got, ok := decodeProductCopy(copied, row.ID)
		require.True(t, ok)
		require.Equal(t, row, got)
	})
}

func TestWhatIsNoCopyIsRefused(t *testing.T) {
	row := fullRow()
	copied := appendProductCopy(nil, &row)
	refused := func(name string, data []byte) {
		t.Helper()
		got, ok := decodeProductCopy(data, row.ID)
		require.False(t, ok, name)
		require.Zero(t, got, name)
	}
	for i := range copied {
		refused("a copy that is cut off", copied[:i])
	}
	refused("a copy with something behind it", append(bytes.Clone(copied), 0))
	with := func(change func(*persistence.CatalogueProduct)) []byte {
		changed := fullRow()
		change(&changed)
		return appendProductCopy(nil, &changed)
	}
	refused("another product", with(func(p *persistence.CatalogueProduct) { p.ID[0]++ }))
	refused("no currency", with(func(p *persistence.CatalogueProduct) { p.Price.Currency = inventory.Currency{'"', ',', '{'} }))
	refused("no text", with(func(p *persistence.CatalogueProduct) { p.Name = "\xff" }))
	another := bytes.Clone(copied)
	another[0]++
	refused("another format", another)
	another = bytes.Clone(copied)
	another[1] = 2
	refused("neither paused nor not", another)
	long := bytes.Replace(copied, []byte("\x06LAMP-1"), []byte("\x86\x00LAMP-1"), 1)
	require.NotEqual(t, copied, long)
	refused("a number in a longer form", long)
	refused("a text that is longer than the copy", bytes.Replace(copied, []byte("\x06LAMP-1"), []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01LAMP-1"), 1))
	refused("a hold of more than 32 bits", bytes.Replace(copied, []byte("\xb0\x09"), []byte("\xb0\x89\x80\x80\x80\x02"), 1))
}

// Whatever comes, decoding ends, takes about as much memory as came, and returns a row
// only for what is a copy of one.
func FuzzProductCopy(f *testing.F) {
	row := fullRow()
	f.Add(appendProductCopy(nil, &row))
	f.Add(bytes.Repeat([]byte{0xff}, 200))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, ok := decodeProductCopy(data, row.ID)
		if !ok {
			require.Zero(t, got)
			return
		}
		require.Equal(t, row.ID, got.ID)
		require.False(t, got.Deleted)
		require.Equal(t, data, appendProductCopy(nil, &got))
		require.LessOrEqual(t, len(got.SKU)+len(got.Name)+len(got.Description)+len(got.Category), len(data))
	})
}

// A page comes back as it is, and what is none, or longer than what was asked for, is refused.
func TestACopyOfAPage(t *testing.T) {
	first, second := fullRow(), fullRow()
	second.ID, second.Description, second.Paused = inventory.ID{9}, "", false
	rows := []persistence.CatalogueProduct{first, second, {Product: inventory.Product{Price: first.Price}}}
	copied := appendPageCopy(nil, rows)
	got, ok := decodePageCopy(copied, 3)
	require.True(t, ok)
	require.Equal(t, rows, got)
	_, ok = decodePageCopy(copied, 2)
	require.False(t, ok, "more rows than there can be")
	whole := map[int]bool{0: true}
	for n := range rows {
		whole[len(appendPageCopy(nil, rows[:n]))] = true
	}
	for i := range copied {
		_, ok := decodePageCopy(copied[:i], 3)
		require.Equal(t, whole[i], ok, "%d bytes", i)
	}
	for i := range copied {
		damaged := bytes.Clone(copied)
		damaged[i] ^= 0x80
		got, ok := decodePageCopy(damaged, 3)
		require.True(t, !ok || len(got) == 3, "byte %d", i)
	}
}
