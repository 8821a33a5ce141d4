package api

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"holdfast/inventory"
)

// throttle bounds failed logins by buckets of tries that fill up again, so that
// nobody is locked out for good. There are three: of an account from one address,
// which a stranger elsewhere cannot empty; of an account from everywhere, which
// bounds guesses that come from many addresses, and does not count for an address
// that has logged in to the account before; and of an address, which bounds
// guesses at many accounts, unless it is a proxy's.
//
// A bucket is known by a hash under a key of this process, and is one moment: when
// it will be full again. One that is full is not kept.
type throttle struct {
	seed maphash.Seed
	lock sync.Mutex
	// full is when a bucket will be full, trusted until when a login is remembered.
	full, trusted map[uint64]inventory.Instant
}

// tries is what a bucket holds: burst at once, and one more each time that every
// has passed.
type tries struct {
	burst int64
	every inventory.Instant
}

var (
	triesFromAddress = tries{burst: 10, every: 10 * inventory.Second}
	triesOfAccount   = tries{burst: 50, every: 60 * inventory.Second}
	triesOfAddress   = tries{burst: 100, every: inventory.Second}
)

// wait is how long it takes until a bucket that will be full at the moment has a
// try.
func (t tries) wait(full, now inventory.Instant) inventory.Instant {
	return full - now - inventory.Instant(t.burst-1)*t.every
}

func newThrottle() *throttle {
	return &throttle{seed: maphash.MakeSeed(), full: map[uint64]inventory.Instant{}, trusted: map[uint64]inventory.Instant{}}
}

// attempt is one login that was let through.
type attempt struct {
	throttle *throttle
	pair     uint64
	// taken are the buckets that it took a try of.
	taken []takenTry
}

type takenTry struct {
	key uint64
	of  tries
}

// begin takes a try out of each bucket of a login, or none and returns how long it
// takes until there is one in all.
func (t *throttle) begin(account string, address netip.Addr, now inventory.Instant) (attempt, inventory.Instant) {
	t.lock.Lock()
	defer t.lock.Unlock()
	a := attempt{throttle: t, pair: t.key(bucketFromAddress, account, address)}
	a.taken = append(a.taken, takenTry{a.pair, triesFromAddress})
	if t.trusted[a.pair] <= now {
		a.taken = append(a.taken, takenTry{t.key(bucketOfAccount, account, netip.Addr{}), triesOfAccount})
	}
	if isForeign(address) {
		a.taken = append(a.taken, takenTry{t.key(bucketOfAddress, "", address), triesOfAddress})
	}
	var wait inventory.Instant
	for _, try := range a.taken {
		wait = max(wait, try.of.wait(t.full[try.key], now))
	}
	if wait > 0 {
		return attempt{}, wait
	}
	for _, try := range a.taken {
		keep(t.full, loginBucketsMax, try.key, max(t.full[try.key], now)+try.of.every)
	}
	return a, 0
}

// Kinds of buckets.
const (
	bucketFromAddress byte = iota
	bucketOfAccount
	bucketOfAddress
)

// key is the hash of a bucket. Kind and address have a fixed length, so no two
// buckets give the same input.
func (t *throttle) key(kind byte, account string, address netip.Addr) uint64 {
	var hash maphash.Hash
	hash.SetSeed(t.seed)
	bytes := address.As16()
	_ = hash.WriteByte(kind) // never fails, as those below
	_, _ = hash.Write(bytes[:])
	_, _ = hash.WriteString(account)
	return hash.Sum64()
}

// undo gives the tries back: the password was right, or nobody looked at it.
func (a *attempt) undo() {
	a.throttle.lock.Lock()
	defer a.throttle.lock.Unlock()
	for _, try := range a.taken {
		if at, known := a.throttle.full[try.key]; known {
			a.throttle.full[try.key] = at - try.of.every
		}
	}
}

// succeed gives the tries back and remembers the login.
func (a *attempt) succeed(now inventory.Instant) {
	a.undo()
	a.throttle.lock.Lock()
	defer a.throttle.lock.Unlock()
	keep(a.throttle.trusted, loginTrustedMax, a.pair, now.Add(inventory.Instant(loginTrustLifetime/time.Nanosecond)))
}

// evictionSample is how many entries are looked at to find one that matters little.
const evictionSample = 8

// keep puts a moment into a map of at most most entries. When it is full, the
// earliest of some others goes.
func keep(moments map[uint64]inventory.Instant, most int, key uint64, at inventory.Instant) {
	if _, known := moments[key]; !known && len(moments) >= most {
		var victim uint64
		var earliest inventory.Instant
		seen := 0
		for other, moment := range moments {
			if seen == 0 || moment < earliest {
				victim, earliest = other, moment
			}
			if seen++; seen == evictionSample {
				break
			}
		}
		delete(moments, victim)
	}
	moments[key] = at
}
