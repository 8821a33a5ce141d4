package blackbox

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
)

// history is the client's own record, in memory and in a file.
type history struct {
	mutex    sync.Mutex
	file     *os.File
	writer   *bufio.Writer
	attempts []*attempt
	// acknowledgements counts since the last take.
	acknowledgements int
}

func newHistory(path string) (*history, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create the history: %w", err)
	}
	return &history{file: file, writer: bufio.NewWriter(file)}, nil
}

// begin notes a key before it is sent; the line is in the file when it returns.
func (h *history) begin(a *attempt) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	a.outcome = sent
	h.attempts = append(h.attempts, a)
	fmt.Fprintf(h.writer, "%s %s customer %d product %s quantity %d or %d\n", sent, a.key, a.customer, a.product.name, a.quantity, a.rival)
	if err := h.writer.Flush(); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return nil
}

// end notes what the answers say. An acknowledgement stands, whatever a repeat is
// answered with.
func (h *history) end(a *attempt, result outcome, words string) {
	a.mutex.Lock()
	first := a.outcome != acknowledged
	if first {
		a.outcome = result
	}
	a.mutex.Unlock()
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if first && result == acknowledged {
		h.acknowledgements++
	}
	fmt.Fprintf(h.writer, "%s %s %s\n", result, a.key, words)
}

// recentMax is how many of the last attempts readers look at: those of which some
// are in flight.
const recentMax = 64

// recent returns one of the last attempts, or nil when there is none.
func (h *history) recent(random *rand.Rand) *attempt {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if len(h.attempts) == 0 {
		return nil
	}
	return h.attempts[len(h.attempts)-1-random.IntN(min(recentMax, len(h.attempts)))]
}

// take returns the attempts since the last take, and their acknowledgements.
func (h *history) take() ([]*attempt, int) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	attempts, count := h.attempts, h.acknowledgements
	h.attempts, h.acknowledgements = nil, 0
	return attempts, count
}

// acknowledged returns how many orders were acknowledged since the last take.
func (h *history) acknowledged() int {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.acknowledgements
}

func (h *history) close() error {
	if err := h.writer.Flush(); err != nil {
		return err
	}
	return h.file.Close()
}
