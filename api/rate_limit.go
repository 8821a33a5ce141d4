package api

import (
	"fmt"
	"hash/maphash"
	"strconv"
	"sync"

	"holdfast/inventory"
	"holdfast/persistence"
)

// RateLimits are what callers may ask for in a second, on the average of some seconds;
// zero is no bound. Staff with a second factor and machine accounts have none: a payment
// system sends as many requests as a shop has customers.
type RateLimits struct {
	// OrdersPerCustomer bounds the orders that one customer tries to place.
	OrdersPerCustomer int
	// UnitsPerCustomer bounds all else of one customer, UnitsPerAddress what nobody has
	// to log in for, of one address from outside. A request is as many units as the
	// document says in x-cost.
	UnitsPerCustomer, UnitsPerAddress int
}

// quotaKind says which quota a request draws on. The zero value is that of the route's
// callers.
type quotaKind uint8

const (
	// quotaOfOrders is that of orders, which are counted and not weighed.
	quotaOfOrders quotaKind = iota + 1
	// quotaOfNobody is for those who watch the server.
	quotaOfNobody
)

// quota is what each of many callers may take: so many units at once, which come back
// evenly, all of them in rateWindow. That is the generic cell rate algorithm: a caller
// is one moment, when all units will be there again. Those of whom all are there are the
// first to be forgotten when there are too many.
type quota struct {
	// unit is the time in which one comes back; zero is a quota without a bound.
	unit inventory.Instant
	// policy is the value of RateLimit-Policy, and name what both headers call it.
	name, policy string
	// shared says that other processes are told of callers who ask for much.
	shared bool
	seed   maphash.Seed
	parts  [quotaParts]quotaPart
}

// quotaPart has some of the callers, so that they do not wait for all others.
type quotaPart struct {
	lock sync.Mutex
	full map[uint64]inventory.Instant
	// spent is what those have used of whom other processes are to be told.
	spent map[[16]byte]inventory.Instant
}

// quotaParts is how many parts a quota has; a power of two.
const quotaParts = 64

// newQuota makes a quota of so many units a second.
func newQuota(name string, perSecond int) *quota {
	q := &quota{name: name, seed: maphash.MakeSeed()}
	if perSecond = min(perSecond, RatePerSecondMax); perSecond > 0 {
		q.unit = inventory.Second / inventory.Instant(perSecond)
		seconds := int(rateWindow / inventory.Second)
		q.policy = fmt.Sprintf("%q;q=%d;w=%d", name, perSecond*seconds, seconds)
	}
	for i := range q.parts {
		q.parts[i].full = map[uint64]inventory.Instant{}
	}
	return q
}

// share is what a caller has left of a quota after a request.
type share struct {
	// wait is how long it takes until the request can be made; zero is that it was.
	wait inventory.Instant
	// used is how long it takes until all units are there again.
	used inventory.Instant
}

// take takes units of a caller, all or none. A request that is dearer than all units
// takes all.
func (q *quota) take(caller [16]byte, units int, now inventory.Instant) share {
	key, part := q.find(caller)
	price := min(inventory.Instant(units)*q.unit, rateWindow)
	part.lock.Lock()
	defer part.lock.Unlock()
	used := max(part.full[key]-now, 0)
	if wait := used + price - rateWindow; wait > 0 {
		return share{wait: wait, used: used}
	}
	used += price
	keep(part.full, quotaCallersMax/quotaParts, key, now+used)
	if q.shared && used > rateWindow/usageToldFrom {
		part.spend(caller, price)
	}
	return share{used: used}
}

// find returns what a caller is known by, and where.
func (q *quota) find(caller [16]byte) (key uint64, part *quotaPart) {
	key = maphash.Bytes(q.seed, caller[:])
	return key, &q.parts[key%quotaParts]
}

// limits are the quotas of a server.
type limits struct{ orders, customer, address *quota }

func newLimits(rates RateLimits) limits {
	return limits{orders: newQuota("orders", rates.OrdersPerCustomer), customer: newQuota("customer", rates.UnitsPerCustomer),
		address: newQuota("address", rates.UnitsPerAddress)}
}

// withinRate takes what the request costs from the caller's quota, or refuses.
func (x *exchange) withinRate() bool {
	var s share
	q, units := &x.server.limits, x.route.cost
	drawn := q.customer
	switch {
	case x.route.quota == quotaOfNobody:
		return true
	case x.route.who == anyone:
		return x.withinAddressRate()
	case x.principal.Role != persistence.RoleCustomer:
		return true
	default:
		if x.route.quota == quotaOfOrders {
			drawn, units = q.orders, 1
		}
		if drawn.unit == 0 {
			return true
		}
		s = drawn.take(x.principal.ID, units, x.now)
	}
	return x.accept(drawn, s)
}

// withinAddressRate takes what the request costs from the quota of its address, or refuses.
func (x *exchange) withinAddressRate() bool {
	quota, address := x.server.limits.address, x.address()
	if quota.unit == 0 || !isForeign(address) {
		return true
	}
	return x.accept(quota, quota.take(address.As16(), x.route.cost, x.now))
}

// accept tells the caller of its share, and refuses when that was not enough.
func (x *exchange) accept(drawn *quota, s share) bool {
	x.tellRate(drawn, s)
	if s.wait > 0 {
		x.failLimited("You ask for more than the server gives one caller. Slow down; RateLimit says what is left.", s.wait)
	}
	return s.wait == 0
}

// tellRate sets the headers that tell the caller of its quota
// (draft-ietf-httpapi-ratelimit-headers), once less than half of it is left: until then
// they would only make answers longer.
func (x *exchange) tellRate(q *quota, s share) {
	if s.used <= rateWindow/2 {
		return
	}
	header := &x.ctx.Response.Header
	header.Set(headerRatePolicy, q.policy)
	value := append(strconv.AppendQuote(nil, q.name), ";r="...)
	value = strconv.AppendInt(value, int64(max(rateWindow-s.used, 0)/q.unit), 10)
	value = strconv.AppendInt(append(value, ";t="...), int64((s.used+inventory.Second-1)/inventory.Second), 10)
	header.SetBytesV(headerRate, value)
}

// headers of quotas, in the form in which they are sent.
const (
	headerRatePolicy = "RateLimit-Policy"
	headerRate       = "RateLimit"
)
