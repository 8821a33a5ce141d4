package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashPathVariable); path != "" {
		projectUntilKilled(path)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	persistencetest.Run(t, func(t *testing.T) persistencetest.Opener {
		path := filepath.Join(t.TempDir(), "holdfast.db")
		return func(ctx context.Context) (persistence.Store, error) { return Open(ctx, path) }
	})
}
