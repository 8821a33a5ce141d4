package ticker

import (
	"time"

	"holdfast/inventory"
)

// Every bound of the hub, with what happens at it.
const (
	// sweepInterval is the time between two looks at the board.
	sweepInterval = 50 * time.Millisecond
	// sweepsPerSecond is how many of them there are in a second.
	sweepsPerSecond = int(time.Second / sweepInterval)
	// shardsMax bounds the goroutines that write; there is one per processor.
	shardsMax = 8

	// messageBytesMax bounds what a client sends in one message; beyond it: closed 1009.
	messageBytesMax = 4 << 10
	// messageTimeMax is how long a message may take to arrive; then: closed 4000.
	messageTimeMax = 10 * inventory.Second
	// depthMax bounds the nesting of a command; beyond it: error 107.
	depthMax = 4
	// channelShownMax bounds what is repeated of a channel that is none, categoryBytesMax a
	// category, tokenBytesMax an access token.
	channelShownMax  = 64
	categoryBytesMax = 256
	tokenBytesMax    = 2 << 10
	// subscriptionsMax bounds the channels of a connection; beyond it: error 106.
	subscriptionsMax = 200
	// allSubscriptionsMax bounds those of all connections; beyond it: error 106.
	allSubscriptionsMax = 2_000_000
	// violationsMax is how many commands may come too fast, and how many may be
	// malformed; the last one of them closes the connection: 4003, 4000.
	violationsMax = 3
	// answerBytesMax bounds one answer; beyond it: error 106. pendingBytesMax bounds the
	// answers that a client does not read; then: closed 4100.
	answerBytesMax  = 12 << 10
	pendingBytesMax = 16 << 10
	// batchFramesMax and batchBytesMax bound what one write takes; the rest is in the
	// next one.
	batchFramesMax = 16
	batchBytesMax  = 4 << 10

	// groupMembersMax is how many products a group has; of more it has the newest.
	// groupRowsMax and groupChunkBytes bound one message of it, the rest comes in the next
	// one; a client that does not read keeps one of them. goneMembersMax is of how many
	// products it is told that they have left; who was not told of an earlier one is told
	// all anew. allMembersMax bounds the members of all groups; beyond it: error 106.
	groupMembersMax = 10_000
	allMembersMax   = 200_000
	// groupsMax bounds the groups that a connection watches; beyond it: error 106.
	groupsMax = 20
	// catalogueTriesMax is how often the members of a group are looked for, when some of
	// those that were found have left it unseen.
	catalogueTriesMax = 3
	groupRowsMax      = 64
	groupChunkBytes   = 6 << 10
	goneMembersMax    = 1_024
	// checksumInterval is the time between two checksums of a group that changes.
	checksumInterval = 10 * inventory.Second
	// slowInterval is the time between two looks at what changes slowly, slowRowsMax how
	// many products of a group are told of then: those that sell fastest.
	slowInterval = inventory.Second
	slowRowsMax  = 150
	// systemInterval is the time between two readings of the node's figures.
	systemInterval = inventory.Second
	// historyMax is how many samples a product's history has, historiesMax how many
	// products have one; the others' is empty.
	historyMax   = 300
	historiesMax = 10_000

	// orderFramesMax bounds the states of orders that a client was not told of, orderNewsMax
	// those that no shard has looked at: beyond, clients are told to ask again.
	orderFramesMax = 64
	orderNewsMax   = 65_536
	// newestOrdersMax is how many orders of a customer are told of at first, orderReadTimeMax
	// how long reading them may take; then: error 120.
	newestOrdersMax  = 50
	orderReadTimeMax = 2 * time.Second

	// blockedSweepsMax is for how many sweeps a client may not read before it is served in
	// the lane below, demotionMax how many lanes below the one it has asked for it may get,
	// promotionTime for how long it must have read all before it rises by one.
	blockedSweepsMax = 2
	demotionMax      = 3
	promotionTime    = 30 * inventory.Second
	// sweepRest is how long a shard rests from the beginning of a sweep to that of the next
	// one, in times of what sweeps have taken: so those who sell keep the processors.
	sweepRest = 1.5
	// expiryWarning is how long before its end a client is told of it.
	expiryWarning = 30 * inventory.Second

	// firstCommandTimeMax is how long a connection may stay without a command; then:
	// closed 4005.
	firstCommandTimeMax = 10 * inventory.Second
	// pingInterval is the time between two pings, give or take a fifth.
	pingInterval = 25 * inventory.Second
	// pongTimeMax is how long an answer to a ping may take; then: closed 4101.
	pongTimeMax = 10 * inventory.Second
	// quietTimeMax is how long nothing is sent to a client before it is told that the
	// connection lives.
	quietTimeMax = 15 * inventory.Second
	// blockedTimeMax is how long a client may take no byte of what is for it; then:
	// closed 4100.
	blockedTimeMax = 10 * inventory.Second
	// lifetime is how long a connection lives, give or take a tenth; then: closed 4202.
	lifetime = 24 * 3600 * inventory.Second
	// lingerTimeMax is how long a closed connection waits for the peer's end of it.
	lingerTimeMax = 2 * inventory.Second
	// lingerBytesMax is how much of what a peer still sends is thrown away in that time.
	lingerBytesMax = 256 << 10
	// dismissTimeMax is over how long a stop spreads the closing of many connections, in
	// dismissParts, so that those who come back at once do not come together; up to
	// dismissAtOnceMax of them are closed at once.
	dismissTimeMax   = 5 * time.Second
	dismissParts     = 20
	dismissAtOnceMax = 100
	// stopTimeMax is how long closed connections have at a stop: then those that are left are
	// cut.
	stopTimeMax = 3 * time.Second
	// handshakeTimeMax bounds the sending of the answer to an upgrade.
	handshakeTimeMax = 5 * time.Second
	// revokedInterval is the time between two looks at whether sessions have ended.
	revokedInterval = 4 * inventory.Second

	// sendBufferBytes is asked of the kernel for each socket: what lies there is old when
	// it is read. Linux takes twice as much.
	sendBufferBytes = 4 << 10
	// unsentBytesMax is how much the kernel takes before it has sent what it has.
	unsentBytesMax = 2 << 10
	// unacknowledgedTimeMax is when the kernel gives up a peer that acknowledges nothing.
	unacknowledgedTimeMax = 15 * time.Second

	// UpgradesPerSecond bounds the new connections of a second, and of a burst;
	// further ones are refused.
	UpgradesPerSecond = 2_000
	// UserConnectionsMaxDefault bounds the connections of a user.
	UserConnectionsMaxDefault = 5
	// AddressConnectionsMaxDefault bounds the connections of an address from outside.
	AddressConnectionsMaxDefault = 100
	// returnsPerSecond is how many clients are asked to come back in a second after a
	// stop.
	returnsPerSecond = 1_000
)

