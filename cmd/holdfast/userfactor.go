package main

import (
	"context"
	"errors"

	"holdfast/persistence"
)

type removeFactorCommand struct {
	Email string `required:"" help:"The address of the account."`
}

// errNoFactor is why there is nothing to remove.
var errNoFactor = errors.New("it has no second factor")

// Run removes the second factor, and ends the sessions and access tokens of the account.
func (c *removeFactorCommand) Run(ctx context.Context, p *program) error {
	err := p.changeUser(ctx, c.Email, func(*persistence.User) persistence.AuditEntry {
		return persistence.AuditEntry{Action: persistence.AuditFactorOff}
	}, func(user *persistence.User) error {
		if !user.Factor.Active {
			return errNoFactor
		}
		user.Factor = persistence.SecondFactor{}
		user.Version++
		return nil
	})
	if err == nil {
		p.log.Info("the second factor was removed", "email", c.Email)
	}
	return err
}
