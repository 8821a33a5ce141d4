package api

import (
	"crypto/sha256"
	"sync"
)

// codeTries counts how often a code was tried with the token of a second step.
type codeTries struct {
	lock  sync.Mutex
	tries map[[sha256.Size]byte]int
}

// enter counts a try, and reports whether it is one of the first few. When too many tokens
// are counted, one of them is forgotten: an account's own count goes on.
func (c *codeTries) enter(text string) bool {
	key := sha256.Sum256([]byte(text))
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.tries == nil {
		c.tries = map[[sha256.Size]byte]int{}
	}
	if c.tries[key] >= secondStepTriesMax {
		return false
	}
	if _, known := c.tries[key]; !known && len(c.tries) >= secondStepsMax {
		for other := range c.tries {
			delete(c.tries, other)
			break
		}
	}
	c.tries[key]++
	return true
}
