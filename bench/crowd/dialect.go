package crowd

// State is what a connection was shown of the product.
type State struct {
	Epoch     uint32
	Version   uint64
	Available int64
}

// before reports whether it was shown too late: something newer was there already.
func (s State) before(other State) bool {
	return s.Epoch < other.Epoch || s.Epoch == other.Epoch && s.Version < other.Version
}

// Kind is what a message is.
type Kind uint8

// The kinds of messages.
const (
	// Other is nothing to look at.
	Other Kind = iota
	// Shown is a state of the product.
	Shown
	// Asked wants a reply.
	Asked
	// Refused says that a command was not done.
	Refused
	// Unreadable is no message of the dialect.
	Unreadable
)

// Heard is what a message says.
type Heard struct {
	Kind  Kind
	State State
}

// Dialect is how a server is spoken to.
type Dialect struct {
	// Path and Subprotocol are those of the upgrade.
	Path, Subprotocol string
	// Binary says that messages are binary.
	Binary bool
	// Opening is sent after the upgrade, one message each.
	Opening []string
	// Separator, unless it is zero, stands between several parts of a message, each of which
	// is heard.
	Separator byte
	// Reply answers what is [Asked].
	Reply string
	// Hear reads a part of a message, and keeps nothing of it.
	Hear func(part []byte) Heard
}
