package blackbox

import (
	"context"
	"fmt"
	"time"
)

// killRecovering starts the server and kills it before it is ready, when it has
// opened its journal, or misses its database, or at a random moment of as long as the last
// recovery took. The
// kill counts if it came in time: the server listened, its last answer was that it
// is not ready, and it had not said otherwise when it died.
func (w *world) killRecovering(ctx context.Context) error {
	if err := w.start(); err != nil {
		return err
	}
	status := w.approach(ctx, w.aim())
	if err := w.Server.kill(); err != nil {
		return err
	}
	w.checkLog()
	switch {
	case status != 503 || w.Server.log.has(nowReady):
		w.verdict.TooLate++
	case w.Server.log.has(journalOpen):
		w.verdict.Replays++
		w.verdict.Recoveries++
	default:
		w.verdict.Recoveries++
	}
	return ctx.Err()
}

// aim chooses the moment of a kill: it returns a function that is called when the
// server listens, and whose channel tells when to kill.
func (w *world) aim() func() <-chan struct{} {
	if w.random.IntN(2) == 0 {
		words := journalOpen
		if w.databaseAway {
			words = noDatabase // it gets no further
		}
		written := w.Server.log.written[words]
		return func() <-chan struct{} { return written }
	}
	moment := time.Duration(w.random.Int64N(int64(max(w.recovery, time.Millisecond))))
	return func() <-chan struct{} {
		now := make(chan struct{})
		time.AfterFunc(moment, func() { close(now) })
		return now
	}
}

// approach asks the server for its readiness until the moment has come, or it is
// ready, or gone. It returns the last answer; 0 is none.
func (w *world) approach(ctx context.Context, aim func() <-chan struct{}) int {
	ctx, cancel := context.WithTimeout(ctx, readyMax)
	defer cancel()
	var moment <-chan struct{}
	for {
		status := w.Server.probe()
		if status == 200 {
			return status
		}
		if status != 0 && moment == nil {
			moment = aim()
		}
		select {
		case <-moment:
			return status
		case <-w.Server.ended:
			return 0
		case <-ctx.Done():
			return 0
		case <-time.After(probePause):
		}
	}
}

// recoveryKillsMax bounds the attempts to meet the first recovery.
const recoveryKillsMax = 20

// killRecoveries kills the server in none, one or several recoveries in a row; the
// first time until one was met.
func (w *world) killRecoveries(ctx context.Context) error {
	for tries := 0; w.random.IntN(2) == 0 || w.verdict.Recoveries == 0; tries++ {
		if tries == recoveryKillsMax {
			return fmt.Errorf("none of %d kills met a recovery: it takes %s", tries, w.recovery)
		}
		if err := w.killRecovering(ctx); err != nil {
			return err
		}
	}
	return nil
}
