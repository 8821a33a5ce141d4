package bench

import (
	"context"
	"sync"
	"time"

	"holdfast/bench/crowd"
)

const (
	// deafReceiveBytes is what is asked of the kernel for a connection that stalls, so that
	// the server feels it soon.
	deafReceiveBytes = 2 << 10
	// resumeDuration is how long those who stalled read before they stall again.
	resumeDuration = time.Second
	// currentAge is how old a state may be that counts as current: the server looks at the
	// stock 20 times a second.
	currentAge = 250 * time.Millisecond
)

// watchStall is what is known of connections that stall.
type watchStall struct {
	// times are when they read again and when they stalled the next time, since the session
	// began.
	times [][2]time.Duration
	// stale, skipped and never are those of all returns.
	returns, never int
	stale, skipped latencies
	// memory is KiB of the server for one that stalls, unsent what the kernel keeps for it.
	memory, unsent float64
	// closed are those that the server gave up.
	closed int
}

// stalling lets connections stall and read in turn, until it ends.
type stalling struct {
	stall   *watchStall
	over    chan struct{}
	running sync.WaitGroup
}

// beginStalling begins with a stall; without an arm that stalls it does nothing.
func (r *watchRun) beginStalling(ctx context.Context) *stalling {
	s := &stalling{over: make(chan struct{})}
	if !r.arm.stalls {
		return s
	}
	s.stall = &watchStall{}
	s.running.Go(func() {
		for more := true; more; {
			r.deaf.Pause()
			more = s.wait(ctx, r.Stall)
			began := r.now()
			r.deaf.Resume()
			if more {
				more = s.wait(ctx, resumeDuration)
				s.stall.times = append(s.stall.times, [2]time.Duration{began, r.now()})
			}
		}
	})
	return s
}

// wait waits, unless it is over.
func (s *stalling) wait(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.over:
	case <-ctx.Done():
	}
	return false
}

// end lets them read, and returns what is known.
func (s *stalling) end() *watchStall {
	close(s.over)
	s.running.Wait()
	return s.stall
}

// evaluate looks at every return from a stall.
func (s *watchStall) evaluate(changes watchChanges, connections int, recorded [][]crowd.Record) {
	s.stale, s.skipped = newLatencies(), newLatencies()
	for _, times := range s.times {
		current := uint32(0)
		limit := uint32(max(times[0]-currentAge, 0).Microseconds())
		for _, change := range changes {
			if change.answered <= limit {
				current = max(current, change.version)
			}
		}
		back := returnsOf(uint32(times[0].Microseconds()), uint32(times[1].Microseconds()), current, connections, recorded)
		s.returns += connections
		s.never += back.never
		s.stale.Merge(back.stale.Histogram)
		s.skipped.Merge(back.skipped.Histogram)
	}
}

// measureDeaf lets connections stall once more and reads what the server keeps for them.
func (r *watchRun) measureDeaf(ctx context.Context) error {
	before, err := r.settledMemory(ctx)
	if err != nil {
		return err
	}
	r.deaf.Pause()
	if _, err := r.sell(ctx, r.Stall); err != nil {
		return err
	}
	unsent, err := r.unsentBytes()
	if err != nil {
		return err
	}
	// Not the settled memory: they would be given up before it is known.
	after, err := r.collectedMemory(ctx)
	if err != nil {
		return err
	}
	r.deaf.Resume()
	r.row.stall.memory, r.row.stall.unsent = (after-before)/float64(r.Stalled), float64(unsent)/1024/float64(r.Stalled)
	if err := r.awaitQuiet(ctx); err != nil {
		return err
	}
	tally := r.deaf.Tally()
	r.row.stall.closed = r.Stalled - tally.Open
	return nil
}
