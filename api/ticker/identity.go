package ticker

import (
	"context"
	"crypto/rand"
	"errors"

	"holdfast/inventory"
)

// Errors of [Options.Identify].
var (
	// ErrTokenExpired is returned for an access token whose time is over, ErrTokenUnknown
	// for what is no token of somebody who may come in, ErrNotReady when that cannot be
	// told now.
	ErrTokenExpired = errors.New("the access token has expired")
	ErrTokenUnknown = errors.New("not an access token of somebody who may come in")
	ErrNotReady     = errors.New("this cannot be told now")
)

// newSession names a connection.
func newSession() string { return rand.Text() }

// identification is who a token is of, or why not.
type identification struct {
	visitor Visitor
	refused *refusal
}

// prepare finds out what a command needs that takes time, before a shard is asked: the
// reader waits for it, nobody else.
func (h *Hub) prepare(c *client, asked *command) *refusal {
	ctx, cancel := context.WithTimeout(h.life, orderReadTimeMax)
	defer cancel()
	switch asked.op {
	case opAuthenticate:
		asked.identified = h.identify(asked.token)
	case opSubscribe, opUnsubscribe, opRate, opSnapshot:
		for i := range asked.channels {
			if one := &asked.channels[i]; one.kind == orderChannel {
				if refused := h.resolve(ctx, one, c.known.Load()); refused != nil {
					return refused
				}
			}
		}
	}
	return nil
}

func (h *Hub) identify(token string) *identification {
	if h.identifies == nil {
		return &identification{refused: &refusal{code: errUnauthorized, message: "Nobody is known here: channels of customers and operators are with the process that sells."}}
	}
	visitor, err := h.identifies(token)
	switch {
	case err == nil:
		return &identification{visitor: visitor}
	case errors.Is(err, ErrTokenExpired):
		return &identification{refused: &refusal{code: errTokenExpired, message: "The access token has expired."}}
	case errors.Is(err, ErrNotReady):
		return &identification{refused: &refusal{code: errNotReady, message: "This cannot be told now.", wait: inventory.Second}}
	}
	return &identification{refused: &refusal{code: errUnauthorized, message: "The access token is not valid."}}
}

// knownUser is who a connection is of, as its shard tells its reader.
type knownUser struct {
	user  inventory.ID
	admin bool
}

// resolve finds out whether o: and an id names a customer or an order.
func (h *Hub) resolve(ctx context.Context, one *channel, who *knownUser) *refusal {
	switch {
	case h.orders == nil:
		return &refusal{code: errUnknownChannel, message: "Orders are with the process that sells.", channel: one.String()}
	case who.user.IsZero() && !who.admin:
		return &refusal{code: errUnauthorized, message: "Say who you are first, with auth or a ticket.", channel: one.String()}
	case one.id == who.user:
		*one = ordersOf(one.id)
		return nil
	}
	owner := who.user
	if who.admin {
		owner = inventory.ID{}
	}
	news, found, known := h.orders.FindOrder(ctx, one.id, owner)
	switch {
	case !known:
		return &refusal{code: errNotReady, message: "Orders cannot be read now.", channel: one.String(), wait: inventory.Second}
	case found:
		*one = orderOf(one.id, news.Customer)
	case who.admin:
		*one = ordersOf(one.id)
	default:
		return &refusal{code: errUnknownChannel, message: "There is no such channel here.", channel: one.String()}
	}
	return nil
}

// tellPresent queues, for one client, what there is of the orders that it has asked for.
// They are watched by now: what happens to them meanwhile waits for it.
func (h *Hub) tellPresent(c *client, asked *command) {
	if asked.op != opSubscribe && asked.op != opSnapshot {
		return
	}
	ctx, cancel := context.WithTimeout(h.life, orderReadTimeMax)
	defer cancel()
	for _, one := range asked.channels {
		if one.kind < ordersChannel {
			continue
		}
		orders, known := h.presentOrders(ctx, one)
		if !known {
			h.news.put(orderNote{only: c, of: one})
			continue
		}
		notes := make([]orderNote, len(orders), len(orders)+1)
		for i := range orders {
			// The newest comes last, as what happens from now on does.
			notes[len(orders)-1-i] = orderNote{frame: &orderFrame{news: orders[i]}, only: c, of: one}
		}
		h.news.put(append(notes, orderNote{only: c, of: one, last: true})...)
	}
}

func (h *Hub) presentOrders(ctx context.Context, of channel) ([]OrderNews, bool) {
	if of.kind == ordersChannel {
		return h.orders.NewestOrders(ctx, of.customer, newestOrdersMax)
	}
	news, found, known := h.orders.FindOrder(ctx, of.id, of.customer)
	if !found {
		return nil, known
	}
	return []OrderNews{news}, known
}

// authenticate makes a connection somebody's, or theirs for longer.
func (s *shard) authenticate(c *client, asked *command, ok *message) *refusal {
	if asked.identified.refused != nil {
		return asked.identified.refused
	}
	visitor := &asked.identified.visitor
	switch {
	case !c.user.IsZero() && c.user != visitor.User:
		return &refusal{code: errForbidden, message: "The connection is another user's: open one of your own."}
	case c.user.IsZero() && !c.seat.identify(visitor):
		return &refusal{code: errLimit, message: "Too many WebSockets of your account are open.", wait: inventory.Second}
	}
	c.seat.renew(visitor)
	c.become(visitor)
	if !c.user.IsZero() {
		ok.text("user", c.user.String())
	}
	writeMoment(ok, "until", c.until)
	return nil
}

// become makes a connection somebody's, or nobody's.
func (c *client) become(visitor *Visitor) {
	c.user, c.until, c.admin, c.warned = visitor.User, visitor.Until, visitor.Admin, false
	c.known.Store(&knownUser{c.user, c.admin})
}

// forgetUser makes a connection nobody's, when the access token has ended.
func (s *shard) forgetUser(c *client, now inventory.Instant) {
	c.become(&Visitor{})
	c.seat.forget()
	s.dropForbidden(c, "The access token has ended.", now)
}

// dropForbidden ends the subscriptions that a client may not have any more.
func (s *shard) dropForbidden(c *client, why string, now inventory.Instant) {
	for i := len(c.subscriptions) - 1; i >= 0; i-- {
		ended := c.subscriptions[i]
		watched := ended.audience.topic.channel
		if s.mayWatch(c, &watched) != nil {
			s.drop(ended)
			s.say(c, statusMessage(c.format, watched.String(), statusGone, why), now)
			if c.closing {
				return
			}
		}
	}
}
