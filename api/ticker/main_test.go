package ticker

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// polling has the hubs of the tests wait for their sockets by a poller.
var polling bool

// TestMain runs the tests twice where the system has pollers: with a goroutine for each
// connection, and without.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if CanPoll && code == 0 {
		fmt.Println("and once more with a poller:")
		polling = true
		code = m.Run()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
