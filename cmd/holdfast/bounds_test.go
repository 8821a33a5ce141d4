package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence/journal"
)

func TestInvalidOptionsAreRefused(t *testing.T) {
	for _, c := range []struct{ option, value, says string }{
		{"data-dir", "", "must name a folder"},
		{"listen", "", "such as 127.0.0.1:8080"},
		{"listen", "localhost", "such as 127.0.0.1:8080"},
		{"listen", "127.0.0.1:", "such as 127.0.0.1:8080"},
		{"listen", "127.0.0.1:65536", "such as 127.0.0.1:8080"},
		{"listen", "::1:80", "such as 127.0.0.1:8080"},
		{"admin-listen", "9090", "such as 127.0.0.1:9090"},
		{"journal-segment-bytes", "1000000", "is 1000000 and must be a multiple of 4096"},
		{"journal-segment-bytes", "4096", "between 217088 and 1073741824"},
		{"journal-segment-bytes", "-4096", "is -4096 and must be"},
		{"journal-segment-bytes", "0", "is 0 and must be"},
		{"journal-segment-bytes", "2147483648", "between 217088 and 1073741824"},
		{"journal-segment-bytes", "64M", `got "64M"`},
		{"journal-pending-bytes", "204799", "must be at least 212480"},
		{"journal-retain-bytes", "-1", "must be at least 0"},
		{"backlog-records-max", "0", "must be at least 1"},
		{"backlog-records-max", "-1", `got "-1"`},
		{"connections-max", "0", "must be at least 1"},
		{"connections-max", "-5", "is -5 and must be at least 1"},
		{"connections-per-address-max", "-1", "must be at least 0"},
		{"in-flight-max", "0", "must be at least 1"},
		{"passwords-parallel", "-1", "must be at least 0"},
		{"ws-connections-max", "-1", "must be at least 0"},
		{"ws-connections-per-address-max", "-1", "must be at least 0"},
		{"ws-connections-per-user-max", "0", "must be at least 1"},
		{"ws-origins", "shop.example", "must be like https://shop.example"},
		{"ws-origins", "https://shop.example/", "must be like https://shop.example"},
		{"ws-origins", "https://shop.example,null", "must be like https://shop.example"},
		{"cors-origins", "*", "must be like https://shop.example"},
		{"trusted-proxies", "10.0.0.0/33", "is no address or network"},
		{"trusted-proxies", "0.0.0.0/0", "is everybody"},
		{"trusted-proxies", "::/0", "is everybody"},
		{"trusted-proxies", "::ffff:10.0.0.1", "must be written as one"},
		{"trusted-proxies", "proxy.example", "must be like 10.0.0.1 or 10.0.0.0/8"},
		{"rate-customer-orders", "-1", "must be at least 0"},
		{"rate-customer-units", "1000001", "at most 1000000"},
		{"rate-address-units", "-1", "must be at least 0"},
		{"request-timeout", "0s", "must be above 0"},
		{"request-timeout", "-5s", "is -5s and must be above 0"},
		{"request-timeout", "5", "missing unit"},
		{"request-timeout", "soon", "duration"},
		{"shutdown-timeout", "0s", "must be above 0"},
		{"shutdown-delay", "-1s", "must be at least 0s"},
		{"order-retention", "167h59m59s", "must be at least 168h0m0s, or 0s for ever"},
		{"order-retention", "-1h", "is -1h0m0s and must be at least 168h0m0s"},
		{"order-retention", "90d", "unit"},
		{"movement-retention", "24h", "must be at least 168h0m0s, or 0s for ever"},
		{"ack", "disk", `"journal","database"`},
		{"ack", "", `"journal","database"`},
		{"log-level", "loud", `"debug","info","warn","error"`},
		{"log-format", "xml", `"auto","text","json"`},
		{"owner-confirm", "maybe", "true"},
		{"demo", "maybe", "true"},
	} {
		t.Run(c.option+"="+c.value, func(t *testing.T) {
			data := freshDirectory(t)
			expectRefusal(t, c.option, c.says, run(t, "serve", "--data-dir", data, "--"+c.option+"="+c.value))
			assert.NoDirExists(t, data)
			expectRefusal(t, c.option, c.says, run(t, "config", "print", "--"+c.option+"="+c.value))
			t.Setenv(environmentPrefix+strings.ToUpper(strings.ReplaceAll(c.option, "-", "_")), c.value)
			expectRefusal(t, c.option, c.says, run(t, "config", "print"))
		})
	}
}

func expectRefusal(t *testing.T, option, says string, o outcome) {
	t.Helper()
	assert.Equal(t, exitUsage, o.code)
	assert.Contains(t, o.stderr, "--"+option)
	assert.Contains(t, o.stderr, says)
	assert.Empty(t, o.stdout)
}

func TestTheEdgesOfTheBoundsAreAccepted(t *testing.T) {
	for _, argument := range []string{
		"--listen=:8080", "--listen=[::1]:0", "--listen=localhost:http", "--admin-listen=0.0.0.0:65535",
		"--journal-segment-bytes=217088", "--journal-segment-bytes=1073741824", "--journal-pending-bytes=212480",
		"--connections-max=1", "--in-flight-max=1", "--backlog-records-max=1", "--request-timeout=1ns", "--shutdown-delay=0s",
		"--rate-customer-orders=0", "--rate-address-units=1000000", "--trusted-proxies=10.0.0.0/8,::1", "--cors-origins=https://shop.example",
		"--order-retention=168h", "--movement-retention=168h", "--order-retention=0s",
	} {
		succeed(t, "config", "print", argument)
	}
}

// The bounds that are checked here are those of the journal: it accepts the least
// and not less.
func TestBoundsOfTheJournalAreItsOwn(t *testing.T) {
	open := func(segment, pending int64) error {
		j, err := journal.Open(journal.Options{Directory: freshDirectory(t), SegmentBytes: segment, PendingBytesMax: pending})
		if err == nil {
			require.NoError(t, j.Close())
		}
		return err
	}
	require.NoError(t, open(journalSegmentBytesMin, journalPendingBytesMin))
	require.Error(t, open(journalSegmentBytesMin-journalSectorBytes, journalPendingBytesMin))
	require.Error(t, open(journalSegmentBytesMin, journalPendingBytesMin-1))
	require.Error(t, open(journalSegmentBytesMax+journalSectorBytes, journalPendingBytesMin))
}

// A refusal of one option does not blame another.
func TestARefusalNamesOneOption(t *testing.T) {
	o := run(t, "config", "print", "--passwords-parallel=-1")
	assert.Equal(t, 1, strings.Count(strings.TrimSuffix(o.stderr, "Try \"holdfast --help\".\n"), "--"), o.stderr)
}

func TestTwoSigningKeysAreRefused(t *testing.T) {
	t.Setenv("HOLDFAST_SIGNING_KEY", "abc")
	for _, command := range [][]string{
		{"serve", "--data-dir", freshDirectory(t)},
		{"config", "print"},
		{"user", "seed", "--count", "1", "--tokens", "t", "--valid-for", "1h", "--data-dir", freshDirectory(t)},
	} {
		expectRefusal(t, "signing-key-file", "set one of them", run(t, append(command, "--signing-key-file", "f")...))
	}
}
