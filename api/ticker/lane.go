package ticker

// lane is how often a client is told of a product at most. Lanes are shared: all in one
// of them are served together, from one frame.
type lane struct {
	hz float64
	// text is hz in JSON.
	text string
	// sweeps is how many there are from one delivery to the next; 0 is never.
	sweeps uint64
}

// lanes from the fastest to the slowest. The last one keeps a subscription without
// deliveries.
var lanes = [...]lane{
	{20, "20", 1}, {10, "10", 2}, {5, "5", 4}, {2, "2", 10}, {1, "1", 20}, {0.5, "0.5", 40}, {0.2, "0.2", 100}, {0, "0", 0},
}

const (
	// laneDefault is that of a client that does not say.
	laneDefault = 1
	lanePaused  = len(lanes) - 1
	// hertzMax bounds what may be asked for.
	hertzMax = 1_000_000
)

// laneOf returns the fastest lane that is not faster than hz. What is above zero and
// slower than all gets the slowest that delivers.
func laneOf(hz float64) int {
	if hz == 0 {
		return lanePaused
	}
	for i := range lanes {
		if lanes[i].hz <= hz {
			return min(i, lanePaused-1)
		}
	}
	return lanePaused - 1
}

// due reports whether a lane delivers in a sweep. Topics are spread over the sweeps.
func (l *lane) due(sweep uint64) bool { return l.sweeps > 0 && sweep%l.sweeps == 0 }
