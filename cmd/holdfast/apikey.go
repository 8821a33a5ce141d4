package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"holdfast/internal/identifier"
	"holdfast/internal/token"
	"holdfast/persistence"
)

// nameBytesMax bounds the name of an account or a key.
const nameBytesMax = 200

// byCommand is where an entry of the audit log came from that a command has made.
const byCommand = "command line"

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
	err = p.withStore(ctx, func(_ *dataDirectory, store persistence.Store) error {
		now := p.clock.Now()
		id := identifier.Unsharded(now)
		return store.CreateAPIKey(ctx, persistence.APIKey{ID: id, Name: name,
			Role: persistence.Role(c.Role), Hash: hash, CreatedAt: now},
			persistence.AuditEntry{At: now, Action: persistence.AuditKeyCreate, Subject: id.String(), Detail: name + ", role " + c.Role, Address: byCommand})
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

type listKeysCommand struct{}

// Run lists the keys, and nothing of what they are.
func (c *listKeysCommand) Run(ctx context.Context, p *program) error {
	return p.withStore(ctx, func(_ *dataDirectory, store persistence.Store) error {
		keys, err := store.APIKeys(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "name\trole\tcreated at\tid")
		for i := range keys {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", keys[i].Name, keys[i].Role, instantText(keys[i].CreatedAt), keys[i].ID)
		}
		return table.Flush()
	})
}

type revokeKeyCommand struct {
	Name string `required:"" help:"The name of the key."`
}

// Run deletes the key.
func (c *revokeKeyCommand) Run(ctx context.Context, p *program) error {
	return p.withStore(ctx, func(_ *dataDirectory, store persistence.Store) error {
		keys, err := store.APIKeys(ctx)
		if err != nil {
			return err
		}
		for i := range keys {
			if keys[i].Name == c.Name {
				return store.DeleteAPIKey(ctx, keys[i].ID, persistence.AuditEntry{At: p.clock.Now(), Action: persistence.AuditKeyDelete,
					Subject: keys[i].ID.String(), Detail: c.Name, Address: byCommand})
			}
		}
		return fmt.Errorf("there is no API key named %q", c.Name)
	})
}
