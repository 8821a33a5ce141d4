package ticker

import "time"

// Version orders the states of a product: of two the one with the greater epoch, or the same
// and the greater stock version, is the later one.
type Version struct{ Epoch, Stock uint64 }

// Before reports whether v is older.
func (v Version) Before(other Version) bool {
	return v.Epoch < other.Epoch || v.Epoch == other.Epoch && v.Stock < other.Stock
}

// Phase is where a product's sale is.
type Phase string

// The phases.
const (
	Scheduled Phase = "scheduled"
	Live      Phase = "live"
	Paused    Phase = "paused"
	SoldOut   Phase = "sold_out"
	Ended     Phase = "ended"
)

// phases are by their number in msgpack.
var phases = [...]Phase{Scheduled, Live, Paused, SoldOut, Ended}

// Product is a state of a product: numbers that were durable at one moment, and what the
// catalogue says.
type Product struct {
	ID string
	Version
	Available, Reserved, Sold int64
	Phase                     Phase
	// At is when the server read the state; zero is not told.
	At time.Time
	Catalogue
}

// Catalogue is what rarely changes of a product.
type Catalogue struct {
	SKU, Name, Category string
	// Price is in minor units of Currency.
	Price    int64
	Currency string
	// Capacity is all units that are or were for sale; zero is not told.
	Capacity int64
	// Start and End bound the sale; zero is no bound.
	Start, End time.Time
}

// Facts are slow facts of a product, once a second at most.
type Facts struct {
	Product string
	// Viewers watch it, PerSecond units are sold of it.
	Viewers   int64
	PerSecond float64
	// SoldOutFrom and SoldOutTo say in how much time it may be sold out; without Known, nothing
	// is known of that.
	SoldOutFrom, SoldOutTo time.Duration
	Known                  bool
}

// Board is what has changed of a board.
type Board struct {
	// Replaced says that Products are all that it has: forget the others.
	Replaced bool
	// Products are those that have changed, as they are now, and Gone those that left it.
	Products []Product
	Gone     []string
	// Facts are the slow facts that have changed.
	Facts []Facts
}

// Order is a state of an order.
type Order struct {
	ID, Status string
	// Total is in minor units of Currency.
	Total    int64
	Currency string
	// ExpiresAt ends the hold; zero is no end.
	ExpiresAt, At time.Time
}

// System is the figures of the server, once a second.
type System struct {
	Now             int64              `json:"now"`
	OrdersPerSecond float64            `json:"orders_s"`
	Refused         map[string]float64 `json:"refused_s"`
	P50             float64            `json:"p50_ms"`
	P99             float64            `json:"p99_ms"`
	Changes         float64            `json:"changes_s"`
	Viewers         int64              `json:"viewers"`
	Connections     int64              `json:"connections"`
	Blocked         int64              `json:"blocked"`
	LagP99          float64            `json:"lag_p99_ms"`
	Frames          float64            `json:"frames_s"`
	Versions        float64            `json:"versions_s"`
	Oversold        int64              `json:"oversold"`
	Backlog         int64              `json:"backlog"`
	RSSBytes        int64              `json:"rss_bytes"`
	CPU             float64            `json:"cpu"`
}

// Status says how a channel is: live, stale, resync, or gone, which ends it.
type Status struct{ State, Why string }

// StateGone is the state of a channel that has ended: subscribe again if you want it.
const StateGone = "gone"

// Link says whether there is a connection.
type Link struct {
	Connected bool
	// Session and Node name the connection, and User is who the server knows.
	Session, Node, User string
	// Err is why the last one ended, and Pause how long the client waits before it comes back.
	Err   error
	Pause time.Duration
}

// Update is what has changed in a channel since the last one: what is nil has not. All of it
// is the caller's.
type Update struct {
	// Channel is empty when it is about the connection: then there is a Link.
	Channel string
	Link    *Link
	Status  *Status
	Product *Product
	Facts   *Facts
	Board   *Board
	// Orders have changed, oldest first. Lost says that there were others, which were
	// forgotten since nobody asked: read the list of orders.
	Orders []Order
	Lost   bool
	System *System
}
