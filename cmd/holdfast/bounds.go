package main

import (
	"net"
	"time"
)

// What the journal accepts. A segment holds its header and the largest order.
const (
	journalSectorBytes     = 4096
	journalPendingBytesMin = 212_480
	journalSegmentBytesMin = 217_088 // header and the largest record, in whole sectors
	journalSegmentBytesMax = 1 << 30
)

// kong calls the Validate methods after parsing, before anything is touched. Each
// message names the option and says what it must be.

// Validate refuses what is no folder: an empty variable would mean the working
// directory.
func (o *globalOptions) Validate() error {
	if o.DataDir == "" {
		return usagef("--data-dir is empty and must name a folder, such as ./data")
	}
	return nil
}

// Validate refuses what is no address.
func (o *listenOption) Validate() error { return checkAddress("listen", o.Listen, "127.0.0.1:8080") }

// Validate refuses two keys.
func (o *signingKeyOptions) Validate() error {
	if o.SigningKey != "" && o.SigningKeyFile != "" {
		return usagef("--signing-key and --signing-key-file are both set: set one of them")
	}
	return nil
}

// Validate checks all options of a server.
func (o *serverOptions) Validate() error {
	for _, check := range []func() error{
		o.listenOption.Validate,
		o.signingKeyOptions.Validate,
		func() error { return checkAddress("admin-listen", o.AdminListen, "127.0.0.1:9090") },
		o.checkCounts,
		o.checkJournal,
		o.checkDurations,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (o *serverOptions) checkCounts() error {
	if o.BacklogRecordsMax < 1 {
		return usagef("--backlog-records-max is 0 and must be at least 1")
	}
	if o.BacklogBytesMax < 1 {
		return usagef("--backlog-bytes-max is %d and must be at least 1", o.BacklogBytesMax)
	}
	for _, count := range []struct {
		option       string
		value, least int
	}{
		{"connections-max", o.ConnectionsMax, 1},
		{"connections-per-address-max", o.ConnectionsPerAddressMax, 0},
		{"in-flight-max", o.InFlightMax, 1},
		{"passwords-parallel", o.PasswordsParallel, 0},
	} {
		if count.value < count.least {
			return usagef("--%s is %d and must be at least %d", count.option, count.value, count.least)
		}
	}
	return nil
}

func (o *serverOptions) checkJournal() error {
	size := o.JournalSegmentBytes
	switch {
	case size%journalSectorBytes != 0 || size < journalSegmentBytesMin || size > journalSegmentBytesMax:
		return usagef("--journal-segment-bytes is %d and must be a multiple of %d between %d and %d, such as 67108864",
			size, journalSectorBytes, journalSegmentBytesMin, journalSegmentBytesMax)
	case o.JournalPendingBytes < journalPendingBytesMin:
		return usagef("--journal-pending-bytes is %d and must be at least %d, what the largest order takes",
			o.JournalPendingBytes, journalPendingBytesMin)
	case o.JournalRetainBytes < 0:
		return usagef("--journal-retain-bytes is %d and must be at least 0", o.JournalRetainBytes)
	}
	return nil
}

func (o *serverOptions) checkDurations() error {
	for _, wait := range []struct {
		option string
		value  time.Duration
	}{
		{"request-timeout", o.RequestTimeout},
		{"shutdown-timeout", o.ShutdownTimeout},
	} {
		if wait.value <= 0 {
			return usagef("--%s is %s and must be above 0, such as 5s", wait.option, wait.value)
		}
	}
	if o.ShutdownDelay < 0 {
		return usagef("--shutdown-delay is %s and must be at least 0s", o.ShutdownDelay)
	}
	return nil
}

// checkAddress refuses what is no host and port. The host may be empty, for all
// addresses of the machine; the port is said, so that nobody gets a random one by
// leaving it out.
func checkAddress(option, address, example string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil && port != "" {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		return usagef("--%s is %q and must be a host and a port, such as %s", option, address, example)
	}
	return nil
}
