package persistence

import "time"

const (
	// UsagesMax is how many usages are told at once.
	UsagesMax = 1024
	// UsageAgeMax is how old what is told may be: what is older tells of a share that is
	// there again.
	UsageAgeMax = 10 * time.Second
)

// Usage is how much a caller has used of a quota.
type Usage struct {
	// Quota is which one; the front end gives them numbers.
	Quota uint64
	// Caller is whose it is: the ID of an account, or an address.
	Caller [16]byte
	// Time is how long it takes until what was used is there again.
	Time time.Duration
}

// UsageExchange lets the processes that share callers know what each has let them use.
// Nothing waits for it and nothing depends on it: what cannot be told is forgotten, and then
// each process lets a caller have what it would alone.
type UsageExchange interface {
	// Tell tells the others, at most [UsagesMax] usages. It does not wait.
	Tell(usages []Usage)
	// Hear has hear called, from one goroutine, with what others tell from now on. It is
	// called once.
	Hear(hear func(usages []Usage))
	// Statistics returns counts since the start.
	Statistics() UsageStatistics
	// Close ends it; hear is not called any more once it has returned.
	Close() error
}

// UsageStatistics count usages: those that were told and heard; and messages: those that
// were not of us, or too old, and those that could not be sent.
type UsageStatistics struct {
	Told, Heard, Refused, Failures uint64
}
