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
	moves    []*movement
	// acknowledgements counts the orders since the last take.
	acknowledgements int
}

func newHistory(path string) (*history, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create the history: %w", err)
	}
	return &history{file: file, writer: bufio.NewWriter(file)}, nil
}

// write adds a line; the caller has the mutex.
func (h *history) write(format string, arguments ...any) error {
	fmt.Fprintf(h.writer, format+"\n", arguments...)
	if err := h.writer.Flush(); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return nil
}

// note adds a line; it is in the file when it returns.
func (h *history) note(format string, arguments ...any) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.write(format, arguments...)
}

// begin notes the key of an order before it is sent.
func (h *history) begin(a *attempt) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	a.outcome = sent
	h.attempts = append(h.attempts, a)
	return h.write("%s %s or %d more", sent, a, a.rival)
}

// beginMove notes the key of a movement before it is sent.
func (h *history) beginMove(m *movement) error {
	m.end(sent)
	if a := m.attempt; a != nil {
		a.mutex.Lock()
		a.moves = append(a.moves, m)
		a.mutex.Unlock()
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.moves = append(h.moves, m)
	return h.write("%s %s", sent, m)
}

// end notes what the answers say of an order. An acknowledgement stands, whatever a
// repeat is answered with.
func (h *history) end(a *attempt, result outcome, replies []answer) {
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
	fmt.Fprintf(h.writer, "%s %s %s\n", result, a.key, short(replies))
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

// take returns the attempts and movements since the last take, and how many orders
// were acknowledged.
func (h *history) take() (attempts []*attempt, moves []*movement, acknowledgements int) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	attempts, moves, acknowledgements = h.attempts, h.moves, h.acknowledgements
	h.attempts, h.moves, h.acknowledgements = nil, nil, 0
	return attempts, moves, acknowledgements
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
