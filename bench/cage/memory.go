package cage

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Memory is what the kernel says of a process's memory, in bytes.
type Memory struct {
	// Resident is in the machine's memory now, Data is the private memory that the process
	// has asked for, which is what [LimitData] bounds.
	Resident, Data uint64
}

// MemoryOf reads the memory of a process.
func MemoryOf(pid int) (m Memory, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, isKilobytes := strings.CutSuffix(strings.TrimSpace(value), " kB")
		into := map[string]*uint64{"VmRSS": &m.Resident, "VmData": &m.Data}[name]
		if into == nil || !isKilobytes {
			continue
		}
		if *into, err = strconv.ParseUint(kilobytes, 10, 64); err != nil {
			return m, fmt.Errorf("read the memory of process %d: %w", pid, err)
		}
		*into <<= 10
	}
	if m.Resident == 0 || m.Data == 0 {
		return m, fmt.Errorf("process %d has no memory: it has ended", pid)
	}
	return m, nil
}
