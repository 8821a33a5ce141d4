package actors

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// A key outlives its order in memory although no start has read it from SQL.
func TestAKeyIsKnownAfterItsOrderHasLeftMemory(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(5)
	request := orderOf(customer, h.key(), product, 1)
	first, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.engine.CancelOrder(ChangeOrder{Order: first.Order.ID})
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()
	require.NotContains(t, h.engine.actorOf(first.Order.ID.Shard()).memory.keys, request.Key)
	reply, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 1))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, reply.Replayed)
	require.Equal(t, first.Order.ID, reply.Order.ID)
}

// slowProduct is a product actor that waits in each message.
type slowProduct struct {
	*productActor
	entered, proceed chan struct{}
}

func (p *slowProduct) handle(op *operation) {
	p.entered <- struct{}{}
	<-p.proceed
	p.productActor.handle(op)
}

// hasWaiting reports whether a step waits in a mailbox whose consumer stands still.
func (m *mailbox) hasWaiting(do step) bool {
	for op := m.head.Load(); op != nil && op != running; op = op.next {
		if op.step == do {
			return true
		}
	}
	return false
}

// A key is claimed while its product is asked: the second send, which comes before
// the answer of the product, is told so.
func TestAKeyIsClaimedBeforeItsOrderIsDecided(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	h.awaitIdle()
	p := h.engine.shelf.get(product)
	slow := &slowProduct{productActor: p, entered: make(chan struct{}, 2), proceed: make(chan struct{})}
	p.behaviour = slow
	request := orderOf(customer, h.key(), product, 1)
	refusals := make(chan inventory.Refusal, 2)
	send := func() {
		_, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 1))
		refusals <- refusal
	}
	go send()
	<-slow.entered
	go send()
	require.Eventually(t, func() bool { return h.engine.actorOf(shardOf(customer)).hasWaiting(stepPlace) }, waitMax, waitStep)
	close(slow.proceed)
	require.ElementsMatch(t, []inventory.Code{"", inventory.CodeRequestInProgress}, []inventory.Code{(<-refusals).Code, (<-refusals).Code})
	require.Equal(t, [3]int64{10, 1, 0}, h.stock(product))
}
