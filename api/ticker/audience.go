package ticker

// audience is those of a shard's clients that watch one topic.
type audience struct {
	topic *topic
	lanes [len(lanes)]seatsOfLane
	count int
	// slow is the edition of what changes slowly that they were told of last.
	slow uint64
}

// seatsOfLane are those in one lane.
type seatsOfLane struct {
	// edition and edge are what they were told to be told of last, turn is how many
	// deliveries of the lane there were then.
	edition, edge, turn uint64
	subscriptions       []*subscription
}

// join puts a subscription into its lane.
func (a *audience) join(s *subscription) {
	lane := &a.lanes[s.lane()]
	if len(lane.subscriptions) == 0 {
		lane.edition, lane.edge = a.topic.edition.Load(), a.topic.edge.Load()
	}
	s.place = len(lane.subscriptions)
	lane.subscriptions = append(lane.subscriptions, s)
	a.count++
}

// leave takes a subscription out of its lane.
func (a *audience) leave(s *subscription) {
	members := a.lanes[s.lane()].subscriptions
	last := len(members) - 1
	members[s.place] = members[last]
	members[s.place].place = s.place
	members[last] = nil
	a.lanes[s.lane()].subscriptions = members[:last]
	a.count--
}

// each visits all subscriptions.
func (a *audience) each(visit func(*subscription)) {
	for i := range a.lanes {
		for _, s := range a.lanes[i].subscriptions {
			visit(s)
		}
	}
}

// sweep marks those who have to be told in this sweep, and returns those clients for
// whom there was nothing before. A lane is due by time, not by sweeps: one that takes long
// makes no other one late. An edge, such as another phase, is told at once in every lane
// that delivers. Each sweep begins at another client, so that nobody is always the
// last.
func (a *audience) sweep(sweep, beat uint64, touched []*client) []*client {
	edition, edge := a.topic.edition.Load(), a.topic.edge.Load()
	for i := range a.lanes[:lanePaused] {
		members := &a.lanes[i]
		turn := lanes[i].turns(beat + a.topic.channel.spread())
		due := turn != members.turn || members.edge != edge
		if members.turn = turn; !due || members.edition == edition || len(members.subscriptions) == 0 {
			continue
		}
		members.edition, members.edge = edition, edge
		touched = members.mark(sweep, touched, func(*subscription) bool { return true })
	}
	if slow := a.topic.slowEdition(); slow != a.slow {
		a.slow = slow
		for i := range a.lanes[:lanePaused] {
			touched = a.lanes[i].mark(sweep, touched, (*subscription).wantsSlow)
		}
	}
	return touched
}

// mark marks those of a lane that want it.
func (l *seatsOfLane) mark(sweep uint64, touched []*client, wants func(*subscription) bool) []*client {
	if len(l.subscriptions) == 0 {
		return touched
	}
	first := int(sweep % uint64(len(l.subscriptions))) // #nosec G115 -- below the length
	for _, part := range [2][]*subscription{l.subscriptions[first:], l.subscriptions[:first]} {
		for _, s := range part {
			if wants(s) && s.mark() {
				touched = append(touched, s.client)
			}
		}
	}
	return touched
}

// spread lets slow lanes of many topics deliver at different times.
func (c channel) spread() uint64 { return uint64(c.id[15]) }
