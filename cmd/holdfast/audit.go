package main

import (
	"context"
	"fmt"

	"holdfast/persistence"
)

type auditVerifyCommand struct{}

// Run reads all of the audit log.
func (c *auditVerifyCommand) Run(ctx context.Context, p *program) error {
	return p.withStore(ctx, func(_ *dataDirectory, store persistence.Store) error {
		entries, err := persistence.VerifyAudit(ctx, store)
		if err != nil {
			return fmt.Errorf("verify the audit log: %w", err)
		}
		_, err = fmt.Fprintf(p.stdout, "The audit log has %d entries, and all of them are as they were written.\n", entries)
		return err
	})
}
