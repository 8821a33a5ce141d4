// Package process tells what this process takes of the machine: its memory, and the time
// of processors. It asks the system about this process alone, keeps nothing, and is cheap
// enough to be asked every second.
package process

import "time"

// Usage is what the process takes. Where the system does not tell, it is zero.
type Usage struct {
	// ResidentBytes is the memory that it has now, and Processor the time that processors
	// have worked for it since its start, its own and the system's.
	ResidentBytes uint64
	Processor     time.Duration
}
