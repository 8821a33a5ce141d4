package actors

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// waitMax and waitStep bound how long a test waits for work that runs on its own.
const (
	waitMax  = 10 * time.Second
	waitStep = time.Millisecond
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
