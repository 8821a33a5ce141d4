package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// tlsOptions say with which certificate the API is served; with none it is served without
// TLS, which is for this machine alone, or for behind a proxy that has it.
type tlsOptions struct {
	TLSCertificateFile string `name:"tls-certificate-file" env:"HOLDFAST_TLS_CERTIFICATE_FILE" placeholder:"FILE" help:"Certificate of the API in PEM, with those between it and a root after it. The file may be replaced at any time, as its key may."`
	TLSKeyFile         string `name:"tls-key-file" env:"HOLDFAST_TLS_KEY_FILE" placeholder:"FILE" help:"Its private key in PEM."`
	TLSSelfSigned      bool   `name:"tls-self-signed" env:"HOLDFAST_TLS_SELF_SIGNED" help:"Serve the API with a certificate of its own, keys/tls.pem of the data directory, that nobody trusts unless told to: to try things out."`
}

// Validate refuses half a certificate.
func (o *tlsOptions) Validate() error {
	switch {
	case (o.TLSCertificateFile == "") != (o.TLSKeyFile == ""):
		return usagef("HOLDFAST_TLS_CERTIFICATE_FILE and HOLDFAST_TLS_KEY_FILE go together: set both")
	case o.TLSSelfSigned && o.TLSCertificateFile != "":
		return usagef("HOLDFAST_TLS_SELF_SIGNED makes a certificate, and HOLDFAST_TLS_CERTIFICATE_FILE names one: set one of the two")
	}
	return nil
}

// encrypts reports whether the API is served with TLS.
func (o *tlsOptions) encrypts() bool { return o.TLSSelfSigned || o.TLSCertificateFile != "" }

// scheme is that of the addresses of the API.
func (o *tlsOptions) scheme() string {
	if o.encrypts() {
		return "https"
	}
	return "http"
}

// certificateIn is the file of the certificate, or empty.
func (o *tlsOptions) certificateIn(dataDirectory string) string {
	if o.TLSSelfSigned {
		return selfSignedIn(dataDirectory)
	}
	return o.TLSCertificateFile
}

// trustingCurl is what curl has to be told to trust the certificate, with a space before it.
func (o *tlsOptions) trustingCurl(directory *dataDirectory) string {
	if !o.TLSSelfSigned {
		return ""
	}
	return " --cacert " + directory.selfSigned()
}

// certificateLook is how often, at most, the files of a certificate are looked at.
const certificateLook = inventory.Second

// certificate is that of the API. When its files are replaced, connections from then on get
// the new one; while they cannot be read, they get the one before.
type certificate struct {
	certificateFile, keyFile string
	clock                    clock.Clock
	log                      *slog.Logger

	mutex   sync.Mutex
	current *tls.Certificate
	looked  inventory.Instant
	// stamps are those of the files that current is from, or of the last that were refused.
	stamps [2]fileStamp
	// failed says that the last look failed, and that it was said.
	failed bool
}

// fileStamp tells that a file was replaced.
type fileStamp struct {
	at   time.Time
	size int64
}

// tlsConfig returns how the API is encrypted, or nil for not at all.
func (o *tlsOptions) tlsConfig(directory *dataDirectory, clock clock.Clock, log *slog.Logger) (*tls.Config, error) {
	if !o.encrypts() {
		return nil, nil
	}
	c := &certificate{certificateFile: o.TLSCertificateFile, keyFile: o.TLSKeyFile, clock: clock, log: log}
	if o.TLSSelfSigned {
		c.certificateFile, c.keyFile = directory.selfSigned(), directory.selfSigned()
		if err := ensureSelfSigned(c.keyFile, clock.Now()); err != nil {
			return nil, fmt.Errorf("make a certificate: %w", err)
		}
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.get}, nil
}

// get is called for every connection.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if now := c.clock.Now(); now >= c.looked.Add(certificateLook) {
		c.looked = now
		c.renew()
	}
	return c.current, nil
}

// renew takes over files that were replaced.
func (c *certificate) renew() {
	stamps, err := c.stampsNow()
	if err == nil && stamps == c.stamps {
		return
	}
	if err == nil {
		c.stamps = stamps
		err = c.load()
	}
	said := c.failed
	c.failed = err != nil
	if err != nil {
		if !said {
			c.log.Error("the new certificate cannot be used; connections get the one before", "error", err)
		}
		return
	}
	c.log.Info("the certificate was replaced", "file", c.certificateFile, "ends", c.current.Leaf.NotAfter)
}

func (c *certificate) stampsNow() (stamps [2]fileStamp, err error) {
	for i, path := range []string{c.certificateFile, c.keyFile} {
		information, err := os.Stat(path)
		if err != nil {
			return stamps, err
		}
		stamps[i] = fileStamp{at: information.ModTime(), size: information.Size()}
	}
	return stamps, nil
}

// load reads the files.
func (c *certificate) load() error {
	stamps, err := c.stampsNow()
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certificateFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read the certificate %s and its key %s: %w", c.certificateFile, c.keyFile, err)
	}
	now := time.Unix(0, int64(c.clock.Now()))
	if pair.Leaf.NotAfter.Before(now) {
		return fmt.Errorf("the certificate %s has ended on %s: get another one", c.certificateFile, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	c.current, c.stamps = &pair, stamps
	return nil
}

const (
	// selfSignedLifetime is what browsers take at most, selfSignedRest what must be left of
	// it for one to be used again.
	selfSignedLifetime = 397 * 24 * time.Hour
	selfSignedRest     = 30 * 24 * time.Hour
)

// ensureSelfSigned makes a certificate for this machine, in one file with its key, unless
// there is one that lasts.
func ensureSelfSigned(path string, instant inventory.Instant) error {
	now := time.Unix(0, int64(instant))
	if pair, err := tls.LoadX509KeyPair(path, path); err == nil && pair.Leaf.NotAfter.After(now.Add(selfSignedRest)) {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; remove %s, and another one is made", err, path)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Holdfast on this machine"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfSignedLifetime), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}}
	if name, err := os.Hostname(); err == nil && name != "" {
		template.DNSNames = append(template.DNSNames, name)
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePrivate(path, append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...))
}

// trustIn returns how to ask a server with the certificate of a file, whatever address it
// is asked at: it must have this very certificate, or one that this one has signed.
func trustIn(path string) (*tls.Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(text)
	for block != nil && block.Type != "CERTIFICATE" { // a key may stand before it
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, fmt.Errorf("%s has no certificate in PEM", path)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the certificate %s: %w", path, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	switch {
	case len(leaf.DNSNames) > 0:
		config.ServerName = leaf.DNSNames[0]
	case len(leaf.IPAddresses) > 0:
		config.ServerName = leaf.IPAddresses[0].String()
	}
	return config, nil
}

// selfSignedIn is where a data directory has the certificate that the program has made.
func selfSignedIn(dataDirectory string) string {
	return filepath.Join(dataDirectory, "keys", "tls.pem")
}
