package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"holdfast/persistence"
)

const (
	// pauseMin and pauseMax are how long a lost connection is left alone, each time twice
	// as long as before.
	pauseMin = 20 * time.Millisecond
	pauseMax = time.Second
)

// listener hears a channel on which this process itself says something each second, so
// that silence is a failure as well.
type listener struct {
	server  *Server
	channel string
	// hear gets what is published, connected is told of each connection that is made, and
	// failed why one has ended.
	hear      func(payload []byte)
	connected func()
	failed    func(error)
}

// run listens until ctx ends.
func (l *listener) run(ctx context.Context) {
	pause := pauseMin
	for ctx.Err() == nil {
		before := l.server.clock.Now()
		err := l.listen(ctx)
		if time.Duration(l.server.clock.Now()-before) > pauseMax {
			pause = pauseMin // it was good for a while
		}
		if err != nil && ctx.Err() == nil {
			l.failed(err)
		}
		l.server.rest(ctx, pause)
		pause = min(2*pause, pauseMax)
	}
}

// listen makes a connection and hears it until it fails.
func (l *listener) listen(ctx context.Context) error {
	var listening *redis.PubSub
	err := call(ctx, callTimeMax, func(ctx context.Context) error {
		listening = l.server.client.Subscribe(ctx)
		return listening.Subscribe(ctx, l.channel)
	})
	defer listening.Close()
	if err != nil {
		return fmt.Errorf("listen to the channel: %w", err)
	}
	l.connected()
	stop := context.AfterFunc(ctx, func() { _ = listening.Close() })
	defer stop()
	for ctx.Err() == nil {
		received, err := listening.ReceiveTimeout(ctx, persistence.BusSilenceMax)
		if err != nil {
			return fmt.Errorf("hear the channel: %w", err)
		}
		if one, is := received.(*redis.Message); is {
			l.hear([]byte(one.Payload))
		}
	}
	return nil
}

// rest returns when the time is over, or ctx ended.
func (s *Server) rest(ctx context.Context, pause time.Duration) {
	over := make(chan struct{}, 1)
	timer := s.clock.AfterFunc(pause, func() { signal(over) })
	defer timer.Stop()
	select {
	case <-over:
	case <-ctx.Done():
	}
}
