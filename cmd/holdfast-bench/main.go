// Command holdfast-bench measures a Holdfast binary under load and prints tables:
// see package bench for what is measured and how. share needs the load
// generator wrk, and a machine on which nothing else runs.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/alecthomas/kong"

	"holdfast/bench"
)

type commands struct {
	Share   shareCommand   `cmd:"" help:"Measure durable orders over HTTP as a share of a constant fasthttp handler."`
	Replay  replayCommand  `cmd:"" help:"Send a retailer's real orders, and check that every one was decided truly."`
	Ceiling ceilingCommand `cmd:"" help:"Serve a constant answer: the ceiling that share compares with."`
}

type shareCommand struct {
	Holdfast    string        `help:"Path of the holdfast binary." default:"bin/holdfast" type:"existingfile"`
	Rounds      int           `help:"Interleaved rounds." default:"5"`
	Duration    time.Duration `help:"Length of one measurement, in whole seconds." default:"10s"`
	WarmUp      time.Duration `help:"Length of the load before each measurement, in whole seconds; 0 is none." default:"2s"`
	Connections int           `help:"Connections that send at once." default:"256"`
	Customers   int           `help:"Customers that order in turn." default:"20000"`
}

// Run measures and prints the table.
func (c *shareCommand) Run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	_, err = bench.Share{Holdfast: c.Holdfast, Self: self, Rounds: c.Rounds, Duration: c.Duration,
		WarmUp: c.WarmUp, Connections: c.Connections, Customers: c.Customers, Out: os.Stdout}.Run(ctx)
	return err
}

type replayCommand struct {
	History      string `arg:"" type:"existingfile" help:"The order history, as CSV, compressed with gzip or not."`
	Holdfast     string `help:"Path of the holdfast binary." default:"bin/holdfast" type:"existingfile"`
	StockPercent int    `help:"Opening stock in percent of what was sold." default:"90"`
	Parallel     int    `help:"Customers that order at once." default:"64"`
}

// Run replays and prints the table.
func (c *replayCommand) Run(ctx context.Context) error {
	information, err := os.Stderr.Stat()
	watched := err == nil && information.Mode()&os.ModeCharDevice != 0
	return bench.Replay{Holdfast: c.Holdfast, History: c.History, StockPercent: c.StockPercent, Parallel: c.Parallel,
		Out: os.Stdout, Progress: os.Stderr, Watched: watched}.Run(ctx)
}

type ceilingCommand struct {
	Listen string `help:"Address to listen on." default:"127.0.0.1:8099"`
}

// Run serves until the process is ended.
func (c *ceilingCommand) Run() error { return bench.ServeCeiling(c.Listen) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	parsed := kong.Parse(&commands{}, kong.Name("holdfast-bench"),
		kong.Description("Load and measure a Holdfast server."), kong.BindTo(ctx, (*context.Context)(nil)))
	parsed.FatalIfErrorf(parsed.Run())
}
