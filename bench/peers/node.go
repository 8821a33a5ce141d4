package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
)

const (
	// pingInterval and pongTimeout are those of Holdfast.
	pingInterval = 25 * time.Second
	pongTimeout  = 10 * time.Second
	// bufferBytes is what a connection has to read into, and what is shared to write from.
	bufferBytes = 512
	// keepTime is how long the last publication is kept.
	keepTime = 24 * time.Hour
)

// newNode returns a node that lets anyone watch the product.
func newNode(log *slog.Logger, o *options) (*centrifuge.Node, error) {
	channel := channelOf(o.product)
	node, err := centrifuge.New(centrifuge.Config{
		LogLevel:   centrifuge.LogLevelError,
		LogHandler: func(entry centrifuge.LogEntry) { log.Error(entry.Message, "fields", entry.Fields) },
		GetChannelMediumOptions: func(string) centrifuge.ChannelMediumOptions {
			return centrifuge.ChannelMediumOptions{SharedPositionSync: true}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make a node: %w", err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}, ReplyWithoutQueue: true, QueueInitialCap: 1,
			MaxMessagesInFrame: -1, WriteDelay: o.writeDelay, WriteWithTimer: o.writeDelay > 0}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(event centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			if event.Channel != channel {
				answer(centrifuge.SubscribeReply{}, centrifuge.ErrorUnknownChannel)
				return
			}
			answer(centrifuge.SubscribeReply{Options: centrifuge.SubscribeOptions{EnableRecovery: true, RecoveryMode: centrifuge.RecoveryModeCache,
				AutoCacheRecover: true}}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return nil, fmt.Errorf("run the node: %w", err)
	}
	return node, nil
}

func channelOf(product string) string { return "p:" + product }

// sockets serves the WebSockets of the node.
func sockets(node *centrifuge.Node) http.Handler {
	return centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{ReadBufferSize: bufferBytes, WriteBufferSize: bufferBytes, UseWriteBufferPool: true,
		ProcessCommandsOffReadLoop: true, PingPongConfig: centrifuge.PingPongConfig{PingInterval: pingInterval, PongTimeout: pongTimeout}})
}

// publish publishes the stock when it has changed, at most so often, until ctx ends.
func publish(ctx context.Context, node *centrifuge.Node, s *stock, hertz float64) error {
	interval := time.Duration(float64(time.Second) / hertz)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		timer.Reset(interval)
		if _, err := node.Publish(channelOf(s.product), s.frame(time.Now()), centrifuge.WithHistory(1, keepTime)); err != nil {
			return fmt.Errorf("publish the stock: %w", err)
		}
		select {
		case <-s.changed:
		case <-ctx.Done():
			return nil
		}
	}
}
