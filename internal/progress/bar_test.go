package progress

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"holdfast/internal/clock"
)

func TestABarShowsHowFarItIs(t *testing.T) {
	var out strings.Builder
	now := clock.NewManual(0)
	now.Advance(time.Hour)
	bar := New(&out, true, "importing", 200, now)
	bar.Set(10)
	bar.Set(20) // too soon after the first
	now.Advance(4 * time.Second)
	bar.Set(100)
	now.Advance(4 * time.Second)
	bar.Set(200)
	bar.End()
	bar.End()
	bar.Set(201)
	assert.Equal(t, []string{"",
		"importing: [#-----------------------------]   5 %, 0 s",
		"importing: [###############---------------]  50 %, 4 s, about 4 s left",
		"importing: [##############################] 100 %, 8 s",
		"importing: [##############################] 100 %, 8 s\n",
	}, trimmed(out.String()))
}

// A shorter picture leaves nothing of a longer one behind.
func TestALinePaintsOverTheOneBefore(t *testing.T) {
	var out strings.Builder
	now := clock.NewManual(0)
	now.Advance(time.Hour)
	bar := New(&out, true, "x", 0, now)
	bar.Set(1000)
	now.Advance(time.Second)
	bar.Set(1)
	assert.Equal(t, "\rx: 1000, 0 s\rx: 1, 1 s   ", out.String())
}

func TestNobodyWatches(t *testing.T) {
	var out strings.Builder
	bar := New(&out, false, "importing", 2, clock.NewManual(0))
	bar.Set(1)
	bar.End()
	assert.Empty(t, out.String())
}

func trimmed(text string) []string {
	pictures := strings.Split(text, "\r")
	for i := range pictures {
		pictures[i] = strings.TrimRight(pictures[i], " ")
	}
	return pictures
}
