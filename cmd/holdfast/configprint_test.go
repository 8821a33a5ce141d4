package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// configuration is what "config print" says with these arguments.
func configuration(t *testing.T, arguments ...string) map[string]any {
	t.Helper()
	var printed map[string]any
	require.NoError(t, json.Unmarshal([]byte(succeed(t, append([]string{"config", "print"}, arguments...)...)), &printed))
	return printed
}

func TestAFlagWinsOverTheEnvironmentOverTheFileOverTheDefault(t *testing.T) {
	for _, c := range []struct {
		option, variable, flag              string
		standard, inFile, inEnvironment, by any
	}{
		{"listen", "HOLDFAST_LISTEN", "--listen=127.0.0.1:3", "127.0.0.1:8080", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"},
		{"data_dir", "HOLDFAST_DATA_DIR", "--data-dir=c", "./data", "a", "b", "c"},
		{"log_level", "HOLDFAST_LOG_LEVEL", "--log-level=error", "info", "debug", "warn", "error"},
		{"connections_max", "HOLDFAST_CONNECTIONS_MAX", "--connections-max=3", 65536., 1., 2., 3.},
		{"backlog_records_max", "HOLDFAST_BACKLOG_RECORDS_MAX", "--backlog-records-max=3", 5e6, 1., 2., 3.},
		{"journal_retain_bytes", "HOLDFAST_JOURNAL_RETAIN_BYTES", "--journal-retain-bytes=3", 0., 1., 2., 3.},
		{"request_timeout", "HOLDFAST_REQUEST_TIMEOUT", "--request-timeout=3s", "5s", "1s", "2s", "3s"},
		{"demo", "HOLDFAST_DEMO", "--demo", false, true, false, true},
		{"owner_confirm", "HOLDFAST_OWNER_CONFIRM", "--no-owner-confirm", true, false, true, false},
		{"ws_origins", "HOLDFAST_WS_ORIGINS", "--ws-origins=http://c:1,http://d", "", "http://a", "http://b", "http://c:1,http://d"},
		{"signing_key_file", "HOLDFAST_SIGNING_KEY_FILE", "--signing-key-file=c", nil, "a", "b", "c"},
	} {
		t.Run(c.option, func(t *testing.T) {
			assert.Equal(t, c.standard, configuration(t)[c.option], "by default")
			content, err := json.Marshal(map[string]any{c.option: c.inFile})
			require.NoError(t, err)
			file := writeFile(t, string(content), 0o600)
			assert.Equal(t, c.inFile, configuration(t, "--config", file)[c.option], "with the file")
			t.Setenv(c.variable, fmt.Sprint(c.inEnvironment))
			assert.Equal(t, c.inEnvironment, configuration(t)[c.option], "with the variable")
			assert.Equal(t, c.inEnvironment, configuration(t, "--config", file)[c.option], "with file and variable")
			assert.Equal(t, c.by, configuration(t, "--config", file, c.flag)[c.option], "with file, variable and flag")
		})
	}
}

// The file itself may be named by the environment; a flag wins there too.
func TestTheFileIsNamedByFlagOrEnvironment(t *testing.T) {
	first, second := writeFile(t, `{"connections_max":1}`, 0o600), writeFile(t, `{"connections_max":2}`, 0o600)
	t.Setenv("HOLDFAST_CONFIG", first)
	assert.Equal(t, 1., configuration(t)["connections_max"])
	assert.Equal(t, 2., configuration(t, "--config", second)["connections_max"])
}

// What is printed is a file that means the same.
func TestPrintedConfigurationCanBeReadAgain(t *testing.T) {
	arguments := []string{"config", "print", "--listen", "127.0.0.1:1", "--request-timeout", "90s", "--no-owner-confirm",
		"--demo", "--in-flight-max", "7", "--backlog-records-max", "18446744073709551615"}
	printed := succeed(t, arguments...)
	assert.Equal(t, printed, succeed(t, "config", "print", "--config", writeFile(t, printed, 0o600)))
}

// Every option of the server is printed, so that none is in force unseen.
func TestConfigPrintHasEveryOption(t *testing.T) {
	printed := slices.Concat(slices.Collect(maps.Keys(configuration(t, "--mail-command", "m", "--signing-key-file", "f", "--database-url-file", "f", "--redis-url-file", "f", "--redis-secret-file", "f", "--tls-certificate-file", "f", "--tls-key-file", "f"))),
		slices.Collect(maps.Keys(configuration(t, "--signing-key", "k", "--database-url", "u", "--redis-url", "redis://u", "--redis-secret", "s"))))
	parser, err := kong.New(&commandLine{}, kong.Vars{"data_dir": "./data", "version": ""})
	require.NoError(t, err)
	eachOption(parser.Model.Node, func(flag *kong.Flag) {
		if flag.Name != "config" {
			assert.Contains(t, printed, optionName(flag))
		}
	})
}

func TestSecretsArePrintedRedacted(t *testing.T) {
	const secretText = "c2VjcmV0IHRoYXQgbm9ib2R5IG1heSBzZWUgYXQgYWxs"
	t.Run("from a flag", func(t *testing.T) {
		expectRedacted(t, secretText, "--signing-key", secretText)
	})
	t.Run("from a file", func(t *testing.T) {
		expectRedacted(t, secretText, "--config", writeFile(t, `{"signing_key":"`+secretText+`"}`, 0o600))
	})
	t.Run("from the environment", func(t *testing.T) {
		t.Setenv("HOLDFAST_SIGNING_KEY", secretText)
		expectRedacted(t, secretText)
	})
}

func expectRedacted(t *testing.T, secretText string, arguments ...string) {
	t.Helper()
	o := run(t, append([]string{"config", "print"}, arguments...)...)
	require.Equal(t, exitOK, o.code, o.stderr)
	assert.Contains(t, o.stdout, `"signing_key": "[redacted]"`)
	assert.NotContains(t, o.stdout+o.stderr, secretText)
}

// However somebody comes to show the options, a secret does not show.
func TestASecretNeverShows(t *testing.T) {
	const secretText = "nobody may see this"
	options := struct {
		Options *signingKeyOptions
		Key     secret
	}{&signingKeyOptions{SigningKey: secretText}, secretText}
	for _, verb := range []string{"%v", "%s", "%+v", "%#v", "%q", "%x"} {
		shown := fmt.Sprintf(verb, options.Key) + fmt.Sprintf(verb, *options.Options)
		assert.NotContains(t, shown, secretText)
		assert.NotContains(t, shown, hex.EncodeToString([]byte(secretText)))
	}
	log := newLiveLog()
	for _, format := range []string{"json", "text"} {
		newLogger(log, &globalOptions{LogFormat: format, LogLevel: "info"}).Info("shown", "options", options, "key", options.Key)
	}
	assert.Contains(t, log.String(), redacted)
	assert.NotContains(t, log.String(), secretText)
}
