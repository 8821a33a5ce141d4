// Command go watches one product of a Holdfast server, with the package api/client/ticker, and
// prints what changes. It never prints a version that is older than the one before, and comes
// back by itself when the connection is lost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"holdfast/api/client/ticker"
)

func main() {
	address := flag.String("address", "127.0.0.1:8080", "host:port of the server")
	product := flag.String("product", "", "ID of the product")
	protocol := flag.String("protocol", "json", "json or msgpack")
	flag.Parse()
	form, known := map[string]ticker.Protocol{"json": ticker.JSON, "msgpack": ticker.Msgpack}[*protocol]
	if !known || *product == "" {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client := ticker.New(ticker.Options{Address: *address, Protocol: form})
	ended := make(chan struct{})
	go func() {
		_ = client.Run(ctx) // watch returns how it ended
		close(ended)
	}()
	err := watch(ctx, client, *product)
	stop()
	<-ended
	if !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// watch prints until ctx is over, and returns why it does no longer.
func watch(ctx context.Context, client *ticker.Client, product string) error {
	if err := client.Subscribe(ctx, ticker.Subscription{Hertz: 10}, ticker.ProductChannel(product)); err != nil {
		return err
	}
	for {
		update, err := client.Next(ctx)
		if err != nil {
			return err
		}
		if p := update.Product; p != nil {
			fmt.Fprintf(os.Stdout, "version %d: %d available, %d reserved, %d sold, %s\n", p.Stock, p.Available, p.Reserved, p.Sold, p.Phase)
		}
		if link := update.Link; link != nil && !link.Connected {
			fmt.Fprintf(os.Stderr, "not connected: %v; again in %s\n", link.Err, link.Pause)
		}
	}
}
