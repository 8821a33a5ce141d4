package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
)

// serveForTest starts the real server on free ports and a fresh data directory.
func serveForTest(t *testing.T, change func(*serverOptions)) *server {
	t.Helper()
	p := &program{stdout: io.Discard, stderr: t.Output(), clock: clock.NewSystem(),
		log:     slog.New(slog.NewTextHandler(t.Output(), nil)),
		options: &globalOptions{DataDir: t.TempDir()}}
	var line commandLine
	_, _, err := p.parse(&line, []string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
		"--journal-segment-bytes", "1048576"})
	require.NoError(t, err)
	options := &line.Serve.serverOptions
	change(options)
	s, err := startServer(context.Background(), p, options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop(options)) })
	return s
}

// varying is what differs from run to run.
var varying = []struct {
	what *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`"next_cursor":"[^"]+"`), "CURSOR"},
	{regexp.MustCompile(`"seconds_left":(599|600)`), "LEFT"},
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
	s := serveForTest(t, func(o *serverOptions) { o.Demo = true })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "sh", "-e")
	shell.Dir = t.TempDir()
	shell.Stdin = strings.NewReader(strings.ReplaceAll(script.String(), "127.0.0.1:8080", s.listener.Addr().String()))
	shell.Stderr = t.Output()
	output, err := shell.Output()
	require.NoError(t, err)
	require.Equal(t, withoutVarying(want.String()), withoutVarying(string(output)))
}
