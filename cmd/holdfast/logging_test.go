package main

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheLogHasTheFormAndLevelThatWereAskedFor(t *testing.T) {
	for _, c := range []struct {
		format, level string
		json, told    bool
	}{
		{"auto", "info", true, true}, // no terminal
		{"json", "debug", true, true},
		{"text", "info", false, true},
		{"json", "warn", true, false},
		{"json", "error", true, false},
	} {
		log := newLiveLog()
		newLogger(log, &globalOptions{LogFormat: c.format, LogLevel: c.level}).Info("told", "wait", 90*time.Second)
		if !c.told {
			assert.Empty(t, log.String(), c)
			continue
		}
		var entry map[string]any
		err := json.Unmarshal([]byte(log.String()), &entry)
		require.Equal(t, c.json, err == nil, "%v: %s", c, log)
		if c.json {
			assert.Equal(t, "1m30s", entry["wait"], "a duration is text that people read")
		} else {
			assert.Contains(t, log.String(), "wait=1m30s")
		}
	}
}

// A file is no terminal, and neither is a pipe.
func TestIsTerminal(t *testing.T) {
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	defer writer.Close()
	assert.False(t, isTerminal(writer))
	assert.False(t, isTerminal(newLiveLog()))
}
