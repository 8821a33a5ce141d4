package bench

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// The bounds of a rate.
const (
	flashRateMax    = 1_000_000
	flashPercentMax = 1_000
)

// flashRate is how many orders are due in a second, or how many percent of what the
// server was found to be capable of.
type flashRate struct {
	value   float64
	percent bool
}

// parseFlashRate reads 12000 or 60%.
func parseFlashRate(text string) (flashRate, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	most := float64(flashRateMax)
	if percent {
		most = flashPercentMax
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(value > 0 && value <= most) {
		return flashRate{}, fmt.Errorf("the rate %q is neither orders per second, up to %d, nor percent of the capacity, up to %d%%",
			text, flashRateMax, flashPercentMax)
	}
	return flashRate{value, percent}, nil
}

// perSecond is the rate in orders per second, for a server of that capacity.
func (r flashRate) perSecond(capacity float64) float64 {
	if r.percent {
		return r.value / 100 * capacity
	}
	return r.value
}

// String returns what the table calls the rate.
func (r flashRate) String() string {
	if r.percent {
		return strconv.FormatFloat(r.value, 'f', -1, 64) + " %"
	}
	return strconv.FormatFloat(r.value, 'f', -1, 64) + "/s"
}

// flashPace says when orders are due: at a constant distance, or as independent
// customers come, at random (a Poisson process). It is the same in every run.
type flashPace struct {
	gap    float64 // nanoseconds, in the mean
	random *rand.Rand
	// next is when the next order is due, in nanoseconds since the first.
	next  float64
	count float64
}

// newFlashPace returns the pace of orders per second; random is nil for a constant one.
func newFlashPace(perSecond float64, random *rand.Rand) *flashPace {
	return &flashPace{gap: float64(time.Second) / perSecond, random: random}
}

// due returns when the next order is due.
func (p *flashPace) due() time.Duration {
	due := p.next
	p.count++
	if p.random == nil {
		// From the start, so that no error adds up.
		p.next = p.count * p.gap
	} else {
		p.next += p.random.ExpFloat64() * p.gap
	}
	return time.Duration(due)
}
