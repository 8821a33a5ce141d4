package ticker

import (
	"context"
	"crypto/tls"
	"time"
)

// The defaults of [Options].
const (
	PauseMinDefault       = 500 * time.Millisecond
	PauseMaxDefault       = 30 * time.Second
	LiveAfterDefault      = 10 * time.Second
	SilenceMaxDefault     = 20 * time.Second
	AttemptTimeoutDefault = 10 * time.Second
)

// Protocol is a form of the messages.
type Protocol uint8

// The forms.
const (
	// JSON is stockticker.v1.json.
	JSON Protocol = iota
	// Msgpack is stockticker.v1.msgpack.
	Msgpack
)

// Options configure a [Client]. Only Address is required; zero is the default.
type Options struct {
	// Address is the server's, as host:port.
	Address string
	// TLS encrypts; nil does not.
	TLS      *tls.Config
	Protocol Protocol
	// Token returns an access token, Ticket one of POST /api/ws/ticket; one of the two is
	// asked for each connection, and nobody's connection has neither. Token is also asked
	// when the one before is about to end.
	Token, Ticket func(context.Context) (string, error)
	// PauseMin is the longest first pause before coming back. It doubles up to PauseMax, and
	// begins anew after a connection that lived for LiveAfter.
	PauseMin, PauseMax, LiveAfter time.Duration
	// SilenceMax is how long the server may send nothing.
	SilenceMax time.Duration
	// AttemptTimeout bounds the opening of a connection, and the answer to a command.
	AttemptTimeout time.Duration
}

// The bounds of a client.
const (
	// ChannelsMax is how many channels the server allows a connection.
	ChannelsMax = 200
	// messageBytesMax bounds one message of the server.
	messageBytesMax = 1 << 20
	// rowsMax bounds the products of a board. A board that has more is refused.
	rowsMax = 100_000
	// ordersMax bounds the states of orders that wait for the caller; then the oldest are
	// forgotten, and he is told.
	ordersMax = 1_024
	// commandBytesMax is what one command may take of the 4096 bytes that the server reads.
	commandBytesMax = 3_500
	// waitingMax bounds the commands whose answer is waited for.
	waitingMax = 64
	// numbersMax bounds the numbers of products that are known of a connection.
	numbersMax = ChannelsMax + rowsMax
	// afterMax bounds the pause that an error asks for.
	afterMax = 10 * time.Second
)

func (o *Options) fill() {
	for value, otherwise := range map[*time.Duration]time.Duration{&o.PauseMin: PauseMinDefault, &o.PauseMax: PauseMaxDefault,
		&o.LiveAfter: LiveAfterDefault, &o.SilenceMax: SilenceMaxDefault, &o.AttemptTimeout: AttemptTimeoutDefault} {
		if *value <= 0 {
			*value = otherwise
		}
	}
}
