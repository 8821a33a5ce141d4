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
	folder := t.TempDir()
	w := &world{Loop: Loop{Out: t.Output(), Server: &Server{Binary: buildServer(t), Data: filepath.Join(folder, "data"),
		DiskBytes: 64 << 20, Environment: []string{"HOLDFAST_JOURNAL_SEGMENT_BYTES=1048576", "HOLDFAST_LOG_LEVEL=warn"}}}}
	var err error
	w.history, err = newHistory(filepath.Join(folder, "history"))
	require.NoError(t, err)
	require.NoError(t, w.open(t.Context()))
	t.Cleanup(func() { require.NoError(t, errors.Join(w.Server.kill(), w.history.close())) })

	filler := filepath.Join(w.Server.disk(), "filler")
	fill(t, filler)
	full := w.orderUntil(t, 503)
	require.Contains(t, string(full.body), `"storage_full"`)
	w.checkShown(t)

	require.NoError(t, os.Remove(filler))
	require.Eventually(t, func() bool {
		a := &attempt{key: fmt.Sprintf("after-the-disk-was-full-%d", w.serial.Add(1)), quantity: 1}
		require.NoError(t, w.history.begin(a))
		reply := w.place(a)
		w.note(a, reply)
		return reply.status == 201
	}, 10*time.Second, 20*time.Millisecond)
	w.orderMany(t, 2000)
	w.check()
	require.Empty(t, w.verdict.Violations)
	t.Log(&w.verdict)
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

// orderUntil places orders from parallel callers until one is answered with the
// status, and returns that answer.
func (w *world) orderUntil(t *testing.T, status int) answer {
	var found atomic.Pointer[answer]
	w.orderWhile(t, func(reply answer) bool {
		if reply.status == status {
			found.CompareAndSwap(nil, &reply)
		}
		return found.Load() == nil
	})
	return *found.Load()
}

// orderMany places orders until so many were acknowledged.
func (w *world) orderMany(t *testing.T, count int64) {
	var acknowledgements atomic.Int64
	w.orderWhile(t, func(reply answer) bool {
		if reply.status == 201 {
			acknowledgements.Add(1)
		}
		return acknowledgements.Load() < count
	})
}

func (w *world) orderWhile(t *testing.T, more func(answer) bool) {
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for {
				a := &attempt{key: fmt.Sprintf("key-of-a-full-disk-%08d", w.serial.Add(1)), customer: worker, quantity: 1}
				require.NoError(t, w.history.begin(a))
				reply := w.place(a)
				w.note(a, reply)
				if !more(reply) {
					return
				}
			}
		})
	}
	group.Wait()
}

// checkShown requires that reads go on while nothing can be written.
func (w *world) checkShown(t *testing.T) {
	shown, err := decode[stock](w.client.do(call{method: "GET", path: "/api/products/" + w.products[0] + "/stock"}))
	require.NoError(t, err)
	require.EqualValues(t, plenty, shown.OnHand)
	ready := w.client.do(call{method: "GET", path: "/readyz"})
	require.Equal(t, 200, ready.status)
}
