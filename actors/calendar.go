package actors

import (
	"container/heap"

	"holdfast/inventory"
)

// calendar counts the holds of one product by the second in which they end. It has
// one entry for each such second, so at most as many as a hold may last.
type calendar struct {
	holds map[int64]int32
	// seconds is a heap of the keys of holds, and of some that have gone.
	seconds secondHeap
}

// secondOf returns the first full second at or after t.
func secondOf(t inventory.Instant) int64 { return int64((t + inventory.Second - 1) / inventory.Second) }

func (c *calendar) add(end inventory.Instant) {
	if c.holds == nil {
		c.holds = make(map[int64]int32)
	}
	second := secondOf(end)
	count, known := c.holds[second]
	c.holds[second] = count + 1
	if !known {
		heap.Push(&c.seconds, second)
	}
}

func (c *calendar) remove(end inventory.Instant) {
	if second := secondOf(end); c.holds[second] > 0 {
		c.holds[second]--
	}
	c.first()
}

// first returns the earliest second in which a hold ends, and drops those before it;
// zero when there is none.
func (c *calendar) first() inventory.Instant {
	for len(c.seconds) > 0 {
		if second := c.seconds[0]; c.holds[second] > 0 {
			return inventory.Instant(second) * inventory.Second
		}
		delete(c.holds, heap.Pop(&c.seconds).(int64))
	}
	return 0
}

// secondHeap implements heap.Interface.
type secondHeap []int64

func (h secondHeap) Len() int           { return len(h) }
func (h secondHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h secondHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *secondHeap) Push(second any)   { *h = append(*h, second.(int64)) }
func (h *secondHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
