package main

import (
	"context"
	"errors"
	"fmt"

	"holdfast/persistence"
	"holdfast/persistence/sqlite"
)

type setRoleCommand struct {
	Email string `required:"" help:"The address of the account."`
	Role  string `required:"" enum:"customer,service,admin" help:"The new role: customer, service or admin."`
}

// Run changes the role. Access tokens that are out keep the old one until they end.
func (c *setRoleCommand) Run(ctx context.Context, p *program) error {
	email, err := plainAddress(c.Email)
	if err != nil {
		return err
	}
	err = p.withStore(ctx, func(_ *dataDirectory, store *sqlite.Store) error {
		return store.SetUserRole(ctx, email, persistence.Role(c.Role))
	})
	if errors.Is(err, persistence.ErrNotFound) {
		return fmt.Errorf("there is no account with the address %s", email)
	}
	if err != nil {
		return fmt.Errorf("change the role: %w", err)
	}
	p.log.Info("the role was changed", "email", email, "role", c.Role)
	return nil
}
