package main

import (
	"encoding/json"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The build tells the program its version; everyone may ask for it.
func TestVersionOfABuild(t *testing.T) {
	want := "holdfast " + builtVersion + " (revision " + builtRevision + ", " + runtime.Version() + ", " +
		runtime.GOOS + "/" + runtime.GOARCH + ")\n"
	for _, arguments := range [][]string{{"version"}, {"--version"}} {
		output, err := binaryCommand(t, arguments...).Output()
		require.NoError(t, err)
		assert.Equal(t, want, string(output))
	}
	output, err := binaryCommand(t, "version", "--json").Output()
	require.NoError(t, err)
	var printed map[string]string
	require.NoError(t, json.Unmarshal(output, &printed))
	assert.Equal(t, map[string]string{"version": builtVersion, "revision": builtRevision, "go": runtime.Version(),
		"platform": runtime.GOOS + "/" + runtime.GOARCH}, printed)
}

// Without the Makefile it says that it does not know.
func TestVersionOfADevelopmentBuild(t *testing.T) {
	assert.Equal(t, versionText()+"\n", succeed(t, "version"))
	assert.Contains(t, versionText(), "development")
}
