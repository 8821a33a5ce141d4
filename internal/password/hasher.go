package password

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"
)

// ErrBusy is returned when too many passwords wait to be hashed.
var ErrBusy = errors.New("too many passwords are being checked")

// Bounds of waiting for a turn; beyond either: [ErrBusy].
const (
	// waitMax is how long one caller waits.
	waitMax = 2 * time.Second
	// waitersPerTurn is about what one processor hashes within waitMax.
	waitersPerTurn = 32
)

// Hasher hashes and verifies passwords, few at a time: nobody has to prove who
// they are to make it work, and whoever is selling needs the processors too.
type Hasher struct {
	turns   chan struct{}
	waiters atomic.Int64
	// dummy is verified for accounts that do not exist or have no password, so
	// that they cost the same time as any other.
	dummy string
}

// NewHasher returns a hasher that works on parallel passwords at a time; zero is
// half of the processors, and one at least.
func NewHasher(parallel int) *Hasher {
	if parallel <= 0 {
		parallel = parallelDefault(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	}
	return &Hasher{turns: make(chan struct{}, parallel), dummy: hash("the password of nobody")}
}

// parallelDefault is half of the processors. Go's own number is no measure of
// them, since a program may ask for more than there are; where it is smaller, a
// container has been given no more than that.
func parallelDefault(machine, golang int) int { return max(1, min(machine, golang)/2) }

// Hash returns the PHC string of a password, or [ErrBusy].
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	return hash(normalise(password)), nil
}

// Verify reports whether password has the hash phc. An empty phc matches no
// password and takes as long as any other. The error is [ErrBusy], or wraps
// [ErrHash].
func (h *Hasher) Verify(ctx context.Context, password, phc string) (bool, error) {
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	password = normalise(password)
	if phc == "" {
		_, err := verify(password, h.dummy)
		return false, err
	}
	return verify(password, phc)
}

func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.turns <- struct{}{}:
		return nil
	default:
	}
	defer h.waiters.Add(-1)
	if h.waiters.Add(1) > int64(cap(h.turns)*waitersPerTurn) {
		return ErrBusy
	}
	timer := time.NewTimer(waitMax)
	defer timer.Stop()
	select {
	case h.turns <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return ErrBusy
	}
}

func (h *Hasher) leave() { <-h.turns }
