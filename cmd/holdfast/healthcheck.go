package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

type healthcheckCommand struct {
	listenOption `embed:""`
	tlsOptions   `embed:""`

	Timeout time.Duration `default:"3s" help:"How long to wait for the answer."`
	URL     string        `name:"url" placeholder:"URL" help:"What to ask; by default /readyz of the server that --listen describes."`
}

// answerBytesMax bounds what is shown of an answer.
const answerBytesMax = 1024

// Validate refuses what cannot be asked.
func (c *healthcheckCommand) Validate() error {
	if c.Timeout <= 0 {
		return usagef("--timeout is %s and must be above 0, such as 3s", c.Timeout)
	}
	return errors.Join(c.listenOption.Validate(), c.tlsOptions.Validate())
}

// client asks the server itself: no proxy, and no other place that an answer points to. With
// TLS the server must have the certificate of the options: of another address than the
// certificate's, which the one to listen on may be, all the same.
func (c *healthcheckCommand) client(dataDirectory string) (*http.Client, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	if path := c.certificateIn(dataDirectory); path != "" && c.URL == "" {
		trust, err := trustIn(path)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = trust
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// Run succeeds when the server answers 2xx.
func (c *healthcheckCommand) Run(ctx context.Context, p *program) error {
	client, err := c.client(p.options.DataDir)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	address := c.URL
	if address == "" {
		host, err := reachable(c.Listen)
		if err != nil {
			return err
		}
		address = c.scheme() + "://" + host + "/readyz"
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return usagef("--url: %v", err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax)) // what came is shown
		return fmt.Errorf("%s answered %s: %s", address, answer.Status, strings.TrimSpace(string(text)))
	}
	return nil
}

// reachable turns an address to listen on into one to connect to: a server on all
// addresses of the machine is on loopback too.
func reachable(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", usagef("--listen: %v", err)
	}
	if port == "0" {
		return "", usagef("--listen is %q, a port that the server chooses: name the port that it listens on", listen)
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return net.JoinHostPort(host, port), nil
}
