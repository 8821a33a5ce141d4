package blackbox

import (
	"bufio"
	"fmt"
	"os"
	"sync"
)

// outcome is what the client knows of an order.
type outcome string

const (
	// sent: the answer is not known. acknowledged: 201. refused: a 4xx.
	sent         outcome = "sent"
	acknowledged outcome = "acknowledged"
	refused      outcome = "refused"
)

// attempt is one key and what became of it.
type attempt struct {
	key      string
	customer int
	product  int
	quantity int64
	outcome  outcome
	order    string
	// confirmed and cancelled say that the change was acknowledged; touched that
	// one was sent.
	confirmed, cancelled, touched bool
}

// history is the client's own record, in memory and in a file.
type history struct {
	mutex    sync.Mutex
	file     *os.File
	writer   *bufio.Writer
	attempts []*attempt
	// acknowledgements counts since the last reset.
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
	fmt.Fprintf(h.writer, "%s %s customer %d product %d quantity %d\n", sent, a.key, a.customer, a.product, a.quantity)
	return h.writer.Flush()
}

// end notes the answer.
func (h *history) end(a *attempt, result outcome, order string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	a.outcome, a.order = result, order
	if result == acknowledged {
		h.acknowledgements++
	}
	fmt.Fprintf(h.writer, "%s %s %s\n", result, a.key, order)
}

// take returns the attempts since the last take, and their acknowledgements.
func (h *history) take() ([]*attempt, int) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	attempts, count := h.attempts, h.acknowledgements
	h.attempts, h.acknowledgements = nil, 0
	return attempts, count
}

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
