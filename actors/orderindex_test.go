package actors

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/inventory"
)

// An index of orders is a map from their names, and the orders that it gives are those
// that were put there, although their memory is given out again and again.
func TestAnOrderIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		memory := newOrderMemory(newOrderDirectory())
		memory.orders.name = nameByKey
		var placed orderTable
		model := map[[16]byte]*heldOrder{}
		serial := uint64(0)
		record := func(t *rapid.T) *heldOrder {
			serial++
			return memory.make(&inventory.Order{Key: drawName(t), Sequence: serial}, 0)
		}
		forget := func(name [16]byte) {
			if before := model[name]; before != nil {
				memory.dismiss(before)
			}
			delete(model, name)
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				record := record(t)
				require.Same(t, model[record.Key], placed.put(&memory.orders.orderFinder, record, true))
				require.Same(t, model[record.Key], memory.orders.put(record))
				forget(record.Key)
				model[record.Key] = record
			},
			"claim": func(t *rapid.T) {
				record := record(t)
				before := placed.put(&memory.orders.orderFinder, record, false)
				require.Same(t, model[record.Key], before)
				if before != nil {
					memory.dismiss(record)
					return
				}
				require.Nil(t, memory.orders.put(record))
				model[record.Key] = record
			},
			"delete": func(t *rapid.T) {
				name := drawName(t)
				placed.delete(&memory.orders.orderFinder, &name)
				memory.orders.delete(name)
				forget(name)
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(model), placed.used)
				require.Equal(t, len(model), memory.orders.length())
				for n := range uint64(nameCount) {
					name := nameOf(n)
					require.Same(t, model[name], placed.get(&memory.orders.orderFinder, &name))
					require.Same(t, model[name], memory.orders.get(name))
				}
				seen := 0
				see := func(record *heldOrder) {
					seen++
					require.Same(t, model[record.Key], record)
				}
				placed.each(&memory.orders.orderFinder, see)
				memory.orders.each(see)
				require.Equal(t, 2*len(model), seen)
			},
		})
	})
}

// What was needed once is not kept for ever, and searches stay short.
func TestAnOrderTableShrinks(t *testing.T) {
	memory := newOrderMemory(newOrderDirectory())
	find, table := &memory.orders.orderFinder, orderTable{}
	records := make([]*heldOrder, 100_000)
	for n := range records {
		records[n] = memory.make(&inventory.Order{ID: nameOf(uint64(n))}, 0)
		table.put(find, records[n], true)
	}
	require.LessOrEqual(t, table.used*8, len(table.slots)*5)
	require.LessOrEqual(t, longestRun(len(table.slots), func(i int) bool { return table.slots[i] == 0 }), 200)
	for _, record := range records[:99_990] {
		table.delete(find, nameByID(record))
		memory.dismiss(record)
	}
	require.LessOrEqual(t, len(table.slots), 128)
	for _, record := range records[99_990:] {
		name := record.ID
		require.Same(t, record, table.get(find, (*[16]byte)(&name)))
	}
	name := nameOf(7)
	require.Nil(t, table.get(find, &name))
}
