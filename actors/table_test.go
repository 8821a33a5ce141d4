package actors

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A table is a map, whatever is put in and taken out, although names share places.
func TestATableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table table[int]
		model := map[[16]byte]*int{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				name, item := drawName(t), new(int)
				table.put(&name, item)
				model[name] = item
			},
			"delete": func(t *rapid.T) {
				name := drawName(t)
				table.delete(&name)
				delete(model, name)
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(model), table.used)
				for n := range uint64(nameCount) {
					name := nameOf(n)
					require.Same(t, model[name], table.get(&name))
				}
				seen := 0
				table.each(func(name [16]byte, item *int) bool {
					seen++
					require.Same(t, model[name], item)
					return true
				})
				require.Equal(t, len(model), seen)
			},
		})
	})
}

const nameCount = 64

func drawName(t *rapid.T) [16]byte {
	return nameOf(rapid.Uint64Range(0, nameCount-1).Draw(t, "name"))
}

func nameOf(n uint64) (name [16]byte) {
	binary.LittleEndian.PutUint64(name[8:], n)
	return name
}

// What was needed once is not kept for ever, and searches stay short.
func TestATableShrinks(t *testing.T) {
	var names table[int]
	item := new(int)
	for n := range uint64(100_000) {
		name := nameOf(n)
		names.put(&name, item)
	}
	require.LessOrEqual(t, names.used*8, len(names.slots)*5)
	require.LessOrEqual(t, longestRun(len(names.slots), func(i int) bool { return names.slots[i].item == nil }), 200)
	for n := range uint64(99_990) {
		name := nameOf(n)
		names.delete(&name)
	}
	require.LessOrEqual(t, len(names.slots), 128)
	for n := range uint64(100_000) {
		name := nameOf(n)
		require.Equal(t, n >= 99_990, names.get(&name) != nil)
	}
}

// longestRun returns how many slots in a row are taken, at most.
func longestRun(slots int, isFree func(int) bool) (longest int) {
	run := 0
	for i := range slots {
		if run++; isFree(i) {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// BenchmarkTables puts names into a table and an index of orders, finds and takes them
// out, beside the built-in map, with as many in it as a backlog has.
func BenchmarkTables(b *testing.B) {
	const held = 1 << 20
	names := make([][16]byte, held)
	for i := range names {
		binary.LittleEndian.PutUint64(names[i][:], rand.Uint64())
		binary.LittleEndian.PutUint64(names[i][8:], rand.Uint64())
	}
	item := new(int)
	b.Run("orders", func(b *testing.B) {
		memory := newOrderMemory(newOrderDirectory())
		for n := 0; b.Loop(); n++ {
			if old := memory.orders.get(names[n%held]); old != nil {
				memory.orders.delete(names[n%held])
				memory.dismiss(old)
			}
			record := memory.allocator.take()
			record.ID = names[n%held]
			memory.orders.put(record)
			memory.orders.get(names[(n/2)%held])
		}
	})
	b.Run("table", func(b *testing.B) {
		var x table[int]
		for n := 0; b.Loop(); n++ {
			x.delete(&names[n%held])
			x.put(&names[n%held], item)
			x.get(&names[(n/2)%held])
		}
	})
	b.Run("map", func(b *testing.B) {
		x := map[[16]byte]*int{}
		for n := 0; b.Loop(); n++ {
			delete(x, names[n%held])
			x[names[n%held]] = item
			_ = x[names[(n/2)%held]]
		}
	})
}
