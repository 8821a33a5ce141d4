// Command holdfast-bench measures a Holdfast binary under load and prints tables:
// see package bench for what is measured and how. share needs the load
// generator wrk, and a machine on which nothing else runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/alecthomas/kong"

	"holdfast/bench"
)

type commands struct {
	Share   shareCommand   `cmd:"" help:"Measure durable orders, or refusals, over HTTP as a share of a constant fasthttp handler."`
	Flash   flashCommand   `cmd:"" help:"Sell as customers come, whether or not the server keeps up, and check what became of every order."`
	Flat    flatCommand    `cmd:"" help:"Measure durable orders over HTTP with few and with many products on sale."`
	Paired  pairedCommand  `cmd:"" help:"Sell in health and beside a Redis that is dead, a Postgres that is stalled or a flood of logins, in pairs, and compare."`
	Watch   watchCommand   `cmd:"" help:"Show one product to many connections and measure how fast, at what cost, and what stalled ones cost; also beside a peer."`
	Replay  replayCommand  `cmd:"" help:"Send a retailer's real orders, and check that every one was decided truly."`
	Ceiling ceilingCommand `cmd:"" help:"Serve a constant answer: the ceiling that share compares with."`
}

type shareCommand struct {
	Holdfast    string        `help:"Path of the holdfast binary." default:"bin/holdfast" type:"existingfile"`
	SoldOut     bool          `help:"Measure refusals of a product that is sold out, beside a constant refusal."`
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
	_, err = bench.Share{Holdfast: c.Holdfast, Self: self, SoldOut: c.SoldOut, Rounds: c.Rounds, Duration: c.Duration,
		WarmUp: c.WarmUp, Connections: c.Connections, Customers: c.Customers, Out: os.Stdout}.Run(ctx)
	return err
}

type flashCommand struct {
	Holdfast         string        `help:"Path of the holdfast binary." default:"bin/holdfast" type:"existingfile"`
	Rate             []string      `help:"Orders per second to sell at, such as 12000, or percent of the capacity, such as 60%, which is measured first. Several are sold at in turn." default:"30%,60%,90%"`
	Duration         time.Duration `help:"Length of the sale at each rate." default:"10s"`
	CapacityDuration time.Duration `help:"Length of the measurement of the capacity." default:"5s"`
	WarmUp           time.Duration `help:"Length of the load before everything; 0 is none." default:"2s"`
	Poisson          bool          `help:"Let orders come at random, as independent customers do, not at a constant distance."`
	Connections      int           `help:"Connections, and so the most orders under way." default:"256"`
	Customers        int           `help:"Customers that order in turn." default:"20000"`
	Products         int           `help:"Products on sale at each rate." default:"1"`
	Hot              int           `help:"Percent of the orders that are for the first product." default:"80"`
	Stock            int64         `help:"Units of each product. When they run out, refusals are measured." default:"100000"`
	Repeat           int           `help:"Percent of the orders that are an accepted one, sent again with its key." default:"2"`
	Histogram        string        `help:"File for the distributions of the latencies, in HdrHistogram's form, each below its title." type:"path" placeholder:"FILE"`
}

// Run sells and prints the tables.
func (c *flashCommand) Run(ctx context.Context) error {
	return bench.Flash{Holdfast: c.Holdfast, Rates: c.Rate, Duration: c.Duration, CapacityDuration: c.CapacityDuration, WarmUp: c.WarmUp,
		Poisson: c.Poisson, Connections: c.Connections, Customers: c.Customers, Products: c.Products, HotPercent: c.Hot, Stock: c.Stock,
		RepeatPercent: c.Repeat, Histogram: c.Histogram, Out: os.Stdout, Progress: os.Stderr, Watched: watched()}.Run(ctx)
}

type flatCommand struct {
	Holdfast    string        `help:"Path of the holdfast binary." default:"bin/holdfast" type:"existingfile"`
	Products    []int         `help:"Numbers of products on sale, over which the orders are spread evenly. The others are compared with the first." default:"1,100,10000,100000"`
	Rounds      int           `help:"Interleaved rounds." default:"5"`
	Duration    time.Duration `help:"Length of one measurement." default:"10s"`
	WarmUp      time.Duration `help:"Length of the load before each measurement; 0 is none." default:"2s"`
	Connections int           `help:"Connections that send at once." default:"256"`
	Customers   int           `help:"Customers that order in turn." default:"20000"`
}

