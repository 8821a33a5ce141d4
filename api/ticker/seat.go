package ticker

import (
	"net/netip"
	"sync"

	"holdfast/inventory"
)

// Room says whether there is a place for one more connection.
type Room uint8

// What [Hub.Admit] finds.
const (
	RoomLeft Room = iota
	// RoomNone is the bound of all connections, of new ones in a second, or the end of
	// the hub; RoomNoneForAddress and RoomNoneForUser are those of one.
	RoomNone
	RoomNoneForAddress
	RoomNoneForUser
)

// Visitor is whose connection it is.
type Visitor struct {
	// Address is counted; the zero Addr is not.
	Address netip.Addr
	// User is zero for who is not known. Session and Version are those of its access token.
	User, Session inventory.ID
	// Key is the API key of a machine, which is no user.
	Key     inventory.ID
	Version int64
	// Admin says that the visitor may see what is for operators.
	Admin bool
	// Until is when the user is not known any more; then the connection is nobody's.
	Until inventory.Instant
}

// Seat is the place of a connection, from before its upgrade to its end.
type Seat struct {
	seats   *seats
	visitor Visitor
	left    bool
}

// seats counts the places that are taken.
type seats struct {
	allMax, addressMax, userMax int

	lock      sync.Mutex
	closed    bool
	arrivals  meter
	all       int
	addresses map[netip.Addr]int
	users     map[inventory.ID]int
}

// take takes a place, if there is room.
func (s *seats) take(visitor Visitor, now inventory.Instant) (*Seat, Room) {
	s.lock.Lock()
	defer s.lock.Unlock()
	switch {
	case s.closed || s.all >= s.allMax:
		return nil, RoomNone
	case s.addressMax > 0 && visitor.Address.IsValid() && s.addresses[visitor.Address] >= s.addressMax:
		return nil, RoomNoneForAddress
	case !visitor.User.IsZero() && s.users[visitor.User] >= s.userMax:
		return nil, RoomNoneForUser
	case s.arrivals.take(upgradeRate, 1, now) > 0:
		return nil, RoomNone
	}
	s.all++
	if visitor.Address.IsValid() {
		s.addresses[visitor.Address]++
	}
	if !visitor.User.IsZero() {
		s.users[visitor.User]++
	}
	return &Seat{seats: s, visitor: visitor}, RoomLeft
}

// Leave gives the place back, at the first call.
func (s *Seat) Leave() {
	s.seats.lock.Lock()
	defer s.seats.lock.Unlock()
	if s.left {
		return
	}
	s.left = true
	s.seats.all--
	decrease(s.seats.addresses, s.visitor.Address)
	s.forgetUser()
}

// Forget makes the connection nobody's.
func (s *Seat) forget() {
	s.seats.lock.Lock()
	defer s.seats.lock.Unlock()
	s.forgetUser()
}

// identify makes the connection a user's, if there is room for one more of that user.
func (s *Seat) identify(visitor *Visitor) bool {
	s.seats.lock.Lock()
	defer s.seats.lock.Unlock()
	switch {
	case s.left || visitor.User.IsZero():
		return true
	case s.seats.users[visitor.User] >= s.seats.userMax:
		return false
	}
	s.seats.users[visitor.User]++
	s.visitor.User = visitor.User
	return true
}

// renew takes over the session of another token of the same user.
func (s *Seat) renew(visitor *Visitor) {
	s.seats.lock.Lock()
	defer s.seats.lock.Unlock()
	s.visitor.Session, s.visitor.Version = visitor.Session, visitor.Version
}

func (s *Seat) forgetUser() {
	decrease(s.seats.users, s.visitor.User)
	s.visitor.User = inventory.ID{}
}

// decrease counts one less, and forgets who has none. Who was not counted stays so.
func decrease[Key comparable](counts map[Key]int, key Key) {
	switch counts[key] {
	case 0:
	case 1:
		delete(counts, key)
	default:
		counts[key]--
	}
}

// close refuses everyone from now on.
func (s *seats) close() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.closed = true
}

// isClosed reports whether everyone is refused.
func (s *seats) isClosed() bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.closed
}

// taken is how many places are taken.
func (s *seats) taken() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.all
}
