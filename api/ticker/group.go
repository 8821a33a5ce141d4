package ticker

import (
	"bytes"
	"cmp"
	"hash/crc32"
	"slices"
	"sort"
	"strconv"
	"sync"

	"holdfast/inventory"
)

// group tells of many products at once: those of a category, or all. It has a count of its
// own, which goes up by one with each change of one of them, and the products in the order
// of their last change. So whoever was told up to some count is told what comes after it,
// of each product once and as it is now: there is no queue, and who is told nothing for a
// while is no trouble.
type group struct {
	topics *topics
	topic  *topic

	lock    sync.Mutex
	members map[inventory.ID]*member
	// order has the members by their last change; an entry is of a member that has changed
	// since when their sequences differ.
	order    []memberEntry
	sequence uint64
	// gone are the members that are there to tell that they have left, the oldest first;
	// forgotten is the sequence of the last one of which that is told no more.
	gone      []*member
	forgotten uint64
	// chunks are the messages that were made at this sequence.
	chunks map[chunkKey]*chunk
	// checkAt is when the next checksum is due, checked that it goes with this sequence.
	checkAt inventory.Instant
	checked bool
	// sum is the checksum of this sequence, once it was asked for.
	sum      uint32
	sumKnown bool
	slowTeller
	// refreshAt is when the members may be looked at again: that is not for everybody who
	// asks.
	refreshAt inventory.Instant
	// lookAt is when what changes slowly is next looked at.
	lookAt inventory.Instant
}

// memberEntry is a place in the order of changes.
type memberEntry struct {
	sequence uint64
	member   *member
}

// chunkKey is what a message of a group depends on: after which sequence it tells; whether
// it begins anew; and whether those who get it may not know all members that are older.
type chunkKey struct {
	after         uint64
	begins, whole bool
	form          format
}

// chunk is one message. more says that another one follows it.
type chunk struct {
	bytes []byte
	until uint64
	more  bool
}

// openGroup gathers the products of a group.
func openGroup(t *topics, of *topic, now inventory.Instant) (teller, *refusal) {
	if t.catalogue == nil {
		t.catalogue = newCatalogue(t.hub.source())
	}
	products, known := t.catalogue.newest(of.channel, groupMembersMax)
	switch {
	case !known:
		return nil, unknownChannel(of.channel)
	case t.openings.take(openingRate, 1, now) > 0:
		return nil, &refusal{code: errLimit, message: "Too many groups of products are opened at once.", channel: of.channel.String(), wait: inventory.Second}
	case t.members+len(products) > allMembersMax:
		return nil, &refusal{code: errLimit, message: "Too many groups of products are watched now.", channel: of.channel.String(), wait: inventory.Second}
	}
	g := &group{topics: t, topic: of, members: map[inventory.ID]*member{}, chunks: map[chunkKey]*chunk{}, checkAt: now + checksumInterval}
	for range catalogueTriesMax {
		found := len(products)
		for _, id := range products {
			g.look(id, now)
		}
		if len(g.members) == found {
			break
		}
		// Some have left the category unseen, and are forgotten now: others have their places.
		products, _ = t.catalogue.newest(of.channel, groupMembersMax)
	}
	return g, nil
}

// has reports whether a product belongs to the group.
func (g *group) has(rules *inventory.Product) bool {
	return !rules.Deleted && (g.topic.channel.kind == everyChannel || rules.Category == g.topic.channel.category)
}

// follow looks at products whose rules have changed, or when not all of them are known, at
// all that may be members.
func (g *group) follow(changed []inventory.ID, complete bool, now inventory.Instant) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if !complete {
		changed, _ = g.topics.catalogue.newest(g.topic.channel, groupMembersMax)
	}
	before := g.sequence
	for _, id := range changed {
		g.look(id, now)
	}
	g.changed(before, g.sequence != before, now)
}

func (g *group) refresh(now inventory.Instant) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if now < g.refreshAt {
		return // it was looked at since the last beat, and will be with the next one
	}
	g.refreshAt = now + inventory.Instant(sweepInterval)/2
	g.refreshMembers(now)
	if now >= g.lookAt {
		g.lookAt = now + slowInterval
		clear(g.chunks) // those who begin are few, and what they have read is not kept for others
		g.lookSlowly(now)
	}
}

