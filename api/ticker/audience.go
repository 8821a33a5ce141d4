package ticker

import "holdfast/inventory"

// audience is those of a shard's clients that watch one topic.
type audience struct {
	topic *topic
	lanes [len(lanes)]seatsOfLane
	count int
}

// seatsOfLane are those in one lane.
type seatsOfLane struct {
	// seen is the frame that they were told to be told of last.
	seen          *frame
	subscriptions []*subscription
}

// join puts a subscription into its lane.
func (a *audience) join(s *subscription) {
	lane := &a.lanes[s.lane]
	if len(lane.subscriptions) == 0 {
		lane.seen = a.topic.newest.Load()
	}
	s.place = len(lane.subscriptions)
	lane.subscriptions = append(lane.subscriptions, s)
	a.count++
}

// leave takes a subscription out of its lane.
func (a *audience) leave(s *subscription) {
	members := a.lanes[s.lane].subscriptions
	last := len(members) - 1
	members[s.place] = members[last]
	members[s.place].place = s.place
	members[last] = nil
	a.lanes[s.lane].subscriptions = members[:last]
	a.count--
}

// sweep marks those who have to be told in this sweep, and returns those clients for
// whom there was nothing before. A change of phase is told at once in every lane that
// delivers. Each sweep begins at another client, so that nobody is always the last.
func (a *audience) sweep(sweep uint64, touched []*client) []*client {
	newest := a.topic.newest.Load()
	for i := range a.lanes[:lanePaused] {
		members := &a.lanes[i]
		if members.seen == newest || len(members.subscriptions) == 0 {
			continue
		}
		if !lanes[i].due(sweep+spread(a.topic.product)) && members.seen.phase == newest.phase {
			continue
		}
		members.seen = newest
		first := int(sweep % uint64(len(members.subscriptions))) // #nosec G115 -- below the length
		for _, part := range [2][]*subscription{members.subscriptions[first:], members.subscriptions[:first]} {
			for _, s := range part {
				if s.last != newest && s.mark() {
					touched = append(touched, s.client)
				}
			}
		}
	}
	return touched
}

// spread lets slow lanes of many topics deliver in different sweeps.
func spread(product inventory.ID) uint64 { return uint64(product[15]) }
