package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A misspelt variable is told, not silently without effect, and its value is not
// shown: it may be a secret.
func TestUnknownVariablesAreTold(t *testing.T) {
	t.Setenv("HOLDFAST_LISTENN", "a secret value")
	t.Setenv("HOLDFAST_DEMO", "true")
	o := run(t, "config", "print")
	require.Equal(t, exitOK, o.code)
	assert.Contains(t, o.stderr, "HOLDFAST_LISTENN")
	assert.NotContains(t, o.stderr, "HOLDFAST_DEMO")
	assert.NotContains(t, o.stderr, "a secret value")
}

func TestTheDataDirectoryOfSystemdIsTheDefault(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/var/lib/holdfast:/var/lib/other")
	assert.Equal(t, "/var/lib/holdfast", configuration(t)["data_dir"])
	assert.Equal(t, "other", configuration(t, "--data-dir", "other")["data_dir"])
	t.Setenv("STATE_DIRECTORY", "")
	assert.Equal(t, "./data", configuration(t)["data_dir"])
}
