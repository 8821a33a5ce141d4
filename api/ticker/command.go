package ticker

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"holdfast/inventory"
)

// Names of operations.
const (
	opSubscribe   = "sub"
	opUnsubscribe = "unsub"
	opSnapshot    = "snap"
	opPing        = "ping"
)

// productPrefix begins the channel of a product; its ID follows.
const productPrefix = "p:"

// channelOf is the channel of a product.
func channelOf(product inventory.ID) string { return productPrefix + product.String() }

// command is what a client asks for.
type command struct {
	// id names it in its answer; named says that there is one.
	id    int64
	named bool
	op    string
	// products are those of the channels, each once.
	products []inventory.ID
	lane     int
	// since is what the client has of products already.
	since map[inventory.ID]version
	// sent is the client's own time of a ping; timed says that there is one.
	sent  int64
	timed bool
}

// version orders the states of a product's stock.
type version struct {
	epoch uint32
	stock uint64
}

// wireCommand is a command as it is written. A member that it does not have is
// refused: what a client asks for and does not get, it must learn of.
type wireCommand struct {
	ID    *int64               `json:"id"`
	Op    string               `json:"op"`
	Ch    []string             `json:"ch"`
	Hz    *float64             `json:"hz"`
	Since map[string][2]uint64 `json:"since"`
	T     *int64               `json:"t"`
}

// idMax is the greatest number that JavaScript takes exactly.
const idMax = 1<<53 - 1

// decode reads a command. malformed says that the message is not one strict JSON
// object: valid UTF-8, no member twice, not deep. When the refusal is set, the command
// has no more than its name, if that could be read.
func decode(data []byte) (c command, refused *refusal, malformed bool) {
	if tooDeep(data) || jsontext.Value(data).Kind() != '{' || !jsontext.Value(data).IsValid() {
		return c, &refusal{code: errBadRequest, message: "A message must be one strict JSON object, not deep and with no member twice."}, true
	}
	var wire wireCommand
	switch err := json.Unmarshal(data, &wire, json.RejectUnknownMembers(true)); {
	case errors.Is(err, json.ErrUnknownName):
		c.name(nameOf(data))
		return c, &refusal{code: errBadRequest, message: "There are only the members id, op, ch, hz, since and t."}, false
	case err != nil:
		c.name(nameOf(data))
		return c, &refusal{code: errBadRequest, message: "A member has a value of the wrong type."}, false
	}
	c.name(wire.ID)
	c.op = wire.Op
	return c, c.fill(&wire), false
}

// nameOf reads the name of a command whose other members cannot be read.
func nameOf(data []byte) *int64 {
	var wire struct {
		ID *int64 `json:"id"`
	}
	if json.Unmarshal(data, &wire) != nil {
		return nil
	}
	return wire.ID
}

func (c *command) name(id *int64) {
	if id != nil && *id >= 0 && *id <= idMax {
		c.id, c.named = *id, true
	}
}

// tooDeep reports whether brackets are nested deeper than a command needs, without
// following them.
func tooDeep(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > jsonDepthMax {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// fill takes the members of a command over, or says which is wrong.
func (c *command) fill(wire *wireCommand) *refusal {
	if wire.ID != nil && !c.named {
		return &refusal{code: errBadRequest, message: "id must be between 0 and 9007199254740991."}
	}
	var allowed string
	switch c.op {
	case opSubscribe:
		allowed = "ch hz since"
	case opUnsubscribe, opSnapshot:
		allowed = "ch"
	case opPing:
		allowed = "t"
	default:
		return &refusal{code: errUnknownOp, message: "op must be sub, unsub, snap or ping."}
	}
	for name, given := range map[string]bool{"ch": wire.Ch != nil, "hz": wire.Hz != nil, "since": wire.Since != nil, "t": wire.T != nil} {
		if given && !strings.Contains(allowed, name) {
			return &refusal{code: errBadRequest, message: c.op + " has no member " + name + "."}
		}
	}
	if c.op == opPing {
		if wire.T != nil {
			c.sent, c.timed = *wire.T, true
		}
		return nil
	}
	if r := c.fillChannels(wire.Ch); r != nil {
		return r
	}
	return c.fillLane(wire)
}

// fillChannels reads the channels.
func (c *command) fillChannels(channels []string) *refusal {
	if len(channels) == 0 || len(channels) > subscriptionsMax {
		return &refusal{code: errBadRequest, message: "ch must name between 1 and 200 channels."}
	}
	seen := make(map[inventory.ID]struct{}, len(channels))
	c.products = make([]inventory.ID, 0, len(channels))
	for _, channel := range channels {
		product, is := productOf(channel)
		if !is {
			return &refusal{code: errUnknownChannel, message: "A channel is p: and the id of a product.", channel: shown(channel)}
		}
		if _, twice := seen[product]; twice {
			return &refusal{code: errBadRequest, message: "A channel is named twice.", channel: channel}
		}
		seen[product] = struct{}{}
		c.products = append(c.products, product)
	}
	return nil
}

// channelShownMax bounds what is repeated of a channel that is none.
const channelShownMax = 64

func shown(channel string) string {
	if len(channel) > channelShownMax {
		return ""
	}
	return channel
}

func productOf(channel string) (inventory.ID, bool) {
	text, is := strings.CutPrefix(channel, productPrefix)
	if !is {
		return inventory.ID{}, false
	}
	product, err := inventory.ParseID(text)
	return product, err == nil
}

// fillLane reads how often, and from where on.
func (c *command) fillLane(wire *wireCommand) *refusal {
	c.lane = laneDefault
	if wire.Hz != nil {
		if *wire.Hz < 0 || *wire.Hz > hertzMax {
			return &refusal{code: errBadRequest, message: "hz must be between 0 and 1000000."}
		}
		c.lane = laneOf(*wire.Hz)
	}
	if len(wire.Since) == 0 {
		return nil
	}
	c.since = make(map[inventory.ID]version, len(wire.Since))
	for channel, at := range wire.Since {
		product, is := productOf(channel)
		if !is || !c.asksFor(product) || at[0] > 1<<32-1 {
			return &refusal{code: errBadRequest, message: "since must name channels of ch, each with [e,s].", channel: shown(channel)}
		}
		c.since[product] = version{uint32(at[0]), at[1]}
	}
	return nil
}

func (c *command) asksFor(product inventory.ID) bool {
	for i := range c.products {
		if c.products[i] == product {
			return true
		}
	}
	return false
}
