package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWrongConfigurationFilesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, content, says string
	}{
		{"unknown", `{"listen":"127.0.0.1:1","lissten":"127.0.0.1:2","zebra":1}`, "unknown options: lissten, zebra"},
		{"a flag that is no option", `{"version":true}`, "unknown options: version"},
		{"another file", `{"config":"b.json"}`, "unknown options: config"},
		{"an argument of one command", `{"email":"a@example.com"}`, "unknown options: email"},
		{"the spelling of flags", `{"data-dir":"a"}`, "unknown options: data-dir"},
		{"twice", `{"listen":"127.0.0.1:1","listen":"127.0.0.1:2"}`, `duplicate object member name "listen"`},
		{"a list", `{"listen":["127.0.0.1:1"]}`, "listen of the configuration file is neither text nor a number"},
		{"an object", `{"listen":{}}`, "listen of the configuration file is neither text nor a number"},
		{"null", `{"listen":null}`, "listen of the configuration file is neither text nor a number"},
		{"a number of another kind", `{"connections_max":1.5}`, "--connections-max"},
		{"a number without unit", `{"request_timeout":5}`, "--request-timeout"},
		{"beyond the bounds", `{"connections_max":0}`, "--connections-max is 0"},
		{"cut off", `{"listen":`, "configuration file"},
		{"empty", ``, "configuration file"},
		{"no object", `[]`, "configuration file"},
		{"too large", `{` + strings.Repeat(" ", configBytesMax) + `}`, "configuration file"},
		{"bad text", "{\"listen\":\"\xff\"}", "configuration file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := freshDirectory(t)
			o := run(t, "serve", "--data-dir", data, "--config", writeFile(t, c.content, 0o600))
			assert.Equal(t, exitUsage, o.code)
			assert.Contains(t, o.stderr, c.says)
			assert.NoDirExists(t, data)
		})
	}
}

func TestAMissingConfigurationFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing.json")
	o := run(t, "config", "print", "--config", path)
	assert.Equal(t, exitUsage, o.code)
	assert.Contains(t, o.stderr, path)
}

// A file may have options of commands other than the one that runs.
func TestOneFileServesAllCommands(t *testing.T) {
	data := freshDirectory(t)
	file := writeFile(t, `{"data_dir":"`+data+`","demo":true,"listen":"127.0.0.1:1"}`, 0o600)
	succeed(t, "apikey", "create", "--name", "a", "--role", "admin", "--config", file)
	assert.FileExists(t, filepath.Join(data, "holdfast.db"))
	succeed(t, "version", "--config", file)
	o := run(t, "healthcheck", "--config", file)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, "127.0.0.1:1")
}
