package main

import (
	"context"
	"errors"
	"fmt"

	"holdfast/persistence"
)

type setRoleCommand struct {
	Email string `required:"" help:"The address of the account."`
	Role  string `required:"" enum:"customer,service,admin" help:"The new role: customer, service or admin."`
}

// Run changes the role, and ends the sessions and access tokens of the account.
func (c *setRoleCommand) Run(ctx context.Context, p *program) error {
	err := p.changeUser(ctx, c.Email, func(user *persistence.User) persistence.AuditEntry {
		return persistence.AuditEntry{Action: persistence.AuditUserChange, Detail: "role " + string(user.Role) + " to " + c.Role}
	}, func(user *persistence.User) error {
		user.Role = persistence.Role(c.Role)
		user.Version++
		return nil
	})
	if err == nil {
		p.log.Info("the role was changed", "email", c.Email, "role", c.Role)
	}
	return err
}

// changeUser changes the account with an address, as a command does. entryOf says what goes
// on record, from the account as it was.
func (p *program) changeUser(ctx context.Context, address string, entryOf func(*persistence.User) persistence.AuditEntry,
	edit func(*persistence.User) error) error {
	email, err := plainAddress(address)
	if err != nil {
		return err
	}
	err = p.withStore(ctx, func(_ *dataDirectory, store persistence.Store) error {
		user, err := store.UserByEmail(ctx, email)
		if err != nil {
			return err
		}
		entry := entryOf(&user)
		entry.At, entry.Subject, entry.Address = p.clock.Now(), user.ID.String(), byCommand
		_, _, err = store.ChangeUser(ctx, user.ID, persistence.UserChange{At: entry.At, Edit: edit, Audit: &entry})
		return err
	})
	if errors.Is(err, persistence.ErrNotFound) {
		return fmt.Errorf("there is no account with the address %s", email)
	}
	if err != nil {
		return fmt.Errorf("change the account %s: %w", email, err)
	}
	return nil
}