// lookSlowly does what is done once a second: of the products that sell fastest, and those
// that somebody looks at, it tells how fast and how many. A product that is not in the list
// has none of both.
func (g *group) lookSlowly(now inventory.Instant) {
	var rows []slowFacts
	for _, m := range g.members {
		if m.left {
			continue
		}
		m.seller.observe(&m.state, now)
		if g.wanted.Load() == 0 {
			continue
		}
		if f := m.seller.facts(&m.state, g.topics.viewersOf(m.product)); f.viewers > 0 || f.pace > 0 {
			rows = append(rows, f)
		}
	}
	slices.SortFunc(rows, func(a, b slowFacts) int {
		return cmp.Or(cmp.Compare(b.pace, a.pace), cmp.Compare(b.viewers, a.viewers), compareIDs(a.product, b.product))
	})
	rows = rows[:min(len(rows), slowRowsMax)]
	if before := g.slowFrame(); g.wanted.Load() > 0 &&
		(before == nil || !slices.EqualFunc(before.rows, rows, func(a, b slowFacts) bool { return a.equal(&b) })) {
		g.publishSlow(&slowFrame{group: g.topic.channel.String(), rows: rows})
	}
}

// refreshMembers looks at the members.
func (g *group) refreshMembers(now inventory.Instant) {
	before, edges := g.sequence, false
	for id, m := range g.members {
		if !m.left && g.look(id, now) {
			edges = true
		}
	}
	g.changed(before, edges, now)
}

// changed publishes what came after a sequence.
func (g *group) changed(before uint64, atOnce bool, now inventory.Instant) {
	if g.sequence == before {
		return
	}
	clear(g.chunks)
	g.sumKnown = false
	if g.checked = now >= g.checkAt; g.checked {
		g.checkAt = now + checksumInterval
	}
	g.topics.encoded.Add(g.sequence - before)
	g.compact()
	g.topic.publish(atOnce)
}

// look reads a product, and takes it in, brings it up to date, or lets it go. It returns
// whether something has happened that is told at once.
func (g *group) look(id inventory.ID, now inventory.Instant) bool {
	reading, found := g.topics.hub.source().Read(id)
	m := g.members[id]
	switch {
	case !found || !g.has(reading.Rules):
		if g.topics.catalogue.forget(id, g.topic.channel.category); m != nil && !m.left {
			g.dismiss(m)
		}
		return false
	case m == nil || m.left:
		if m == nil && !g.makeRoom(id) {
			return false
		}
		g.admit(&reading, now)
		return true
	}
	after := stateOf(&reading, m.number, now)
	if m.shows(&after) {
		return false
	}
	edge := m.edge() != after.edge()
	if m.state.facts() != after.facts() {
		m.facts = g.sequence + 1
	}
	m.state = after
	g.move(m)
	return edge
}

// makeRoom lets the oldest member go when the group is full and a product is newer. It
// returns whether there is room for it.
func (g *group) makeRoom(id inventory.ID) bool {
	if len(g.members)-len(g.gone) < groupMembersMax {
		return true
	}
	var oldest *member
	for _, m := range g.members {
		if !m.left && (oldest == nil || compareIDs(m.product, oldest.product) < 0) {
			oldest = m
		}
	}
	if compareIDs(id, oldest.product) < 0 {
		return false
	}
	g.dismiss(oldest)
	return true
}

// admit takes a product in.
func (g *group) admit(reading *Reading, now inventory.Instant) {
	id := reading.Rules.ID
	m := g.members[id]
	if m == nil {
		m = &member{}
		g.members[id] = m
	} else {
		g.gone = slices.DeleteFunc(g.gone, func(one *member) bool { return one == m })
	}
	m.left, m.state = false, stateOf(reading, g.topics.numbers.take(id), now)
	m.facts = g.sequence + 1
	g.topics.members++
	g.move(m)
}

