package ticker

import "holdfast/inventory"

// Names of operations.
const (
	opSubscribe    = "sub"
	opUnsubscribe  = "unsub"
	opRate         = "rate"
	opSnapshot     = "snap"
	opAuthenticate = "auth"
	opPing         = "ping"
	opHistory      = "hist"
	opList         = "list"
)

// operations says which members an operation may have besides id and op, and which it
// must have.
var operations = map[string]struct{ may, must memberSet }{
	opSubscribe:    {may: memberChannels | memberHertz | memberSince | memberSlow, must: memberChannels},
	opUnsubscribe:  {may: memberChannels, must: memberChannels},
	opRate:         {may: memberChannels | memberHertz, must: memberHertz},
	opSnapshot:     {may: memberChannels, must: memberChannels},
	opAuthenticate: {may: memberToken, must: memberToken},
	opPing:         {may: memberTime},
	opHistory:      {may: memberChannels | memberCount, must: memberChannels},
	opList:         {},
}

// memberSet is some of the members that a command may have.
type memberSet uint16

const (
	memberID memberSet = 1 << iota
	memberOp
	memberChannels
	memberHertz
	memberSince
	memberSlow
	memberToken
	memberTime
	memberCount
)

// memberNames are the members by their names.
var memberNames = map[string]memberSet{"id": memberID, "op": memberOp, "ch": memberChannels, "hz": memberHertz, "since": memberSince,
	"m": memberSlow, "token": memberToken, "t": memberTime, "n": memberCount}

// String names the members of a set.
func (s memberSet) String() string {
	names := ""
	for _, name := range []string{"id", "op", "ch", "hz", "since", "m", "token", "t", "n"} {
		if s&memberNames[name] != 0 {
			if names != "" {
				names += ", "
			}
			names += name
		}
	}
	return names
}

// command is what a client asks for.
type command struct {
	// id names it in its answer; named says that there is one.
	id    int64
	named bool
	op    string
	// channels are those that it is about, each once. all says that none was named.
	channels []channel
	all      bool
	lane     int
	// slow says that what changes slowly is wanted too.
	slow bool
	// since is what the client has of products already.
	since map[inventory.ID]version
	// sent is the client's own time of a ping; timed says that there is one.
	sent  int64
	timed bool
	// token is what an auth has, count how much of a history is wanted.
	token string
	count int
	// identified is who the token is of, or why not: known before a shard is asked.
	identified *identification
}

// version orders the states of a product's stock.
type version struct {
	epoch uint32
	stock uint64
}

// wireCommand is a command as it is written, in either format. has are the members that
// are there.
type wireCommand struct {
	has      memberSet
	id       int64
	op       string
	channels []string
	hertz    float64
	since    map[string][2]uint64
	slow     bool
	token    string
	time     int64
	count    int64
}

// idMax is the greatest number that JavaScript takes exactly.
const idMax = 1<<53 - 1

// decode reads a command. malformed says that the message is not one strict object: of
// valid text, no member twice, not deep. When the refusal is set, the command has no more
// than its name, if that could be read.
func decode(f format, data []byte) (c command, refused *refusal, malformed bool) {
	read := readJSON
	if f == formatMsgpack {
		read = readMsgpack
	}
	wire, refused, malformed := read(data)
	if malformed {
		return c, refused, true
	}
	if wire.has&memberID != 0 && wire.id >= 0 && wire.id <= idMax {
		c.id, c.named = wire.id, true
	}
	if refused != nil {
		return c, refused, false
	}
	c.op = wire.op
	return c, c.fill(&wire), false
}

