package main

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// varying is what differs from run to run.
var varying = []struct {
	what *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`"next_cursor":"[^"]+"`), "CURSOR"},
	{regexp.MustCompile(`"seconds_left":(59\d|600)`), "LEFT"},
}

func withoutVarying(text string) string {
	for _, v := range varying {
		text = v.what.ReplaceAllString(text, v.name)
	}
	return text
}

// The transcript in the README prints, line by line, what it shows.
func TestReadmeTranscriptWorks(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(readme), "```console\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	var script, want strings.Builder
	for line := range strings.Lines(block) {
		if command, isCommand := strings.CutPrefix(line, "$ "); isCommand {
			script.WriteString(command)
			if strings.HasPrefix(command, "curl") && !strings.Contains(command, "> ada.json") {
				script.WriteString("echo\n")
			}
			continue
		}
		want.WriteString(line)
	}
	s := serve(t, freshDirectory(t), "--demo")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "sh", "-e")
	shell.Dir = t.TempDir()
	shell.Stdin = strings.NewReader(strings.ReplaceAll(script.String(), "http://127.0.0.1:8080", s.url))
	shell.Stderr = t.Output()
	output, err := shell.Output()
	require.NoError(t, err)
	require.Equal(t, withoutVarying(want.String()), withoutVarying(string(output)))
}
