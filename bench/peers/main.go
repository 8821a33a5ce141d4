// Command peers shows the stock of one product through the library centrifuge: what
// holdfast-bench watch compares Holdfast with.
//
// It is as good at that job as the library's documentation makes it. Each product is a
// channel, of which the last publication is kept, so that who subscribes gets the present
// state first. What is published is conflated before: never more often than clients want it,
// and at once when the last time is long enough ago. Connections have small buffers, share
// those for writing, and are served from goroutines that do not keep deep stacks. What is best
// for memory is not best for processors: with --write-delay 2ms a connection has no goroutine
// for writing, and took 10 KiB in place of 15, but a frame 24 µs in place of 20 (800
// connections, ten times a second). So that is a flag.
//
// The stock is changed over HTTP by the same requests as Holdfast's, with answers of the same
// form, so that one driver loads both. Nothing is kept on disk: an order here is a number that
// grows.
//
// It is a module of its own, so that the product does not depend on what it is compared with.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	listen, product string
	stock           int64
	hertz           float64
	writeDelay      time.Duration
}

// processorsFactor is how many Go processors holdfast serve takes for each real one. The two
// servers are compared under one policy.
const processorsFactor = 2

func main() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processorsFactor * runtime.GOMAXPROCS(0))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	chosen, err := parse(os.Args[1:])
	if err == nil {
		err = serve(ctx, log, chosen)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Error("the peer ends", "error", err)
		os.Exit(1)
	}
}

// parse reads the flags.
func parse(arguments []string) (o options, err error) {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8097", "address of HTTP and WebSockets")
	flags.StringVar(&o.product, "product", "01890a5d-ac96-774b-bcce-b302099a8057", "id of the product")
	flags.Int64Var(&o.stock, "stock", 1_000_000_000, "units that it has")
	flags.Float64Var(&o.hertz, "hertz", 20, "publications in a second, at most")
	flags.DurationVar(&o.writeDelay, "write-delay", 0, "how long messages to a connection are collected; then a timer writes and no goroutine waits")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	switch {
	case !(o.hertz > 0 && o.hertz <= 1000):
		return o, fmt.Errorf("%g publications in a second are not above 0 and up to 1000", o.hertz)
	case o.stock < 0 || o.writeDelay < 0 || o.product == "":
		return o, errors.New("the stock and the delay are not negative, and the product has an id")
	}
	return o, nil
}
