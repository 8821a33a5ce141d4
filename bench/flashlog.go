package bench

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// flashOrdersMax bounds the orders of a run, and so the memory of what is known of
// them: 56 bytes each.
const flashOrdersMax = 4_000_000

// flashEntry is what is known of one request. It has no pointers: there are many.
type flashEntry struct {
	// id and version are those of the answer, when it was placed: the order's ID and
	// the version of the product's stock with it.
	id      [16]byte
	version int64
	// due is when the order was due, since the session began; sent and took are when it
	// was sent and when it was answered, in microseconds after that.
	due        time.Duration
	sent, took uint32
	// serial tells the order's key and customer. A repeat has that of its original.
	serial  uint32
	product uint32
	outcome flashOutcome
	code    flashCode
	// repeat is a request that was sent again, waited one that found no connection free,
	// and found one whose outcome was unknown and which was placed.
	repeat, waited, found bool
}

// placed reports whether the request made an order.
func (e *flashEntry) placed() bool {
	return !e.repeat && (e.outcome == flashAccepted || e.found)
}

// answered is when the answer was there, since the session began.
func (e *flashEntry) answered() time.Duration {
	return e.due + time.Duration(e.took)*time.Microsecond
}

// begun is when the request was sent, since the session began.
func (e *flashEntry) begun() time.Duration { return e.due + time.Duration(e.sent)*time.Microsecond }

// spanOf is the time from when the first of the requests was due to the last answer.
func spanOf(entries []flashEntry) time.Duration {
	first, last := time.Duration(math.MaxInt64), time.Duration(math.MinInt64)
	for i := range entries {
		first, last = min(first, entries[i].due), max(last, entries[i].answered())
	}
	if len(entries) == 0 {
		return 0
	}
	return last - first
}

// since returns the microseconds from due to now; after 71 minutes, the most there are.
func since(due, now time.Duration) uint32 {
	return uint32(min(max((now-due).Microseconds(), 0), math.MaxUint32))
}

// flashOutcome is what became of a request.
type flashOutcome uint8

const (
	// flashAccepted was answered 201.
	flashAccepted flashOutcome = iota
	// flashRefused was refused for want of stock.
	flashRefused
	// flashUnknown was answered 5xx, or not at all.
	flashUnknown
	// flashWrong was answered with what no server should say. It is a fault.
	flashWrong
	flashOutcomes
)

// flashOutcomeNames are what the table calls them.
var flashOutcomeNames = [flashOutcomes]string{"accepted", "refused", "unknown", "wrong"}

// flashCode is the number of a problem's code in the session's list.
type flashCode uint8

// flashCodesMax bounds the list; codes beyond it are flashOtherCode.
const (
	flashCodesMax  = 64
	flashOtherCode = "other"
	flashNoCode    = ""
	flashNoAnswer  = "no answer"
)

// flashCodes are the codes that were seen.
type flashCodes struct {
	lock  sync.Mutex
	names []string
}

// number returns the number of a code, a new one when it was not seen before.
func (c *flashCodes) number(name string) flashCode {
	c.lock.Lock()
	defer c.lock.Unlock()
	for i, known := range c.names {
		if known == name {
			return flashCode(i)
		}
	}
	if len(c.names) == flashCodesMax {
		return flashCodesMax
	}
	c.names = append(c.names, name)
	return flashCode(len(c.names) - 1)
}

func (c *flashCodes) name(code flashCode) string {
	c.lock.Lock()
	defer c.lock.Unlock()
	if int(code) >= len(c.names) {
		return flashOtherCode
	}
	return c.names[code]
}

// flashFaultsKept bounds the faults that are described; the others are counted.
const flashFaultsKept = 20

// flashFaults are what was wrong.
type flashFaults struct {
	lock  sync.Mutex
	count int
	texts []string
}

// add notes a fault. Any goroutine may call it.
func (f *flashFaults) add(format string, arguments ...any) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.count++
	if len(f.texts) < flashFaultsKept {
		f.texts = append(f.texts, fmt.Sprintf(format, arguments...))
	}
}
