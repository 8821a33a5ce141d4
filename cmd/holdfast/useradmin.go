package main

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"holdfast/internal/identifier"
	"holdfast/internal/password"
	"holdfast/persistence"
)

// emailBytesMax is the longest address that mail can be sent to (RFC 5321).
const emailBytesMax = 254

type createAdminCommand struct {
	Email         string `required:"" help:"The address to log in with."`
	Name          string `default:"Administrator" help:"The person's name."`
	PasswordStdin bool   `help:"Read the password from the first line of stdin instead of asking for it."`
}

// Run makes the account.
func (c *createAdminCommand) Run(ctx context.Context, p *program) error {
	email, err := plainAddress(c.Email)
	if err != nil {
		return err
	}
	name, err := plainName(c.Name)
	if err != nil {
		return err
	}
	err = p.withStore(ctx, func(_ *dataDirectory, store persistence.Store) error {
		return c.create(ctx, p, store, name, email)
	})
	if errors.Is(err, persistence.ErrExists) {
		return fmt.Errorf("there is an account with the address %s: use \"holdfast user set-role\"", email)
	}
	if err != nil {
		return fmt.Errorf("make the account: %w", err)
	}
	p.log.Info("an administrator was made", "email", email)
	return nil
}

// create asks for the password only once nothing else stands in the way.
func (c *createAdminCommand) create(ctx context.Context, p *program, store persistence.Store, name, email string) error {
	switch _, err := store.UserByEmail(ctx, email); {
	case err == nil:
		return persistence.ErrExists
	case !errors.Is(err, persistence.ErrNotFound):
		return err
	}
	secret, err := p.readPassword(ctx, c.PasswordStdin)
	if err != nil {
		return err
	}
	if reason := password.Check(secret, name, email); reason != "" {
		return usagef("%s", reason)
	}
	hash, err := password.NewHasher(1).Hash(ctx, secret)
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	now := p.clock.Now()
	id := identifier.Unsharded(now)
	if err := store.CreateUsers(ctx, []persistence.User{{ID: id, Email: email, Name: name,
		Role: persistence.RoleAdmin, PasswordHash: hash, CreatedAt: now}}); err != nil {
		return err
	}
	return store.AppendAudit(ctx, persistence.AuditEntry{At: now, Action: persistence.AuditUserChange, Subject: id.String(), Detail: "made, role admin", Address: byCommand})
}

// plainAddress returns an address in lower case, when it is a plain one.
func plainAddress(text string) (string, error) {
	text = strings.TrimSpace(text)
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != text || len(text) > emailBytesMax {
		return "", usagef("--email must be a plain email address of at most %d bytes", emailBytesMax)
	}
	return strings.ToLower(text), nil
}
