package ticker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// connected waits for a connection.
func (c *Client) connected(ctx context.Context) (*connection, error) {
	for {
		c.lock.Lock()
		conn, moved, ended := c.connection, c.moved, c.ended
		c.lock.Unlock()
		switch {
		case ended != nil:
			return nil, ended
		case conn != nil:
			return conn, nil
		}
		select {
		case <-moved:
		case <-c.over:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// call sends a command over the connection, when there is one.
func (c *Client) call(ctx context.Context, asked command) (*wire, error) {
	conn, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	return conn.call(ctx, asked)
}

// Snap asks for all of channels as they are now.
func (c *Client) Snap(ctx context.Context, names ...string) error {
	_, err := c.call(ctx, command{Op: "snap", Ch: names})
	return err
}

// Ping returns how long an answer takes, and how far the server's clock is ahead of this
// one, give or take half of that.
func (c *Client) Ping(ctx context.Context) (took, ahead time.Duration, err error) {
	sent := time.Now() //nolint:forbidigo // how long an answer takes
	got, err := c.call(ctx, command{Op: "ping", Sent: sent.UnixMilli()})
	if err != nil {
		return 0, 0, err
	}
	took = time.Since(sent) //nolint:forbidigo // how long an answer takes
	return took, time.UnixMilli(got.Now).Sub(sent.Add(took / 2)), nil
}

// Authenticate tells the server who this is from now on, on this connection, and returns who
// it found that to be and until when. The next connection asks for a token of its own.
func (c *Client) Authenticate(ctx context.Context, token string) (user string, until time.Time, err error) {
	got, err := c.call(ctx, command{Op: "auth", Token: token})
	if err != nil {
		return "", time.Time{}, err
	}
	return got.User, moment(got.Until), nil
}

// renew gets another token when the one before is about to end.
func (c *connection) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.client.options.AttemptTimeout)
	defer cancel()
	token, err := c.client.options.Token(ctx)
	if err != nil {
		return // the connection becomes nobody's, and the channels that need somebody say so
	}
	_, _ = c.call(ctx, command{Op: "auth", Token: token}) // the same
}

// Sample is what a product had at a moment.
type Sample struct {
	At              time.Time
	Available, Sold int64
}

// HistoryMax is how many samples a history has at most.
const HistoryMax = 300

var errHistory = errors.New("the history that came is none")

// History returns the last samples of a product, one for each second, oldest first.
func (c *Client) History(ctx context.Context, product string, count int) ([]Sample, error) {
	got, err := c.call(ctx, command{Op: "hist", Ch: ProductChannel(product), Count: min(count, HistoryMax)})
	if err != nil {
		return nil, err
	}
	elements, err := c.codec.list(got.Items)
	if err != nil || len(elements) > HistoryMax || got.Every <= 0 {
		return nil, errors.Join(errHistory, err)
	}
	samples := make([]Sample, len(elements))
	for i, element := range elements {
		var pair []int64
		if err := c.codec.decode(element, &pair); err != nil || len(pair) < 2 {
			return nil, fmt.Errorf("%w: sample %d: %w", errHistory, i, err)
		}
		back := milliseconds(got.Every) * time.Duration(len(elements)-1-i)
		samples[i] = Sample{At: moment(got.AtMS).Add(-back), Available: pair[0], Sold: pair[1]}
	}
	return samples, nil
}

// Subscribed is a channel that the server sends, and how often at most.
type Subscribed struct {
	Channel string
	Hertz   float64
}

// List asks the server what it sends.
func (c *Client) List(ctx context.Context) ([]Subscribed, error) {
	got, err := c.call(ctx, command{Op: "list"})
	if err != nil {
		return nil, err
	}
	elements, err := c.codec.list(got.Channel)
	if err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	list := make([]Subscribed, len(elements))
	for i, element := range elements {
		pair, err := c.codec.list(element)
		if err == nil && len(pair) >= 2 {
			err = errors.Join(c.codec.decode(pair[0], &list[i].Channel), c.codec.decode(pair[1], &list[i].Hertz))
		} else if err == nil {
			err = errors.New("it has fewer than two members")
		}
		if err != nil {
			return nil, fmt.Errorf("read channel %d of the list: %w", i, err)
		}
	}
	return list, nil
}