var (
	// commandRate bounds messages and control frames of a connection; beyond it: error 111.
	commandRate = rate{burst: 20, every: inventory.Second / 10}
	// byteRate bounds the bytes of a connection; beyond it: closed 4003. It is more than
	// all commands of the longest kind take.
	byteRate = rate{burst: 128 << 10, every: inventory.Second / (64 << 10)}
	// openingRate bounds the groups of all connections that nobody has watched before;
	// beyond it: error 106.
	openingRate = rate{burst: 50, every: inventory.Second / 20}
	// upgradeRate bounds the connections that are taken in.
	upgradeRate = rate{burst: UpgradesPerSecond, every: inventory.Second / UpgradesPerSecond}
)

// CloseCode says why a connection was closed: up to 4099 do not return unchanged, from
// 4100 on back off, from 4200 on return at once, spread over the time that bye names.
type CloseCode uint16

// The codes that the hub closes with.
const (
	closeNormal         CloseCode = 1000
	closeGoingAway      CloseCode = 1001
	closeBroken         CloseCode = 1002
	closeUnsupported    CloseCode = 1003
	closeNoCode         CloseCode = 1005
	closeInvalidText    CloseCode = 1007
	closeTooBig         CloseCode = 1009
	closeMalformed      CloseCode = 4000
	closeUnauthorized   CloseCode = 4001
	closeRateAbuse      CloseCode = 4003
	closeNoCommand      CloseCode = 4005
	closeSlow           CloseCode = 4100
	closeNoPong         CloseCode = 4101
	closeInternal       CloseCode = 4103
	closeShutdown       CloseCode = 4200
	closeLifetime       CloseCode = 4202
	closedByPeer        CloseCode = 0
	closedWithoutAClose CloseCode = 1
)

// closeRow is what a client is told with a code.
type closeRow struct {
	code CloseCode
	// label is the code in the metrics.
	label, why string
	// retry is when to come back, in milliseconds; nil is not at all.
	retry *[2]int64
}

var (
	backOff = &[2]int64{1_000, 30_000}
	atOnce  = &[2]int64{0, 5_000}
)

// closeTable is every way in which a connection ends.
var closeTable = [...]closeRow{
	{closedByPeer, "peer", "", nil},
	{closedWithoutAClose, "lost", "", nil},
	{closeGoingAway, "1001", "The server ends.", atOnce},
	{closeBroken, "1002", "", nil},
	{closeUnsupported, "1003", "stockticker.v1.json has text messages only, stockticker.v1.msgpack binary ones.", nil},
	{closeInvalidText, "1007", "A text message is not valid UTF-8.", nil},
	{closeTooBig, "1009", "A message has more than 4096 bytes.", nil},
	{closeMalformed, "4000", "Messages were malformed, or took too long to arrive.", nil},
	{closeUnauthorized, "4001", "Your session has ended.", nil},
	{closeRateAbuse, "4003", "Too many commands or bytes were sent.", nil},
	{closeNoCommand, "4005", "No command came in time.", nil},
	{closeSlow, "4100", "Nothing was read for too long.", backOff},
	{closeNoPong, "4101", "A ping was not answered.", backOff},
	{closeInternal, "4103", "An unexpected error was logged.", backOff},
	{closeShutdown, "4200", "The server restarts.", atOnce},
	{closeLifetime, "4202", "The connection has lived its time.", atOnce},
}

// closeRows finds a row by its code.
var closeRows = indexCloses()

func indexCloses() map[CloseCode]int {
	rows := make(map[CloseCode]int, len(closeTable))
	for i := range closeTable {
		rows[closeTable[i].code] = i
	}
	return rows
}
