package inventory

// Instant is a moment in nanoseconds since 1970-01-01T00:00:00Z. It is its own
// type, not time.Time, so that the domain cannot read a clock by habit.
type Instant int64

// Units of the distance between two instants.
const (
	Millisecond Instant = 1_000_000
	Second      Instant = 1000 * Millisecond
)

// Add returns the instant that lies distance after t.
func (t Instant) Add(distance Instant) Instant { return t + distance }
