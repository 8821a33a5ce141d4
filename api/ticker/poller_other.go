//go:build !linux

package ticker

import "errors"

// CanPoll says that this system has what [Options].Poll needs.
const CanPoll = false

// poller is of Linux only.
type poller struct{}

func newPoller() (*poller, error) { return nil, errors.ErrUnsupported }

func (*poller) run()              {}
func (*poller) enter(*reader)     {}
func (*poller) leave(*reader)     {}
func (*poller) arm(*reader) error { return errors.ErrUnsupported }
func (*poller) close() error      { return nil }
