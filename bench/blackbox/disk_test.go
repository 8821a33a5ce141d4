package blackbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A disk that is really full: orders are answered 503 before any effect, reads go
// on, nothing that was acknowledged is lost, and selling resumes by itself when
// space is freed.
func TestARealDiskFillsUpAndSellingResumes(t *testing.T) {
	w := openSmallDisk(t)
	filler := filepath.Join(w.Server.disk(), "filler")
	fill(t, filler)
	refusals := w.orderUntilFull(t)
	for _, a := range refusals {
		require.Equal(t, absent, w.lookUp(a), "key %s was answered with 503 and has an order", a.key)
	}
	w.requireReads(t)

	require.NoError(t, os.Remove(filler))
	require.Eventually(t, func() bool {
		_, reply := w.orderOne(t, 0)
		return reply.status == 201
	}, 10*time.Second, 20*time.Millisecond)
	w.repeatRefusals(t, refusals)
	w.orderMany(t, 2000)
	w.check(nil)
	require.Empty(t, w.verdict.Violations)
	t.Logf("%d keys were refused while the disk was full; %s", len(refusals), &w.verdict)
}

// openSmallDisk starts a server on a disk of its own, with one product.
func openSmallDisk(t *testing.T) *world {
	folder := t.TempDir()
	w := &world{Loop: Loop{Out: t.Output(), Server: &Server{Binary: server(t), Data: filepath.Join(folder, "data"),
		DiskBytes: 64 << 20, Environment: []string{"HOLDFAST_JOURNAL_SEGMENT_BYTES=1048576"}}}}
	t.Cleanup(w.Server.abandon)
	var err error
	w.history, err = newHistory(filepath.Join(folder, "history"))
	require.NoError(t, err)
	require.NoError(t, w.open(t.Context()))
	t.Cleanup(func() { require.NoError(t, errors.Join(w.Server.kill(), w.history.close())) })
	require.NoError(t, w.create(&product{name: "plenty", opening: plenty, hold: longHold, lasting: true}))
	return w
}

// fill writes a file until the disk has no byte left.
func fill(t *testing.T, path string) {
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	for size := 1 << 20; size > 0; {
		if _, err = file.Write(make([]byte, size)); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			size /= 2
		}
	}
}

// orderOne places an order of one unit.
func (w *world) orderOne(t *testing.T, customer int) (*attempt, answer) {
	a := newAttempt(fmt.Sprintf("key-of-a-full-disk-%08d", w.serial.Add(1)), customer, line{w.products[0], 1})
	require.NoError(t, w.history.begin(a))
	reply := w.send(a, 0)
	result, _, err := a.judgePlacement(placement{alone: true}, reply)
	w.judge(err)
	w.history.end(a, result, []answer{reply})
	return a, reply
}

// orderUntilFull places orders from parallel callers until one is answered with
// storage_full. It returns those that were answered with a code that promises that
// nothing was done.
func (w *world) orderUntilFull(t *testing.T) []*attempt {
	var mutex sync.Mutex
	var refusals []*attempt
	var full atomic.Bool
	w.orderWhile(t, func(a *attempt, reply answer) bool {
		if code := reply.code(); code == "storage_full" || code == "overloaded" {
			mutex.Lock()
			refusals = append(refusals, a)
			mutex.Unlock()
			full.CompareAndSwap(false, code == "storage_full")
		}
		return !full.Load()
	})
	return refusals
}

// orderMany places orders until so many were acknowledged.
func (w *world) orderMany(t *testing.T, count int64) {
	var acknowledgements atomic.Int64
	w.orderWhile(t, func(_ *attempt, reply answer) bool {
		if reply.status == 201 {
			acknowledgements.Add(1)
		}
		return acknowledgements.Load() < count
	})
}

func (w *world) orderWhile(t *testing.T, more func(*attempt, answer) bool) {
	var group sync.WaitGroup
	for customer := range 16 {
		group.Go(func() {
			for more(w.orderOne(t, customer)) {
			}
		})
	}
	group.Wait()
}

// repeatRefusals sends keys again that were answered with 503: each makes one order,
// the first time that it is acknowledged, and none after that.
func (w *world) repeatRefusals(t *testing.T, refusals []*attempt) {
	for _, a := range refusals {
		require.Eventually(t, func() bool { return w.place(a, 0) == acknowledged }, 10*time.Second, 20*time.Millisecond)
		require.Equal(t, 1, a.made, "key %s was answered as new %d times", a.key, a.made)
		require.Equal(t, acknowledged, w.place(a, 0))
		require.Equal(t, 1, a.made, "key %s made a second order", a.key)
	}
}

// requireReads requires that reads go on while nothing can be written.
func (w *world) requireReads(t *testing.T) {
	_, err := w.readStock(w.products[0], w.products[0].shown.Load())
	require.NoError(t, err)
	require.Equal(t, 200, w.Server.probe())
}
