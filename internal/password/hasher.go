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

// deriver makes the key of one password at a time.
type deriver interface {
	derive(password string, p parameters) ([]byte, error)
	close()
}

// Hasher hashes and verifies passwords, few at a time: nobody has to prove who
// they are to make it work, and whoever is selling needs the processors too.
type Hasher struct {
	// idle are those that have nothing to do.
	idle chan deriver
	// wait is how long one caller waits.
	wait time.Duration
	// inside are the callers that are served, or wait for it.
	inside atomic.Int64
	closed atomic.Bool
	// dummy is verified for accounts that do not exist or have no password, so
	// that they cost the same time as any other.
	dummy parameters
}

// NewHasher returns a hasher that works on parallel passwords at a time, in this
// process; zero is half of the processors, and one at least.
func NewHasher(parallel int) *Hasher {
	return newHasher(parallel, func() deriver { return inProcess{} })
}

// NewWorkerHasher is [NewHasher] with a process for each that works at a time, which gives way
// to this one; see [Work], which the program must call.
func NewWorkerHasher(parallel int) *Hasher {
	return newHasher(parallel, func() deriver { return &worker{patience: idlePatience} })
}

func newHasher(parallel int, next func() deriver) *Hasher {
	parallel = Parallel(parallel)
	h := &Hasher{idle: make(chan deriver, parallel), wait: waitMax, dummy: fresh()}
	h.dummy.key = make([]byte, keyBytes) // that of no password
	for range parallel {
		h.idle <- next()
	}
	return h
}

// Parallel is how many passwords a hasher works on that was asked for so many.
func Parallel(asked int) int {
	if asked > 0 {
		return asked
	}
	return parallelDefault(runtime.NumCPU(), runtime.GOMAXPROCS(0))
}

// parallelDefault is half of the processors. Go's own number is no measure of
// them, since a program may ask for more than there are; where it is smaller, a
// container has been given no more than that.
func parallelDefault(machine, golang int) int { return max(1, min(machine, golang)/2) }

// Hash returns the PHC string of a password. The error is [ErrBusy], or tells why nothing
// can be hashed.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(); err != nil {
		return "", err
	}
	defer h.inside.Add(-1)
	p := fresh()
	var err error
	if p.key, err = h.derive(ctx, password, p); err != nil {
		return "", err
	}
	return p.String(), nil
}

// Verify reports whether password has the hash phc. An empty phc matches no
// password and takes as long as any other. The error is [ErrBusy], wraps [ErrHash], or
// tells why nothing can be hashed.
func (h *Hasher) Verify(ctx context.Context, password, phc string) (bool, error) {
	return h.VerifyFound(ctx, password, func() (string, error) { return phc, nil })
}

// VerifyFound is [Hasher.Verify] of the hash that find returns, or of its error. Nothing is
// looked for on behalf of callers who are too many.
func (h *Hasher) VerifyFound(ctx context.Context, password string, find func() (phc string, err error)) (bool, error) {
	if err := h.enter(); err != nil {
		return false, err
	}
	defer h.inside.Add(-1)
	phc, err := find()
	if err != nil {
		return false, err
	}
	p := h.dummy
	if phc != "" {
		var err error
		if p, err = parse(phc); err != nil {
			return false, err
		}
	}
	key, err := h.derive(ctx, password, p)
	return err == nil && phc != "" && p.has(key), err
}

// Check reports why no password can be hashed, if so. It asks for next to nothing.
func (h *Hasher) Check(ctx context.Context) error {
	_, err := h.derive(ctx, "", quick())
	return err
}

// Close ends the processes of a hasher that has some. Nothing must be asked afterwards.
func (h *Hasher) Close() {
	h.closed.Store(true)
	h.closeIdle()
}

// derive waits for a turn, and takes it.
func (h *Hasher) derive(ctx context.Context, password string, p parameters) ([]byte, error) {
	turn, err := h.takeTurn(ctx)
	if err != nil {
		return nil, err
	}
	defer h.leave(turn)
	return turn.derive(normalise(password), p)
}

// enter counts a caller in, who must be counted out when it returns no error.
func (h *Hasher) enter() error {
	if h.inside.Add(1) > int64(cap(h.idle)*(1+waitersPerTurn)) {
		h.inside.Add(-1)
		return ErrBusy
	}
	return nil
}

// takeTurn waits for a turn, which [Hasher.leave] gives back.
func (h *Hasher) takeTurn(ctx context.Context) (deriver, error) {
	select {
	case turn := <-h.idle:
		return turn, nil
	default:
	}
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case turn := <-h.idle:
		return turn, nil
	case <-timer.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ErrBusy
	}
}

func (h *Hasher) leave(turn deriver) {
	h.idle <- turn
	if h.closed.Load() {
		h.closeIdle()
	}
}

// closeIdle ends those that have nothing to do; others end when they come back.
func (h *Hasher) closeIdle() {
	for {
		select {
		case turn := <-h.idle:
			turn.close()
		default:
			return
		}
	}
}
