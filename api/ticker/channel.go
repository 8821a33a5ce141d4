package ticker

import (
	"strings"

	"holdfast/inventory"
)

// channelKind is what a channel is about.
type channelKind uint8

const (
	// productChannel is one product, groupChannel all of a category, everyChannel all of
	// them.
	productChannel channelKind = iota + 1
	groupChannel
	everyChannel
	// systemChannel is the figures of this node.
	systemChannel
	// ordersChannel is the orders of a customer, orderChannel one order.
	ordersChannel
	orderChannel
)

// The beginnings of channels that are about one of many.
const (
	productPrefix  = "p:"
	categoryPrefix = "c:"
	ordersPrefix   = "o:"
)

// channel names what can be subscribed to. id is that of a product, a customer or an
// order, category that of a group, customer whose order it is.
type channel struct {
	kind         channelKind
	id, customer inventory.ID
	category     string
}

// ordersOf is the channel of a customer's orders, orderOf that of one of them.
func ordersOf(customer inventory.ID) channel {
	return channel{kind: ordersChannel, id: customer, customer: customer}
}

func orderOf(order, customer inventory.ID) channel {
	return channel{kind: orderChannel, id: order, customer: customer}
}

// parseChannel reads a channel. Of o: it says that it is about one order: whoever knows
// who asks turns it into that customer's orders.
func parseChannel(text string) (channel, bool) {
	switch text {
	case "*":
		return channel{kind: everyChannel}, true
	case "sys":
		return channel{kind: systemChannel}, true
	}
	if id, is := idAfter(text, productPrefix); is {
		return channel{kind: productChannel, id: id}, true
	}
	if id, is := idAfter(text, ordersPrefix); is {
		return channel{kind: orderChannel, id: id}, true
	}
	category, is := strings.CutPrefix(text, categoryPrefix)
	return channel{kind: groupChannel, category: category}, is && category != "" && len(category) <= categoryBytesMax
}

func idAfter(text, prefix string) (inventory.ID, bool) {
	text, is := strings.CutPrefix(text, prefix)
	if !is {
		return inventory.ID{}, false
	}
	id, err := inventory.ParseID(text)
	return id, err == nil
}

// String returns the channel as it is written.
func (c channel) String() string {
	switch c.kind {
	case productChannel:
		return productPrefix + c.id.String()
	case groupChannel:
		return categoryPrefix + c.category
	case everyChannel:
		return "*"
	case systemChannel:
		return "sys"
	case ordersChannel, orderChannel:
		return ordersPrefix + c.id.String()
	}
	return ""
}

// isGroup reports whether a channel is of many products.
func (c channel) isGroup() bool { return c.kind == groupChannel || c.kind == everyChannel }

// private reports whether a channel is not for everybody.
func (c channel) private() bool { return c.kind > groupChannel }
