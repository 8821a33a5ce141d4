package tidy

import (
	"slices"
	"testing"
)

// owners of the machine's time: the clock, and programs that measure real time. The
// linter's forbidigo knows the same.
var timeOwners = []string{"internal/clock", "cmd/...", "bench/..."}

// machineTime are the names of package time that read or wait for the machine's time.
var machineTime = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTicker", "NewTimer", "Sleep", "Tick"}

// realTime are waits for something outside of the program, which a clock that a test
// stopped must not hold up.
var realTime = exemptions{
	"actors/operation.go time.AfterFunc":             "how long a caller waits for the machine; the timer is used again with its operation",
	"actors/outage.go time.NewTimer":                 "the pause before SQL is tried again",
	"actors/rebuild.go time.After":                   "the pause before SQL is tried again",
	"api/client/client.go time.NewTimer":             "the pause before a request is sent again",
	"api/client/ticker/commands.go time.Now":         "how long an answer takes",
	"api/client/ticker/commands.go time.Since":       "the same",
	"api/client/ticker/connection.go time.Now":       "a deadline of a connection, which the kernel keeps",
	"api/client/ticker/run.go time.NewTimer":         "the pause before the client comes back",
	"api/client/ticker/run.go time.Now":              "how long a connection lived",
	"api/client/ticker/run.go time.Since":            "the same",
	"api/reading.go time.Now":                        "a deadline of a connection, which the kernel keeps",
	"api/socket_tls.go time.Now":                     "the same",
	"internal/password/hasher.go time.NewTimer":      "how long a caller waits for a processor",
	"internal/password/worker.go time.AfterFunc":     "how long another process works on a hash",
	"internal/testserver/process.go time.NewTicker":  "the pause before a server is asked again",
	"persistence/postgres/transaction.go time.After": "the pause before a transaction that conflicted is done again",
}

func TestClockIsInjected(t *testing.T) {
	holds(t, func(r *repository) []finding { return realTime.apply(clockIsInjected(r)) })
}

func clockIsInjected(r *repository) (findings []finding) {
	for _, s := range r.sources {
		if s.helpsTests() || within(s.folder(), timeOwners) {
			continue
		}
		for use, name := range s.uses(s.tree, "time") {
			if slices.Contains(machineTime, name) {
				findings = append(findings, r.at(use, "time."+name,
					"time.%s: take the time from a clock.Clock, so that a test can own it", name))
			}
		}
	}
	return findings
}
