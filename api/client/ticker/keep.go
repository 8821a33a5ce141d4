package ticker

import (
	"context"
	"errors"
	"time"
)

// keep sends what is wanted, until the connection ends.
func (c *connection) keep(ctx context.Context) {
	for {
		asked, about := c.client.plan()
		if about == nil {
			select {
			case <-c.wanted:
				continue
			case <-ctx.Done():
				return
			}
		}
		_, err := c.call(ctx, asked)
		var refused *Error
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &refused) && refused.Temporary:
			if !sleep(ctx, max(refused.After, pauseRefused)) {
				return
			}
		case err != nil && refused == nil:
			// Without an answer nobody knows what the server sends.
			c.leave()
			return
		default:
			c.client.settle(&asked, about, refused)
		}
	}
}

// pauseRefused is the least pause after a refusal that may pass.
const pauseRefused = 100 * time.Millisecond

// The operations.
const (
	opSubscribe   = "sub"
	opUnsubscribe = "unsub"
	opRate        = "rate"
)

// plan is the next command that brings what the server sends closer to what is wanted, and
// the channels that it is about; none when all is as it should be.
func (c *Client) plan() (asked command, about []*channel) {
	c.lock.Lock()
	defer c.lock.Unlock()
	var names []string
	size := 0
	for name, held := range c.channels {
		op := held.wants()
		if op == "" || about != nil && !held.fits(op, &asked) {
			continue
		}
		since := op == opSubscribe && held.product != nil
		if size += len(name) + nameBytes; since {
			size += len(name) + sinceBytes
		}
		if size > commandBytesMax && about != nil {
			break
		}
		if asked.Op = op; op != opUnsubscribe {
			hertz := held.hertz
			asked.Hertz, asked.Slow = &hertz, held.slow && op == opSubscribe
		}
		held.asked = true
		names, about = append(names, name), append(about, held)
		if since {
			if asked.Since == nil {
				asked.Since = map[string][2]uint64{}
			}
			asked.Since[name] = [2]uint64{held.product.Epoch, held.product.Stock}
		}
	}
	if about != nil {
		asked.Ch = names
	}
	return asked, about
}

// nameBytes is what a name takes besides itself, sinceBytes what a version does.
const (
	nameBytes  = 4
	sinceBytes = 48
)

// wants is what has to be done for a channel.
func (c *channel) wants() string {
	switch {
	case c.subscribed && (c.unwanted || c.sent.Slow != c.slow):
		return opUnsubscribe // and then it is begun anew
	case c.subscribed && c.sent.Hertz != c.hertz:
		return opRate
	case !c.subscribed && !c.unwanted:
		return opSubscribe
	}
	return ""
}

// fits reports whether the channel can be named in a command too.
func (c *channel) fits(op string, asked *command) bool {
	return op == asked.Op && (op == opUnsubscribe || *asked.Hertz == c.hertz && asked.Slow == (c.slow && op == opSubscribe))
}

// codeAlready refuses a channel that is subscribed.
const codeAlready = 105

// settle notes that a command was done or refused. It is done for all channels or for none.
func (c *Client) settle(asked *command, about []*channel, refused *Error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	one := false
	for _, held := range about {
		held.asked = false
		one = one || refused != nil && refused.Channel == held.name
	}
	for _, held := range about {
		switch {
		case refused == nil:
			held.done(c, asked)
		case one && refused.Channel != held.name: // it is asked for once more, without that one
		case asked.Op == opSubscribe && refused.Code == codeAlready, asked.Op == opUnsubscribe:
			held.done(c, asked)
		default:
			c.refuse(held, asked.Op, refused)
		}
	}
}

// done notes that the server does what was asked. What was wanted meanwhile comes next.
func (c *channel) done(client *Client, asked *command) {
	switch asked.Op {
	case opSubscribe:
		c.subscribed, c.sent = true, Subscription{Hertz: *asked.Hertz, Slow: asked.Slow}
	case opUnsubscribe:
		if c.subscribed = false; c.unwanted {
			client.forget(c)
		}
	case opRate:
		c.sent.Hertz = *asked.Hertz
	}
	if c.wants() == "" {
		c.settle(nil)
	}
}

// refuse notes that the server does not. A channel that it does not send is gone.
func (c *Client) refuse(held *channel, op string, refused *Error) {
	switch op {
	case opSubscribe:
		c.forget(held)
		held.status = &Status{State: StateGone, Why: refused.Message}
		c.mark(held)
	case opRate:
		held.hertz = held.sent.Hertz
	}
	held.settle(refused)
}
