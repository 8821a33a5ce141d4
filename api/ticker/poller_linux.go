package ticker

import (
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// CanPoll says that this system has what [Options].Poll needs.
const CanPoll = true

// pollEventsMax bounds what one look at the kernel's list brings; the rest is in the next.
const pollEventsMax = 256

// poller waits for the sockets of all readers, so that none of them needs a goroutine for
// that. The kernel's list is an epoll set, for which the runtime waits as for a socket. A
// socket is in it by the number of its reader's slot, and by how often that slot was given:
// an event that comes after its reader has ended is for nobody.
type poller struct {
	file   *os.File
	raw    syscall.RawConn
	events [pollEventsMax]unix.EpollEvent
	// count and failed are what the last look has brought.
	count  int
	failed error

	lock  sync.Mutex
	slots []pollSlot
	free  []int32
}

type pollSlot struct {
	reader *reader
	given  int32
}

func newPoller() (*poller, error) {
	descriptor, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll set: %w", err)
	}
	if err := unix.SetNonblock(descriptor, true); err != nil {
		return nil, fmt.Errorf("make an epoll set: %w", err)
	}
	p := &poller{file: os.NewFile(uintptr(descriptor), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("wait for an epoll set: %w", err)
	}
	return p, nil
}

// run wakes readers whose sockets have something, until the poller is closed.
func (p *poller) run() {
	for p.raw.Read(p.look) == nil && p.failed == nil {
		for i := range p.events[:p.count] {
			if r := p.readerOf(&p.events[i]); r != nil {
				r.wake()
			}
		}
	}
}

// look asks which sockets have something; false is none yet.
func (p *poller) look(descriptor uintptr) bool {
	for {
		count, err := unix.EpollWait(int(descriptor), p.events[:], 0)
		if err == unix.EINTR {
			continue
		}
		p.count, p.failed = count, err
		return count > 0 || err != nil
	}
}

func (p *poller) readerOf(event *unix.EpollEvent) *reader {
	p.lock.Lock()
	defer p.lock.Unlock()
	if slot := &p.slots[event.Fd]; slot.given == event.Pad {
		return slot.reader
	}
	return nil
}

// enter gives a reader its slot.
func (p *poller) enter(r *reader) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if last := len(p.free) - 1; last >= 0 {
		r.slot = p.free[last]
		p.free = p.free[:last]
	} else {
		r.slot = int32(len(p.slots)) // #nosec G115 -- one for each connection
		p.slots = append(p.slots, pollSlot{})
	}
	p.slots[r.slot].reader = r
}

// leave takes the slot back.
func (p *poller) leave(r *reader) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.slots[r.slot].reader = nil
	p.slots[r.slot].given++
	p.free = append(p.free, r.slot)
}

// arm has the reader woken, once, when its socket has something. It fails when the socket
// is closed. As soon as the reader is idle it may be woken, so nothing of it is touched then.
func (p *poller) arm(r *reader) error {
	p.lock.Lock()
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: r.slot, Pad: p.slots[r.slot].given}
	p.lock.Unlock()
	operation, raw := unix.EPOLL_CTL_MOD, r.raw
	if !r.listed {
		operation, r.listed = unix.EPOLL_CTL_ADD, true
	}
	r.idle.Store(true)
	var failed error
	err := raw.Control(func(descriptor uintptr) { failed = p.control(operation, int(descriptor), &event) })
	if err != nil {
		return err
	}
	return failed
}

func (p *poller) control(operation, descriptor int, event *unix.EpollEvent) (failed error) {
	err := p.raw.Control(func(set uintptr) {
		failed = unix.EpollCtl(int(set), operation, descriptor, event)
	})
	if err != nil {
		return err
	}
	return failed
}

// close ends run.
func (p *poller) close() error { return p.file.Close() }