// Run measures and prints the table.
func (c *flatCommand) Run(ctx context.Context) error {
	_, err := bench.Flat{Holdfast: c.Holdfast, Products: c.Products, Rounds: c.Rounds, Duration: c.Duration, WarmUp: c.WarmUp,
		Connections: c.Connections, Customers: c.Customers, Out: os.Stdout}.Run(ctx)
	return err
}

type pairedCommand struct {
	Holdfast         string        `help:"Path of the holdfast binary." default:"bin/holdfast" type:"existingfile"`
	Redis            string        `help:"What becomes of Redis: dead is killed." enum:",dead" default:""`
	Postgres         string        `help:"What becomes of Postgres: stall is stopped, with its connections open, and goes on afterwards." enum:",stall" default:""`
	Logins           bool          `help:"Let 200 people log in at once, again and again."`
	Pairs            int           `help:"Pairs of a server in health and one beside the fault; their order alternates." default:"9"`
	Rate             string        `help:"Orders per second, such as 12000, or percent of the capacity, such as 30%, which is measured first." default:"30%"`
	Duration         time.Duration `help:"Length of each sale." default:"70s"`
	Stall            time.Duration `help:"How long the fault lasts, in the middle of the sale." default:"60s"`
	CapacityDuration time.Duration `help:"Length of the measurement of the capacity." default:"5s"`
	WarmUp           time.Duration `help:"Length of the load before each sale; 0 is none." default:"2s"`
	Connections      int           `help:"Connections, and so the most orders under way." default:"256"`
	Customers        int           `help:"Customers that order in turn." default:"20000"`
}

// Run measures and prints the tables.
func (c *pairedCommand) Run(ctx context.Context) error {
	fault := bench.PostgresStall
	switch {
	case !oneOf(c.Redis != "", c.Postgres != "", c.Logins):
		return errors.New("name one fault: --redis dead, --postgres stall or --logins")
	case c.Redis != "":
		fault = bench.RedisDead
	case c.Logins:
		fault = bench.LoginFlood
	}
	_, err := bench.Paired{Holdfast: c.Holdfast, Fault: fault, Pairs: c.Pairs, Rate: c.Rate, Duration: c.Duration, Stall: c.Stall,
		CapacityDuration: c.CapacityDuration, WarmUp: c.WarmUp, Connections: c.Connections, Customers: c.Customers, Out: os.Stdout}.Run(ctx)
	return err
}

// oneOf reports whether exactly one is true.
func oneOf(choices ...bool) bool {
	count := 0
	for _, chosen := range choices {
		if chosen {
			count++
		}
	}
	return count == 1
}

// watched reports whether somebody looks at stderr.
func watched() bool {
	information, err := os.Stderr.Stat()
	return err == nil && information.Mode()&os.ModeCharDevice != 0
}

type replayCommand struct {
	History      string `arg:"" type:"existingfile" help:"The order history, as CSV, compressed with gzip or not."`
	Holdfast     string `help:"Path of the holdfast binary." default:"bin/holdfast" type:"existingfile"`
	StockPercent int    `help:"Opening stock in percent of what was sold." default:"90"`
	Parallel     int    `help:"Customers that order at once." default:"64"`
}

// Run replays and prints the table.
func (c *replayCommand) Run(ctx context.Context) error {
	return bench.Replay{Holdfast: c.Holdfast, History: c.History, StockPercent: c.StockPercent, Parallel: c.Parallel,
		Out: os.Stdout, Progress: os.Stderr, Watched: watched()}.Run(ctx)
}

type ceilingCommand struct {
	Listen  string `help:"Address to listen on." default:"127.0.0.1:8099"`
	SoldOut bool   `help:"Serve the refusal of an order, not an order."`
}

// Run serves until the process is ended.
func (c *ceilingCommand) Run() error { return bench.ServeCeiling(c.Listen, c.SoldOut) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	parsed := kong.Parse(&commands{}, kong.Name("holdfast-bench"),
		kong.Description("Load and measure a Holdfast server."), kong.BindTo(ctx, (*context.Context)(nil)))
	parsed.FatalIfErrorf(parsed.Run())
}
