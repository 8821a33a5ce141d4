package ticker

// lane is how often a client is told of a channel at most. Lanes are shared: all in one
// of them are served together, from one frame.
type lane struct {
	hz float64
	// tenths is hz in tenths.
	tenths uint64
}

// lanes from the fastest to the slowest. The last one keeps a subscription without
// deliveries.
var lanes = [...]lane{{20, 200}, {10, 100}, {8, 80}, {5, 50}, {4, 40}, {2, 20}, {1, 10}, {0.5, 5}, {0.2, 2}, {0, 0}}

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

// turns is how many deliveries of a lane there were up to a beat.
func (l *lane) turns(beat uint64) uint64 { return beat * l.tenths / (10 * uint64(sweepsPerSecond)) }

// laneFor returns the lane of who has asked for one and is served some lanes slower: never
// slower than the slowest that delivers, and paused stays so.
func laneFor(asked, slower int) int {
	if asked == lanePaused {
		return lanePaused
	}
	return min(asked+slower, lanePaused-1)
}
