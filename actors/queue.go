package actors

// queue is a first-in, first-out queue without a bound of its own but 2^31 items. Its memory is a
// chain of blocks: growing copies nothing, and what was taken is free for the
// collector at once. The zero queue is empty and takes no memory; an empty one that
// was used keeps a block.
type queue[T any] struct {
	first, last *queueBlock[T]
	// taken is how many of the first block are gone, filled how many of the last are
	// in use.
	taken, filled int32
	items         int32
}

// queueBlockItems is how many items one block has.
const queueBlockItems = 64

type queueBlock[T any] struct {
	items [queueBlockItems]T
	next  *queueBlock[T]
}

func (q *queue[T]) length() int { return int(q.items) }

// front returns the oldest item. The queue must not be empty.
func (q *queue[T]) front() *T { return &q.first.items[q.taken] }

func (q *queue[T]) push(item T) {
	if q.last == nil || q.filled == queueBlockItems {
		block := &queueBlock[T]{}
		if q.last == nil {
			q.first = block
		} else {
			q.last.next = block
		}
		q.last, q.filled = block, 0
	}
	q.last.items[q.filled] = item
	q.filled++
	q.items++
}

// pop takes the oldest item. The queue must not be empty.
func (q *queue[T]) pop() T {
	var none T
	item := q.first.items[q.taken]
	q.first.items[q.taken] = none
	q.taken++
	q.items--
	switch {
	case q.items == 0:
		q.first, q.taken, q.filled = q.last, 0, 0
	case q.taken == queueBlockItems:
		q.first, q.taken = q.first.next, 0
	}
	return item
}
