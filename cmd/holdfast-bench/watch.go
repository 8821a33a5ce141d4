package main

import (
	"context"
	"os"
	"time"

	"holdfast/bench"
)

type watchCommand struct {
	Holdfast       string        `help:"Path of the holdfast binary." default:"bin/holdfast" type:"existingfile"`
	Peer           string        `help:"Path of the program of bench/peers (make peers), which is measured in the same rounds." type:"existingfile" placeholder:"FILE"`
	PeerWriteDelay time.Duration `help:"How long the peer collects what it writes to a connection: above zero, such as 2ms, it takes less memory and more of the processors." default:"0s"`
	Connections    int           `help:"Connections that watch one product." default:"1000"`
	Full           int           `help:"Clients of api/client/ticker that watch too and check all that they are told." default:"4"`
	Hz             float64       `help:"How often in a second a connection is told." default:"20"`
	Changes        float64       `help:"How often in a second the stock changes; 0 is twice --hz, or --hz when that is no rate of the server." default:"0"`
	Duration       time.Duration `help:"Length of each measurement." default:"10s"`
	Stalled        int           `help:"How many of the connections stop reading, again and again." default:"0"`
	Stall          time.Duration `help:"How long they do, each time. A server gives up who does not read for 10 seconds." default:"8s"`
	Protocol       string        `help:"Form of the messages: json or msgpack." enum:"json,msgpack" default:"json"`
	Rounds         int           `help:"Interleaved rounds, with new servers each." default:"3"`
	Loops          int           `help:"Goroutines that read the connections." default:"2"`
	CompareChanges []float64     `help:"Compare two numbers of changes in a second, such as 1,10000; those that one has less are changes of another product." placeholder:"N,M"`
	Epoll          bool          `help:"Measure the server with HOLDFAST_WS_MODE=epoll too, in the same rounds."`
	CompareStalled bool          `help:"Compare the connections that read beside --stalled ones that do not, and beside as many that do."`
}

// Run measures and prints the tables.
func (c *watchCommand) Run(ctx context.Context) error {
	_, err := bench.Watch{Holdfast: c.Holdfast, Peer: c.Peer, PeerWriteDelay: c.PeerWriteDelay, Connections: c.Connections, Full: c.Full, Hertz: c.Hz, Changes: c.Changes, Duration: c.Duration,
		Stalled: c.Stalled, Stall: c.Stall, Protocol: c.Protocol, Rounds: c.Rounds, Loops: c.Loops, CompareChanges: c.CompareChanges,
		CompareStalled: c.CompareStalled, Epoll: c.Epoll, Out: os.Stdout}.Run(ctx)
	return err
}
