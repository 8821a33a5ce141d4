package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/identifier"
	"holdfast/internal/token"
	"holdfast/persistence"
)

const (
	// seedCountMax keeps a slip of the finger from filling the disk.
	seedCountMax = 10_000_000
	// seedChunk is how many accounts one transaction makes.
	seedChunk = 5_000
)

type seedCommand struct {
	signingKeyOptions `embed:""`

	Count    int           `required:"" help:"How many customers to make."`
	Tokens   string        `required:"" placeholder:"FILE" help:"File to write, with mode 0600: one {\"id\",\"email\",\"access_token\"} a line."`
	ValidFor time.Duration `required:"" placeholder:"DURATION" help:"How long the access tokens are valid, such as 24h."`
}

// seededCustomer is one line of the file.
type seededCustomer struct {
	ID          string `json:"id"`
	Email       string `json:"email"`
	AccessToken string `json:"access_token"`
}

// Validate refuses what makes no customers, or no valid tokens.
func (c *seedCommand) Validate() error {
	switch {
	case c.Count < 1 || c.Count > seedCountMax:
		return usagef("--count is %d and must be between 1 and %d", c.Count, seedCountMax)
	case c.ValidFor <= 0 || c.ValidFor > token.LifetimeMax:
		return usagef("--valid-for is %s and must be above 0 and at most %s, such as 24h", c.ValidFor, token.LifetimeMax)
	}
	return c.signingKeyOptions.Validate()
}

// Run makes the customers, then gives the file its name: who sees it sees all of it.
func (c *seedCommand) Run(ctx context.Context, p *program) error {
	// Nobody can make the tokens in it again.
	if _, err := os.Lstat(c.Tokens); err == nil {
		return fmt.Errorf("there is a file %s already: choose another name for --tokens, or remove it", c.Tokens)
	}
	started := p.clock.Now()
	err := p.withStore(ctx, func(directory *dataDirectory, store persistence.Store) error {
		key, err := loadSigningKey(c.signingKeyOptions, directory)
		if err != nil {
			return err
		}
		signer, err := token.NewSigner(key, p.clock)
		if err != nil {
			return err
		}
		return c.writeFile(func(encoder *json.Encoder) error { return c.seed(ctx, p, store, signer, encoder) })
	})
	if err != nil {
		return fmt.Errorf("seed customers: %w", err)
	}
	p.log.Info("customers were made", "count", c.Count, "tokens", c.Tokens,
		"duration", time.Duration(p.clock.Now()-started).Round(time.Millisecond).String())
	return nil
}

func (c *seedCommand) seed(ctx context.Context, p *program, store persistence.Store, signer *token.Signer, out *json.Encoder) error {
	users := make([]persistence.User, 0, seedChunk)
	for made := 0; made < c.Count; made += len(users) {
		users = users[:0]
		for range min(seedChunk, c.Count-made) {
			users = append(users, seedUser(p, made+len(users)+1))
		}
		if err := store.CreateUsers(ctx, users); err != nil {
			return err
		}
		for i := range users {
			// A session that is kept nowhere: it cannot be refreshed, and ends with the token.
			principal := token.Principal{ID: users[i].ID, Role: users[i].Role, Session: identifier.Unsharded(p.clock.Now()), Version: 1}
			text, err := signer.Issue(principal, c.ValidFor)
			if err != nil {
				return err
			}
			line := seededCustomer{ID: users[i].ID.String(), Email: users[i].Email, AccessToken: text}
			if err := out.Encode(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// seedUser returns an account whose address no mail can reach (RFC 2606), and
// which no other seeding makes.
func seedUser(p *program, number int) persistence.User {
	now := p.clock.Now()
	id := identifier.Unsharded(now)
	return persistence.User{ID: id, Email: id.String() + "@customers.invalid", Name: fmt.Sprintf("Customer %d", number),
		Role: persistence.RoleCustomer, CreatedAt: now}
}

// writeFile writes to a temporary neighbour of the file and renames it at the end.
func (c *seedCommand) writeFile(write func(*json.Encoder) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(c.Tokens), ".tokens-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	buffer := bufio.NewWriterSize(file, 1<<20)
	err = write(json.NewEncoder(buffer))
	if err = errors.Join(err, buffer.Flush(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), c.Tokens)
}