// fill takes the members of a command over, or says which is wrong.
func (c *command) fill(wire *wireCommand) *refusal {
	operation, known := operations[c.op]
	switch given := wire.has &^ (memberID | memberOp); {
	case wire.has&memberID != 0 && !c.named:
		return &refusal{code: errBadRequest, message: "id must be between 0 and 9007199254740991."}
	case !known:
		return &refusal{code: errUnknownOp, message: "op must be sub, unsub, rate, snap, auth, ping, hist or list."}
	case given&^operation.may != 0:
		return &refusal{code: errBadRequest, message: c.op + " has no member " + (given &^ operation.may).String() + "."}
	case operation.must&^given != 0:
		return &refusal{code: errBadRequest, message: c.op + " needs the member " + (operation.must &^ given).String() + "."}
	}
	c.sent, c.timed = wire.time, wire.has&memberTime != 0
	c.slow, c.token = wire.slow, wire.token
	if len(c.token) > tokenBytesMax {
		return &refusal{code: errBadRequest, message: "token is too long."}
	}
	for _, step := range []func(*wireCommand) *refusal{c.fillChannels, c.fillLane, c.fillSince, c.fillCount} {
		if refused := step(wire); refused != nil {
			return refused
		}
	}
	return nil
}

// fillChannels reads the channels.
func (c *command) fillChannels(wire *wireCommand) *refusal {
	if c.all = wire.has&memberChannels == 0; c.all {
		return nil
	}
	if len(wire.channels) == 0 || len(wire.channels) > subscriptionsMax {
		return &refusal{code: errBadRequest, message: "ch must name between 1 and 200 channels."}
	}
	seen := make(map[channel]struct{}, len(wire.channels))
	c.channels = make([]channel, 0, len(wire.channels))
	for _, text := range wire.channels {
		one, is := parseChannel(text)
		if !is {
			return &refusal{code: errUnknownChannel, message: "A channel is p: and the id of a product, c: and a category, * or sys, " +
				"or o: and the id of a customer or an order.", channel: shown(text)}
		}
		if _, twice := seen[one]; twice {
			return &refusal{code: errBadRequest, message: "A channel is named twice.", channel: shown(text)}
		}
		seen[one] = struct{}{}
		c.channels = append(c.channels, one)
	}
	return nil
}

// shown is a text of the client as it may be repeated.
func shown(channel string) string {
	if len(channel) > channelShownMax {
		return ""
	}
	return channel
}

// fillLane reads how often.
func (c *command) fillLane(wire *wireCommand) *refusal {
	c.lane = laneDefault
	if wire.has&memberHertz != 0 {
		if !(wire.hertz >= 0 && wire.hertz <= hertzMax) { // NaN is none of both
			return &refusal{code: errBadRequest, message: "hz must be between 0 and 1000000."}
		}
		c.lane = laneOf(wire.hertz)
	}
	return nil
}

// fillSince reads from where on.
func (c *command) fillSince(wire *wireCommand) *refusal {
	if len(wire.since) == 0 {
		return nil
	}
	c.since = make(map[inventory.ID]version, len(wire.since))
	for text, at := range wire.since {
		one, is := parseChannel(text)
		if !is || one.kind != productChannel || !c.asksFor(one) || at[0] > 1<<32-1 {
			return &refusal{code: errBadRequest, message: "since must name products of ch, each with [e,s].", channel: shown(text)}
		}
		c.since[one.id] = version{uint32(at[0]), at[1]}
	}
	return nil
}

// fillCount reads how much of a history.
func (c *command) fillCount(wire *wireCommand) *refusal {
	if c.op != opHistory {
		return nil
	}
	c.count = historyMax
	if wire.has&memberCount != 0 {
		if wire.count < 1 || wire.count > historyMax {
			return &refusal{code: errBadRequest, message: "n must be between 1 and 300."}
		}
		c.count = int(wire.count)
	}
	if len(c.channels) != 1 || c.channels[0].kind != productChannel {
		return &refusal{code: errBadRequest, message: "hist is of one product: ch must be p: and its id."}
	}
	return nil
}

// slowly reports whether something has to be found out for the command on the side of its
// reader.
func (c *command) slowly() bool {
	if c.op == opAuthenticate {
		return true
	}
	for i := range c.channels {
		if c.channels[i].kind >= ordersChannel {
			return true
		}
	}
	return false
}

func (c *command) asksFor(one channel) bool {
	for i := range c.channels {
		if c.channels[i] == one {
			return true
		}
	}
	return false
}
