// Package progress shows how far a long piece of work has come, in one line that is
// written over and over again. Where nobody looks on, in a file or a pipe, it shows
// nothing: the work says itself what it has done.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

const (
	// cells is how wide the bar is.
	cells = 30
	// pause is the least time between two pictures.
	pause = inventory.Second / 10
)

// Bar is the picture of one piece of work. Its methods may be called in parallel.
type Bar struct {
	out   io.Writer
	what  string
	total int64
	clock clock.Clock
	began inventory.Instant

	lock sync.Mutex
	done int64
	// shown is when the last picture was shown, width how long it was.
	shown inventory.Instant
	width int
	ended bool
}

// New returns the bar of work that has total steps, zero when that is not known. It
// shows itself only when out is watched.
func New(out io.Writer, watched bool, what string, total int64, clock clock.Clock) *Bar {
	if !watched {
		out = nil
	}
	return &Bar{out: out, what: what, total: total, clock: clock, began: clock.Now()}
}

// Set says how many steps are done.
func (b *Bar) Set(done int64) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.done = done
	if now := b.clock.Now(); now >= b.shown+pause {
		b.show(now)
	}
}

// End shows the last picture and leaves its line.
func (b *Bar) End() {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.out == nil || b.ended {
		return
	}
	b.show(b.clock.Now())
	b.ended = true
	fmt.Fprintln(b.out)
}

func (b *Bar) show(now inventory.Instant) {
	if b.out == nil || b.ended {
		return
	}
	picture := b.picture(now)
	fmt.Fprintf(b.out, "\r%s%s", picture, strings.Repeat(" ", max(b.width-len(picture), 0)))
	b.shown, b.width = now, len(picture)
}

// picture is what the line shows now.
func (b *Bar) picture(now inventory.Instant) string {
	elapsed := (now - b.began) / inventory.Second
	if b.total <= 0 {
		return fmt.Sprintf("%s: %d, %d s", b.what, b.done, elapsed)
	}
	done := min(b.done, b.total)
	filled := int(cells * done / b.total)
	text := fmt.Sprintf("%s: [%s%s] %3d %%, %d s", b.what, strings.Repeat("#", filled), strings.Repeat("-", cells-filled), 100*done/b.total, elapsed)
	if left := b.left(now, done); left > 0 {
		text += fmt.Sprintf(", about %d s left", left)
	}
	return text
}

// left is how many seconds the rest takes at the speed so far; 0 when there is none
// to tell from yet.
func (b *Bar) left(now inventory.Instant, done int64) int64 {
	elapsed := now - b.began
	if done == 0 || elapsed < 2*inventory.Second {
		return 0
	}
	return int64(float64(elapsed) / float64(done) * float64(b.total-done) / float64(inventory.Second))
}
