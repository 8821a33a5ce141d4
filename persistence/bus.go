package persistence

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"holdfast/inventory"
)

// Bounds of a [Bus].
const (
	// BusProductsMax is how many products a bus knows. What is published of further ones is
	// refused and counted.
	BusProductsMax = 1 << 20
	// BusStatesMax is the most states in one event.
	BusStatesMax = 512
	// BusPublishersMax is how many publishers a bus follows: the one that was silent for
	// the longest time is forgotten first. Who is silent and has no product is forgotten
	// anyway.
	BusPublishersMax = 64
	// BusSubscriptionsMax is how many subscriptions a bus has.
	BusSubscriptionsMax = 16
	// BusBeaconInterval is how often a publisher shows that it is alive, and BusSilenceMax
	// how long it may be silent before its products are stale.
	BusBeaconInterval = time.Second
	BusSilenceMax     = 2500 * time.Millisecond
	// BusNameBytesMax and BusCategoryBytesMax bound the texts of a product that are told:
	// those of the catalogue, 200 and 64 characters, in the longest encoding. Its SKU has
	// [inventory.SKUBytesMax] bytes.
	BusNameBytesMax     = 4 * 200
	BusCategoryBytesMax = 4 * 64
)

// Errors of a [Bus].
var (
	// ErrBusClosed is returned when the bus or the subscription is closed.
	ErrBusClosed = errors.New("the bus is closed")
	// ErrSubscriptions is returned when there are [BusSubscriptionsMax] subscriptions.
	ErrSubscriptions = errors.New("too many subscriptions of the bus")
)

// StockState is the durable stock of a product as others see it, and the rules that are in
// force with it.
type StockState struct {
	Product inventory.ID
	// Rules are never nil, and nobody changes them: other rules are another value. Other
	// processes are told what a ticker shows: ID, SKU, Name, Category, Price, the window of
	// the sale, Paused and Deleted. Where the product is in its sale follows from them, at
	// any moment: nobody has to tell that a sale begins.
	Rules *inventory.Product
	// Epoch and Version order the states of a product: the later has the higher epoch, or
	// the same and the higher version. Revision orders those of one publisher that have the
	// same of both: the later rules have the higher one, and the same one is the same rules.
	Epoch    uint32
	Version  uint64
	Revision uint64
	// Available, Reserved and Sold are the units shown.
	Available, Reserved, Sold int64
	// At is the moment of the state.
	At inventory.Instant
}

// After reports whether s is later than the other state of the same product, which the
// same publisher has told.
func (s *StockState) After(other *StockState) bool {
	return s.StockAfter(other) || !other.StockAfter(s) && s.Revision > other.Revision
}

// StockAfter reports whether the stock of s is later than that of the other state of the
// same product, whoever has told either.
func (s *StockState) StockAfter(other *StockState) bool {
	return s.Epoch > other.Epoch || s.Epoch == other.Epoch && s.Version > other.Version
}

// BusFits reports whether rules are within the bounds of what is told: UTF-8 of so many
// bytes. The catalogue has no others.
func BusFits(rules *inventory.Product) bool {
	return fits(rules.SKU, inventory.SKUBytesMax) && fits(rules.Name, BusNameBytesMax) && fits(rules.Category, BusCategoryBytesMax)
}

func fits(text string, bytesMax int) bool { return len(text) <= bytesMax && utf8.ValidString(text) }

// Publisher is a process that publishes, for as long as it lives. It is never zero.
type Publisher uint64

// BusEventKind says what a [BusEvent] is.
type BusEventKind uint8

// The kinds of events.
const (
	// BusBatch brings states.
	BusBatch BusEventKind = iota + 1
	// BusStale says that the publisher was not heard, or that something of it was lost:
	// nobody knows whether its products are still what was told last.
	BusStale
	// BusFresh says that all that the publisher has published before was told.
	BusFresh
)

// BusEvent is what a subscriber is told.
type BusEvent struct {
	Kind      BusEventKind
	Publisher Publisher
	// States are those of a BusBatch, at most [BusStatesMax], of different products. A
	// product belongs to the publisher that told of it last, and is as fresh as that one:
	// stale when nothing was told of it yet.
	States []StockState
}

// Bus carries the stock of products between processes. What is lost on the way is noticed
// and made good; only states that a later one has replaced are left out.
//
//	B1  To a subscription the (epoch, version) of a product never goes back, nor does the
//	    revision of the rules that its publisher tells.
//	B2  When nothing is published any more, every subscription is told the last state of
//	    every product, however many messages were lost, once messages pass again.
//	B3  When something is lost or a publisher is silent for [BusSilenceMax], its subscribers
//	    are told BusStale, and BusFresh after all that they had missed.
//	B4  Publish never waits: not for a server, and not for a subscriber.
//	B5  Memory is bounded by the products: a subscriber that does not ask is told less often.
//	B6  What this process publishes reaches its own subscriptions without any server.
type Bus interface {
	// Publish tells of states. One that is not later than what is known of its product
	// changes nothing, unless it is the same version and another publisher's product: then
	// the product is ours from now on. A state without rules, or with such as do not fit
	// (see [BusFits]), is refused and counted.
	Publish(states ...StockState)
	// Subscribe returns what tells of all products, beginning with their present states.
	// It returns ErrSubscriptions or ErrBusClosed.
	Subscribe() (Subscription, error)
	// Statistics returns what has happened so far.
	Statistics() BusStatistics
	// Close ends all subscriptions.
	Close() error
}

// Subscription is what one subscriber is told, in the order of Next. One goroutine uses it.
type Subscription interface {
	// Next waits for the next event. It returns ctx's error, or ErrBusClosed after Close.
	// Its States are the caller's until the call after.
	Next(ctx context.Context) (BusEvent, error)
	// Close ends the subscription.
	Close()
}

// BusStatistics count since the start, but for Products, Publishers, Stale and Away.
type BusStatistics struct {
	// Published are the states that were published here and were news, Received those
	// from other processes (also the first of a product that has moved), Conflated those that a later one replaced before a
	// subscription was told.
	Published, Received, Conflated uint64
	// Messages are those sent, Gaps how often something of a publisher was missing, Repairs
	// how often it was read again.
	Messages, Gaps, Repairs uint64
	// Refused are messages that nobody of ours has sent, or that are of another version of
	// ours, and states of too many products or without rules that fit.
	Refused uint64
	// Failures are calls of the server that failed, Connections those made for listening.
	Failures, Connections uint64
	// Products and Publishers are those known now, Stale the publishers that are stale.
	Products, Publishers, Stale int
	// Away says that what is published here does not reach other processes now. They are
	// told when it does again.
	Away bool
	// Keyframe is the last moment at which all was known that a publisher elsewhere had
	// published until then; zero is never. A process that has published nothing is none.
	Keyframe inventory.Instant
	// Lag is how old the newest state of the last batch from elsewhere was when it came, by
	// the clocks of both processes.
	Lag time.Duration
}
