package actors

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/inventory"
)

func TestTheSizeOfAHeldOrder(t *testing.T) {
	require.EqualValues(t, 176, unsafe.Sizeof(heldOrder{}))
}

// Whatever an order has, its record takes over, but for Key and Body.
func TestARecordBecomesItsOrder(t *testing.T) {
	var next inventory.Order
	fields := reflect.ValueOf(&next).Elem()
	for i := range fields.NumField() {
		switch field := fields.Field(i); field.Kind() {
		case reflect.Array:
			field.Index(0).SetUint(7)
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		case reflect.Uint8, reflect.Uint64:
			field.SetUint(7)
		default:
			field.SetInt(7)
		}
	}
	var record heldOrder
	record.become(&next)
	next.Key, next.Body = inventory.Fingerprint{}, inventory.Fingerprint{}
	require.Equal(t, next, record.Order)
}

// Nobody gets an order that somebody has, a number leads to its order, and what is given
// back is empty when it is given out again.
func TestAnOrderBelongsToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		directory := newOrderDirectory()
		allocators := []*orderAllocator{{directory: directory}, {directory: directory}}
		type taken struct {
			by     *orderAllocator
			record *heldOrder
		}
		var live []taken
		inUse := map[*heldOrder]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				by := allocators[rapid.IntRange(0, 1).Draw(t, "by")]
				for range rapid.IntRange(1, slabOrders).Draw(t, "orders") {
					record := by.take()
					require.False(t, inUse[record])
					require.Equal(t, heldOrder{number: record.number}, *record)
					record.Sequence = uint64(record.number)
					inUse[record] = true
					live = append(live, taken{by, record})
				}
			},
			"free": func(t *rapid.T) {
				for range min(len(live), rapid.IntRange(1, slabOrders).Draw(t, "orders")) {
					i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
					delete(inUse, live[i].record)
					live[i].by.free(live[i].record)
					live[i] = live[len(live)-1]
					live = live[:len(live)-1]
				}
			},
			"": func(t *rapid.T) {
				for _, taken := range live {
					require.NotZero(t, taken.record.number)
					require.Same(t, taken.record, directory.at(taken.record.number))
					require.EqualValues(t, taken.record.number, taken.record.Sequence)
				}
			},
		})
	})
}

// The memory of orders that are gone goes back, but for one slab, and so does that of a
// memory that is replaced.
func TestSlabsGoBack(t *testing.T) {
	directory := newOrderDirectory()
	memory, other := newOrderMemory(directory), newOrderMemory(directory)
	kept := other.make(&inventory.Order{}, 1)
	var records []*heldOrder
	for range 100 * slabOrders {
		records = append(records, memory.make(&inventory.Order{}, 0))
	}
	require.Equal(t, 101, slabsIn(directory))
	for i := range records {
		memory.dismiss(records[i*7%len(records)])
	}
	require.Equal(t, 2, slabsIn(directory))
	directory.removeAll(memory.allocator)
	require.Equal(t, 1, slabsIn(directory))
	require.Same(t, kept, directory.at(kept.number))
}

// Repeats and refusals take no memory, an order takes it until it is decided and SQL
// has it, and so does one that was read from SQL to be changed.
func TestWhatIsNotPlacedTakesNoMemory(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.limited(100)
	request := orderOf(customer, h.key(), product, 2)
	first, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, 1, h.ordersInMemory())

	reply, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 2))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, reply.Replayed)
	_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), product, 4))
	require.Equal(t, inventory.CodeQuantityLimitCustomer, refusal.Code)
	require.Equal(t, 1, h.ordersInMemory())

	_, refusal = h.change(inventory.OrderConfirmed, first.Order.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()
	require.Zero(t, h.ordersInMemory())

	// A repeat that SQL answers, a change that is refused, and one that is made.
	reply, refusal = h.engine.PlaceOrder(orderOf(customer, request.Key, product, 2))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, reply.Replayed)
	_, refusal = h.change(inventory.OrderExtended, first.Order.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.CodeInvalidTransition, refusal.Code)
	require.Zero(t, h.ordersInMemory())
	_, refusal = h.change(inventory.OrderCancelled, first.Order.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()
	require.Zero(t, h.ordersInMemory())
}

// A key of a change whose event carries none is not remembered.
func TestAKeyThatNoEventCarriesIsIgnored(t *testing.T) {
	h := newHouse(t)
	order := h.place(h.customer(), h.product(5), 1)
	key := h.key()
	for range 2 {
		_, refusal := h.engine.ChangeOrder(&ChangeOrder{Order: order.ID,
			Change: inventory.Change{Kind: inventory.OrderConfirmed, Key: key}})
		require.Equal(t, inventory.Refusal{}, refusal)
		require.False(t, h.engine.keys.has(key))
	}
}

// ordersInMemory returns how many orders are in use.
func (h *house) ordersInMemory() (orders int) {
	h.awaitIdle()
	all := *h.engine.directory.slabs.Load()
	for i := range all {
		if slab := all[i].Load(); slab != nil {
			orders += int(slab.live)
		}
	}
	return orders
}

func slabsIn(d *orderDirectory) (slabs int) {
	all := *d.slabs.Load()
	for i := range all {
		if all[i].Load() != nil {
			slabs++
		}
	}
	return slabs
}
