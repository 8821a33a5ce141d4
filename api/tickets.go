package api

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"holdfast/internal/token"
	"holdfast/inventory"
)

// tickets open WebSockets for those who are known, once each. A browser cannot send an
// Authorization with an upgrade, and an access token in an address would end up in logs;
// a ticket that does is worth nothing by then.
type tickets struct {
	lock sync.Mutex
	// open are those that were not used, by their hash.
	open map[[32]byte]ticket
	// inOrder has those that were issued and have not ended, used or not, from the oldest
	// at first; users counts them by user.
	inOrder []issued
	first   int
	users   map[inventory.ID]int
}

// ticket is what one opens.
type ticket struct {
	user token.Principal
	// ends is when it opens nothing any more, until when its user is not known any more.
	ends, until inventory.Instant
}

type issued struct {
	hash [32]byte
	user inventory.ID
	ends inventory.Instant
}

func newTickets() *tickets {
	return &tickets{open: map[[32]byte]ticket{}, users: map[inventory.ID]int{}}
}

// issue makes a ticket, if there is room for one more of all and of this user.
func (t *tickets) issue(user token.Principal, until, now inventory.Instant) (string, room) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.expire(now)
	switch {
	case len(t.inOrder)-t.first >= ticketsMax:
		return "", roomFull
	case t.users[user.ID] >= ticketsPerUserMax:
		return "", roomFullForOne
	}
	text := rand.Text()
	one := issued{hash: sha256.Sum256([]byte(text)), user: user.ID, ends: now.Add(inventory.Instant(ticketLifetime / time.Nanosecond))}
	t.open[one.hash] = ticket{user: user, ends: one.ends, until: until}
	t.inOrder = append(t.inOrder, one)
	t.users[user.ID]++
	return text, roomLeft
}

// expire forgets the tickets that have ended.
func (t *tickets) expire(now inventory.Instant) {
	for ; t.first < len(t.inOrder) && t.inOrder[t.first].ends <= now; t.first++ {
		one := &t.inOrder[t.first]
		delete(t.open, one.hash)
		if t.users[one.user]--; t.users[one.user] == 0 {
			delete(t.users, one.user)
		}
	}
	if t.first > len(t.inOrder)/2 {
		t.inOrder, t.first = append(t.inOrder[:0], t.inOrder[t.first:]...), 0
	}
}

// redeem returns what a ticket opens, once.
func (t *tickets) redeem(text []byte, now inventory.Instant) (ticket, bool) {
	t.lock.Lock()
	defer t.lock.Unlock()
	hash := sha256.Sum256(text)
	one, open := t.open[hash]
	delete(t.open, hash)
	return one, open && now < one.ends
}

// revoke forgets the tickets of those who have ended.
func (t *tickets) revoke(ended func(*token.Principal) bool) {
	t.lock.Lock()
	defer t.lock.Unlock()
	for hash, one := range t.open {
		if ended(&one.user) {
			delete(t.open, hash)
		}
	}
}

// issueTicket answers with a ticket for the caller.
func issueTicket(x *exchange) {
	credential := x.credential()
	if token.LooksLikeKey(textOf(credential)) {
		x.fail(codeForbidden, "A ticket is for people. Send the API key as Authorization with the upgrade itself.")
		return
	}
	_, until, err := x.server.signer.Verify(string(credential))
	if err != nil {
		x.failCredential()
		return
	}
	text, found := x.server.tickets.issue(x.principal, until, x.now)
	switch found {
	case roomFull:
		x.fail(inventory.CodeOverloaded, "Too many tickets were issued in half a minute.")
	case roomFullForOne:
		x.fail(codeRateLimited, "Too many tickets of yours were issued in half a minute.")
	default:
		x.answerJSON(200, ticketReply{Ticket: text, ExpiresIn: int64(ticketLifetime / time.Second)})
	}
}