// dismiss lets a product go: it is told for a while that it has left.
func (g *group) dismiss(m *member) {
	m.left = true
	g.topics.numbers.give(m.product)
	g.topics.members--
	g.move(m)
	g.gone = append(g.gone, m)
	if len(g.gone) > goneMembersMax {
		oldest := g.gone[0]
		g.gone = slices.Delete(g.gone, 0, 1)
		g.forgotten = max(g.forgotten, oldest.sequence)
		delete(g.members, oldest.product)
		oldest.sequence = 0
	}
}

// move makes a member the one that has changed last.
func (g *group) move(m *member) {
	g.sequence++
	m.sequence = g.sequence
	g.order = append(g.order, memberEntry{g.sequence, m})
}

// compact forgets old places in the order once they are more than the members.
func (g *group) compact() {
	if len(g.order) > 2*len(g.members)+groupRowsMax {
		g.order = slices.DeleteFunc(g.order, func(e memberEntry) bool { return e.member.sequence != e.sequence })
	}
}

func (g *group) over() bool { return false }

// leave gives the numbers of the members back.
func (g *group) leave() {
	for id, m := range g.members {
		if !m.left {
			g.topics.numbers.give(id)
			g.topics.members--
		}
	}
}

func (g *group) next(s *subscription) (piece, bool) {
	g.lock.Lock()
	defer g.lock.Unlock()
	key := chunkKey{after: s.sent, begins: s.snapshot, whole: s.whole || s.snapshot, form: s.client.format}
	switch {
	case s.snapshot || s.sent < g.forgotten:
		key = chunkKey{begins: true, whole: true, form: s.client.format}
	case s.sent >= g.sequence:
		return piece{}, false
	}
	made := g.chunk(key)
	return piece{subscription: s, bytes: made.bytes, until: made.until, more: made.more, whole: key.whole}, true
}

// told notes how far a client was told. One that was told all anew knows all members only
// when it has caught up.
func (g *group) told(s *subscription, told *piece) uint64 {
	s.sent, s.snapshot, s.whole = told.until, false, told.whole && told.more
	return 0
}

// chunk returns the message for those who were told up to a sequence; the whole of the
// group begins with the first one. What is too much for one message comes with the next.
func (g *group) chunk(key chunkKey) *chunk {
	if made := g.chunks[key]; made != nil {
		return made
	}
	made := g.write(key)
	g.chunks[key] = made
	return made
}

func (g *group) write(key chunkKey) *chunk {
	kind := "b"
	if key.begins {
		kind = "s"
	}
	m := newMessage(key.form, groupChunkBytes+snapshotRoom, kind)
	m.text("c", g.topic.channel.String())
	m.list("i", uncounted)
	first := sort.Search(len(g.order), func(i int) bool { return g.order[i].sequence > key.after })
	until, rows, i := key.after, 0, first
	for ; i < len(g.order) && rows < groupRowsMax && len(m.data) < groupChunkBytes; i++ {
		entry := &g.order[i]
		until = entry.sequence
		if one := entry.member; one.sequence == entry.sequence && !(one.left && key.begins) {
			one.write(m, key)
			rows++
		}
	}
	m.end()
	more := i < len(g.order)
	if more {
		m.yes("more")
	} else {
		until = g.sequence
	}
	m.unsigned("k", until)
	if g.checked && !more {
		m.unsigned("x", uint64(g.checksum()))
	}
	return &chunk{bytes: m.seal(), until: until, more: more}
}

// checksum is the CRC-32 (IEEE) of "n:e:s;" of all members, by n.
func (g *group) checksum() uint32 {
	if g.sumKnown {
		return g.sum
	}
	all := make([]*member, 0, len(g.members))
	for _, m := range g.members {
		if !m.left {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *member) int { return cmp.Compare(a.number, b.number) })
	var text []byte
	for _, m := range all {
		text = append(strconv.AppendUint(text, m.number, 10), ':')
		text = append(strconv.AppendUint(text, uint64(m.epoch), 10), ':')
		text = append(strconv.AppendUint(text, m.stock.Version, 10), ';')
	}
	g.sum, g.sumKnown = crc32.ChecksumIEEE(text), true
	return g.sum
}

func compareIDs(a, b inventory.ID) int { return bytes.Compare(a[:], b[:]) }
