package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// now is when the certificates of a test are made.
const certificateNow = inventory.Instant(1_800_000_000) * inventory.Second

// newCertificate writes a certificate of its own and returns its file and its number.
func newCertificate(t *testing.T, folder string, at inventory.Instant) (path, serial string) {
	t.Helper()
	path = filepath.Join(folder, "tls.pem")
	require.NoError(t, os.RemoveAll(path))
	require.NoError(t, ensureSelfSigned(path, at))
	return path, serialOf(t, path)
}

func serialOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return leaf.SerialNumber.String()
}

// A certificate that is replaced is taken over within a second, without a restart; one that
// cannot be read leaves the one before, is complained about once, and is taken over once it
// can be.
func TestACertificateIsReplaced(t *testing.T) {
	hand := clock.NewManual(certificateNow)
	path, first := newCertificate(t, t.TempDir(), hand.Now())
	options := &tlsOptions{TLSCertificateFile: path, TLSKeyFile: path}
	var log bytes.Buffer
	config, err := options.tlsConfig(nil, hand, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	shown := func() string {
		pair, err := config.GetCertificate(nil)
		require.NoError(t, err)
		return pair.Leaf.SerialNumber.String()
	}
	require.Equal(t, first, shown())

	_, second := newCertificate(t, filepath.Dir(path), hand.Now())
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(path, later, later))
	require.Equal(t, first, shown(), "it is not looked at for every connection")
	hand.Advance(time.Second)
	require.Equal(t, second, shown())
	require.Contains(t, log.String(), "the certificate was replaced")

	require.NoError(t, os.WriteFile(path, []byte("garbage"), 0o600))
	for range 3 {
		hand.Advance(time.Second)
		require.Equal(t, second, shown())
	}
	require.NoError(t, os.Remove(path))
	for range 3 {
		hand.Advance(time.Second)
		require.Equal(t, second, shown())
	}
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("cannot be used")), log.String())
	_, third := newCertificate(t, filepath.Dir(path), hand.Now())
	hand.Advance(time.Second)
	require.Equal(t, third, shown())
}

func TestCertificatesThatAreRefused(t *testing.T) {
	hand := clock.NewManual(certificateNow)
	path, _ := newCertificate(t, t.TempDir(), hand.Now())
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for expected, options := range map[string]*tlsOptions{
		"missing.pem":        {TLSCertificateFile: missing, TLSKeyFile: path},
		"its key " + missing: {TLSCertificateFile: path, TLSKeyFile: missing},
	} {
		_, err := options.tlsConfig(nil, hand, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, filepath.Base(expected))
	}
	hand.Advance(selfSignedLifetime + time.Hour)
	_, err := (&tlsOptions{TLSCertificateFile: path, TLSKeyFile: path}).tlsConfig(nil, hand, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "has ended on")

	require.ErrorContains(t, (&tlsOptions{TLSCertificateFile: path}).Validate(), "set both")
	require.ErrorContains(t, (&tlsOptions{TLSKeyFile: path}).Validate(), "set both")
	require.ErrorContains(t, (&tlsOptions{TLSCertificateFile: path, TLSKeyFile: path, TLSSelfSigned: true}).Validate(), "one of the two")
}

// The certificate that the program makes is kept, is private, and is made again before it
// ends.
func TestASelfSignedCertificate(t *testing.T) {
	path, first := newCertificate(t, t.TempDir(), certificateNow)
	information, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, information.Mode().Perm())
	require.NoError(t, ensureSelfSigned(path, certificateNow.Add(instantOf(selfSignedLifetime-selfSignedRest-2*time.Hour))))
	require.Equal(t, first, serialOf(t, path))
	require.NoError(t, ensureSelfSigned(path, certificateNow.Add(instantOf(selfSignedLifetime-selfSignedRest+time.Hour))))
	require.NotEqual(t, first, serialOf(t, path))
	require.NoError(t, os.WriteFile(path, []byte("garbage"), 0o600))
	require.ErrorContains(t, ensureSelfSigned(path, certificateNow), "remove "+path)
}

func instantOf(d time.Duration) inventory.Instant { return inventory.Instant(d / time.Nanosecond) }

// A server with a certificate of its own is asked by TLS, by its health check too, which
// believes no other certificate.
func TestServingWithTLS(t *testing.T) {
	data := freshDirectory(t)
	t.Setenv("HOLDFAST_TLS_SELF_SIGNED", "true")
	address := freeAddress(t)
	_, served := launchServer(t, data, "--listen", address)
	_ = served
	trust, err := trustIn(selfSignedIn(data))
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("https://" + address + "/api/products")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, 200, answer.StatusCode)
	require.Empty(t, answer.Header.Get("Strict-Transport-Security"), "a certificate that nobody trusts must not be made a must")

	require.NoError(t, (&healthcheckCommand{listenOption: listenOption{Listen: address}, tlsOptions: tlsOptions{TLSSelfSigned: true},
		Timeout: 3 * time.Second}).Run(context.Background(), &program{options: &globalOptions{DataDir: data}}))
	stranger := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Dir(selfSignedIn(stranger)), 0o700))
	require.NoError(t, ensureSelfSigned(selfSignedIn(stranger), inventory.Instant(time.Now().UnixNano())))
	err = (&healthcheckCommand{listenOption: listenOption{Listen: address}, tlsOptions: tlsOptions{TLSSelfSigned: true},
		Timeout: 3 * time.Second}).Run(context.Background(), &program{options: &globalOptions{DataDir: stranger}})
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
	_, err = tls.Dial("tcp", address, &tls.Config{MinVersion: tls.VersionTLS12})
	require.ErrorAs(t, err, &unknown)
}
