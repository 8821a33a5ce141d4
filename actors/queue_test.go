package actors

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// A queue gives what was put in, in that order, whatever the lengths it has.
func TestAQueueKeepsTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue[int]
		pushed, popped := 0, 0
		for range rapid.IntRange(1, 12).Draw(t, "phases") {
			for range rapid.IntRange(0, 3*queueBlockItems).Draw(t, "pushes") {
				q.push(pushed)
				pushed++
			}
			for range rapid.IntRange(0, q.length()).Draw(t, "pops") {
				require.Equal(t, popped, *q.front())
				require.Equal(t, popped, q.pop())
				popped++
			}
			require.Equal(t, pushed-popped, q.length())
		}
	})
}

// An empty queue that was long keeps one block.
func TestAnEmptyQueueKeepsLittle(t *testing.T) {
	var q queue[int]
	for n := range 10 * queueBlockItems {
		q.push(n)
	}
	for q.length() > 0 {
		q.pop()
	}
	require.Same(t, q.first, q.last)
	require.Nil(t, q.first.next)
}

// The heap of deadlines says which hold ends first, through holds that begin, end
// early and are extended.
func TestTheFirstDeadlineIsKnown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := deadlines{clock: clock.NewManual(0)}
		var held []*heldOrder
		hold := func(end int) {
			record := &heldOrder{}
			record.State, record.ExpiresAt = inventory.Reserved, inventory.Instant(end)
			held = append(held, record)
			d.follow(record)
		}
		for _, end := range rapid.SliceOfN(rapid.IntRange(1, 1_000), 0, 200).Draw(t, "ends") {
			hold(end)
		}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			switch rapid.IntRange(1, 3).Draw(t, "step") {
			case 1:
				hold(rapid.IntRange(1, 1_000).Draw(t, "end"))
			case 2:
				if len(held) > 0 {
					i := rapid.IntRange(0, len(held)-1).Draw(t, "ended")
					held[i].State = inventory.Cancelled
					d.follow(held[i])
					held = slices.Delete(held, i, i+1)
				}
			case 3:
				if len(held) > 0 {
					record := rapid.SampledFrom(held).Draw(t, "extended")
					record.ExpiresAt += inventory.Instant(rapid.IntRange(0, 1_000).Draw(t, "by"))
					d.follow(record)
				}
			}
			require.Len(t, d.heap, len(held))
			for i, item := range d.heap {
				require.EqualValues(t, i+1, item.record.place)
				require.LessOrEqual(t, d.heap[max(i-1, 0)/deadlineChildren].at, item.at)
			}
			if len(held) == 0 {
				require.Nil(t, d.due(1_000_000))
				continue
			}
			first := slices.MinFunc(held, func(a, b *heldOrder) int { return int(a.ExpiresAt - b.ExpiresAt) })
			require.Nil(t, d.due(first.ExpiresAt-1))
			require.Equal(t, first.ExpiresAt, d.due(first.ExpiresAt).ExpiresAt)
		}
	})
}
