package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"holdfast/bench/crowd"
)

const (
	// watchCustomers order in turn.
	watchCustomers = 1_000
	// watchDriversMax bounds the connections that send orders. At a low rate there are fewer:
	// the server gives up who connects and sends nothing for some seconds.
	watchDriversMax = 64
	// peerProduct is what the peer sells.
	peerProduct = "01890a5d-ac96-774b-bcce-b302099a8057"
)

// watchServer is a server under load, of ours or of the peer.
type watchServer struct {
	*flashSession
	peer bool
	// product and other are indexes; there is only one for a peer.
	product, other uint32
}

// openServer starts the server of an arm on new data.
func (w *Watch) openServer(ctx context.Context, arm *watchArm) (_ *watchServer, err error) {
	if arm.peer {
		return w.openPeer(ctx)
	}
	plan := shopPlan{binary: w.Holdfast, customers: watchCustomers}
	if arm.epoll {
		plan.environment = []string{"HOLDFAST_WS_MODE=epoll"}
	}
	shop, err := plan.open(ctx)
	if err != nil {
		return nil, err
	}
	s := &watchServer{flashSession: newFlashSession(shop)}
	products, err := s.putOnSale(2, plenty)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.product, s.other = products[0], products[1]
	return s, nil
}

// openPeer starts the program of bench/peers.
func (w *Watch) openPeer(ctx context.Context) (_ *watchServer, err error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	started, err := start(ctx, address, "/readyz", nil, w.Peer, "--listen", address, "--product", peerProduct,
		"--stock", strconv.Itoa(plenty), "--hertz", strconv.FormatFloat(w.asked, 'g', -1, 64), "--write-delay", w.PeerWriteDelay.String())
	if err != nil {
		return nil, err
	}
	s := &watchServer{peer: true, flashSession: newFlashSession(&shop{process: started, admin: address, tokens: []string{"peer"}})}
	opening, err := s.shop.stock(peerProduct)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.addProduct(peerProduct, opening)
	return s, nil
}

// close ends the server.
func (s *watchServer) close() error {
	s.client.Close()
	if s.peer {
		return s.shop.stop()
	}
	return s.shop.close()
}

// dialect is how it is spoken to.
func (s *watchServer) dialect(w *Watch) crowd.Dialect {
	product := s.products[s.product].id
	switch {
	case s.peer:
		return crowd.Centrifuge(product)
	case w.Protocol == ProtocolMsgpack:
		return crowd.Msgpack(product, w.asked)
	}
	return crowd.JSON(product, w.asked)
}

// drain waits until nothing is left to do of the orders.
func (s *watchServer) drain(ctx context.Context) error {
	if s.peer {
		return nil
	}
	return s.shop.awaitDrained(ctx)
}

const (
	// memoryTries bounds how often the memory is read until it has settled, memoryPause is the
	// time between, memorySettled the part by which it may still have changed, and memoryQuiet
	// for how many readings it has to stay: what is not needed any more is given back bit by
	// bit, in the background.
	memoryTries   = 100
	memoryPause   = 200 * time.Millisecond
	memorySettled = 0.005
	memoryQuiet   = 15
	// collectTimeout bounds one collection of garbage.
	collectTimeout = 30 * time.Second
)

// settledMemory asks the server to collect its garbage, again and again, until its resident
// memory stays as it is, and returns it in KiB.
func (s *watchServer) settledMemory(ctx context.Context) (float64, error) {
	last, quiet := math.Inf(1), 0
	for range memoryTries {
		memory, err := s.collectedMemory(ctx)
		if err != nil {
			return 0, err
		}
		if math.Abs(memory-last) > memorySettled*memory {
			last, quiet = memory, 0
		} else if quiet++; quiet == memoryQuiet {
			return memory, nil
		}
	}
	return last, nil
}

// collectedMemory asks for one collection, and returns the resident memory a little later, in
// KiB.
func (s *watchServer) collectedMemory(ctx context.Context) (float64, error) {
	status, _, err := fasthttp.GetTimeout(nil, "http://"+s.shop.admin+"/debug/pprof/heap?gc=1", collectTimeout)
	switch {
	case err != nil:
		return 0, fmt.Errorf("have the garbage collected: %w", err)
	case status != fasthttp.StatusOK:
		return 0, fmt.Errorf("have the garbage collected: status %d", status)
	case !wait(ctx, memoryPause):
		return 0, context.Cause(ctx)
	}
	memory, err := s.shop.residentMemory()
	return 1024 * memory, err
}

// unsentBytes is what the kernel keeps for the server's peers: what they have not
// acknowledged and what was not sent yet.
func (s *watchServer) unsentBytes() (int64, error) {
	data, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, fmt.Errorf("read the sockets: %w", err)
	}
	_, port, _ := strings.Cut(s.shop.address, ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		return 0, fmt.Errorf("read the port of %s: %w", s.shop.address, err)
	}
	return sumUnsent(string(data), fmt.Sprintf(":%04X", number))
}

// sumUnsent adds the queues to be sent of the sockets with a local port.
func sumUnsent(sockets, port string) (sum int64, err error) {
	for line := range strings.Lines(sockets) {
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasSuffix(fields[1], port) {
			continue
		}
		queue, _, _ := strings.Cut(fields[4], ":")
		bytes, err := strconv.ParseInt(queue, 16, 64)
		if err != nil {
			return 0, fmt.Errorf("read the queue of a socket: %w", err)
		}
		sum += bytes
	}
	return sum, nil
}
