package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"holdfast/internal/identifier"
	"holdfast/internal/token"
	"holdfast/persistence"
	"holdfast/persistence/sqlite"
)

// nameBytesMax bounds the name of an account or a key.
const nameBytesMax = 200

type createKeyCommand struct {
	Name string `required:"" help:"What the key is for. Names are unique."`
	Role string `required:"" enum:"service,admin" help:"What the key may do: service (payment and shipping systems) or admin."`
}

// Run prints the key, and nothing else, on stdout.
func (c *createKeyCommand) Run(ctx context.Context, p *program) error {
	name, err := plainName(c.Name)
	if err != nil {
		return err
	}
	text, hash := token.NewKey()
	err = p.withStore(ctx, func(_ *dataDirectory, store *sqlite.Store) error {
		now := p.clock.Now()
		return store.CreateAPIKey(ctx, persistence.APIKey{ID: identifier.Unsharded(now), Name: name,
			Role: persistence.Role(c.Role), Hash: hash, CreatedAt: now})
	})
	if errors.Is(err, persistence.ErrExists) {
		return fmt.Errorf("there is an API key named %q: choose another name", name)
	}
	if err != nil {
		return fmt.Errorf("make an API key: %w", err)
	}
	_, err = fmt.Fprintln(p.stdout, text)
	return err
}

// plainName returns a name without the spaces around it, when it is one line.
func plainName(text string) (string, error) {
	name := strings.TrimSpace(text)
	if name == "" || len(name) > nameBytesMax || strings.ContainsFunc(name, isControl) {
		return "", usagef("--name must be one line of 1 to %d bytes", nameBytesMax)
	}
	return name, nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }
