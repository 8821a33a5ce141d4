package bench

import (
	"slices"

	"holdfast/bench/crowd"
)

// watchSamplesMax bounds the times that are taken: of more changes than that, times
// connections, only every so many is followed.
const watchSamplesMax = 50_000_000

// watchChange is a change of the product whose answer is known.
type watchChange struct {
	version  uint32
	answered uint32 // in microseconds since the session began
}

// watchChanges are those of a measurement, by version.
type watchChanges []watchChange

// changesOf takes the changes of a product from its orders.
func changesOf(entries []flashEntry, product uint32) watchChanges {
	var changes watchChanges
	for i := range entries {
		if entry := &entries[i]; entry.product == product && entry.placed() {
			changes = append(changes, watchChange{uint32(entry.version), uint32(entry.answered().Microseconds())})
		}
	}
	slices.SortFunc(changes, func(a, b watchChange) int { return int(a.version) - int(b.version) })
	return changes
}

// thin keeps so many of the changes that, for each connection, there are not too many.
func (c watchChanges) thin(connections int) watchChanges {
	stride := 1 + len(c)*connections/watchSamplesMax
	if stride == 1 {
		return c
	}
	kept := make(watchChanges, 0, len(c)/stride+1)
	for i := stride - 1; i < len(c); i += stride {
		kept = append(kept, c[i])
	}
	return kept
}

// watchTimes are how fast changes came through.
type watchTimes struct {
	// seen is from the answer to a change until its version, or a later one, was shown; age
	// from the answer to the change of a frame's version. early are the frames that were there
	// before the answer: they count as zero.
	seen, age latencies
	early     int64
}

// timesOf follows the changes through what was recorded of connections.
func timesOf(changes watchChanges, connections int, recorded [][]crowd.Record) watchTimes {
	times := watchTimes{seen: newLatencies(), age: newLatencies()}
	followed := changes.thin(connections)
	for _, records := range recorded {
		next := make([]int, connections)
		for _, record := range records {
			position := next[record.Member]
			for ; position < len(followed) && followed[position].version <= record.Version; position++ {
				times.seen.add(micros(record.At, followed[position].answered))
			}
			next[record.Member] = position
			i, found := slices.BinarySearchFunc(changes, record.Version, func(c watchChange, version uint32) int { return int(c.version) - int(version) })
			if !found {
				continue // a snapshot of before the first change
			}
			if record.At < changes[i].answered {
				times.early++
			}
			times.age.add(micros(record.At, changes[i].answered))
		}
	}
	return times
}

// micros is the time from answered to at.
func micros(at, answered uint32) uint32 {
	if at < answered {
		return 0
	}
	return at - answered
}

// watchReturn is how connections came back from a stall.
type watchReturn struct {
	// stale are the frames that each read first, which the kernel had kept, and skipped the
	// versions between the last of those and the next frame.
	stale, skipped latencies
	// never were shown nothing current at all.
	never int
}

// returnsOf looks at what was recorded after connections read again. current is the version
// that was durable some time before that.
func returnsOf(from uint32, until uint32, current uint32, connections int, recorded [][]crowd.Record) watchReturn {
	r := watchReturn{stale: newLatencies(), skipped: newLatencies()}
	type progress struct {
		stale   uint32
		last    uint32
		current bool
	}
	for _, records := range recorded {
		seen := make(map[uint32]*progress, connections)
		for _, record := range records {
			if record.At < from || record.At >= until {
				continue
			}
			p := seen[record.Member]
			if p == nil {
				p = &progress{}
				seen[record.Member] = p
			}
			switch {
			case p.current:
			case record.Version < current:
				p.stale, p.last = p.stale+1, record.Version
			default:
				p.current = true
				r.stale.add(p.stale)
				if p.last > 0 {
					r.skipped.add(record.Version - p.last)
				}
			}
		}
		for _, p := range seen {
			if !p.current {
				r.never++
			}
		}
	}
	r.never += max(0, connections-int(r.stale.TotalCount())-r.never)
	return r
}
