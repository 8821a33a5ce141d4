package ticker

import "sync/atomic"

// frameClass is what a frame tells of, in the metrics.
type frameClass uint8

const (
	frameProduct frameClass = iota
	frameGroup
	frameSlow
	frameOrder
	frameSystem
	// frameOther are the answers, and what a connection begins, lives and ends with.
	frameOther
	frameClasses
)

// frameClassNames are the classes in the metrics.
var frameClassNames = [frameClasses]string{"product", "group", "slow", "order", "system", "other"}

// channelClasses are those of channels.
var channelClasses = [...]frameClass{frameProduct, frameGroup, frameOrder, frameSystem}

// formatNames are the formats in the metrics.
var formatNames = [formats]string{"json", "msgpack"}

// counts are the figures of a shard.
type counts struct {
	connections        [formats]atomic.Int64
	subscriptions      [frameClasses]atomic.Int64
	blocked            atomic.Int64
	frames             [frameClasses]atomic.Uint64
	bytes, conflated   atomic.Uint64
	demotions, resyncs atomic.Uint64
	lag, sweeping      durations
	refusedCommands    atomic.Uint64
	closes             [len(closeTable)]atomic.Uint64
}

// Figures is a reading of what the hub does.
type Figures struct {
	// Connections, Subscriptions and Topics are those of now, Blocked the connections
	// whose peer does not read.
	Connections, Subscriptions, Topics, Blocked int64
	// ConnectionsByFormat are those that have begun, by the format that they speak, and
	// SubscriptionsByKind those of now, by what they are of.
	ConnectionsByFormat, SubscriptionsByKind map[string]int64
	// Frames and Bytes were sent, Encoded counts the states that frames were made of,
	// Conflated the stock versions that a subscriber was not told of because a later one
	// was there. Refused counts commands.
	Frames, Bytes, Encoded, Conflated, Refused uint64
	// FramesByKind are the frames by what they tell of, Demotions counts how often a client
	// that did not keep up was served more slowly, Resyncs how often one was told to ask for
	// its orders again.
	FramesByKind       map[string]uint64
	Demotions, Resyncs uint64
	// Lags are how long it took from the reading of a state to its sending, Sweeps how long
	// shards took to tell all their clients.
	Lags, Sweeps Durations
	// Closes counts the connections that ended, by code, peer or lost.
	Closes map[string]uint64
}

// Figures returns the figures of now.
func (h *Hub) Figures() Figures {
	f := Figures{Connections: int64(h.seats.taken()), Topics: h.topics.count.Load(), Encoded: h.topics.encoded.Load(),
		ConnectionsByFormat: make(map[string]int64, formats), SubscriptionsByKind: make(map[string]int64, len(channelClasses)),
		FramesByKind: make(map[string]uint64, frameClasses), Closes: make(map[string]uint64, len(closeTable))}
	for _, s := range h.shards {
		for spoken, name := range formatNames {
			f.ConnectionsByFormat[name] += s.counts.connections[spoken].Load()
		}
		for _, kind := range channelClasses {
			count := s.counts.subscriptions[kind].Load()
			f.Subscriptions += count
			f.SubscriptionsByKind[frameClassNames[kind]] += count
		}
		f.Blocked += s.counts.blocked.Load()
		for kind := range frameClasses {
			count := s.counts.frames[kind].Load()
			f.Frames += count
			f.FramesByKind[frameClassNames[kind]] += count
		}
		f.Demotions += s.counts.demotions.Load()
		f.Resyncs += s.counts.resyncs.Load()
		f.Lags.add(&s.counts.lag)
		f.Sweeps.add(&s.counts.sweeping)
		f.Bytes += s.counts.bytes.Load()
		f.Conflated += s.counts.conflated.Load()
		f.Refused += s.counts.refusedCommands.Load()
		for i := range closeTable {
			f.Closes[closeTable[i].label] += s.counts.closes[i].Load()
		}
	}
	return f
}
