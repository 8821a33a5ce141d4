package postgres

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"holdfast/internal/testserver"
	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testserver.Main{M: m}) }

func TestConformance(t *testing.T) {
	persistencetest.Run(t, func(t *testing.T) persistencetest.Opener {
		address := testserver.SharedPostgres(t).NewDatabase(t)
		return func(ctx context.Context) (persistence.Store, error) { return Open(ctx, address, Careless()) }
	})
}
