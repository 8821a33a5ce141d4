package api

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README lists every route, with who may call it and what it does, and no
// other.
func TestReadmeListsTheRoutes(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	callers := map[access]string{anyone: "anyone", users: "user", admins: "admin",
		users | services: "user, service", services | admins: "service, admin"}
	var table strings.Builder
	for _, row := range routeTable() {
		require.NotEmpty(t, callers[row.who], row.path)
		fmt.Fprintf(&table, "| %s `%s` | %s | %s |\n", row.method, row.path, callers[row.who], row.summary)
	}
	require.Contains(t, string(readme), "| method, path | who | what |\n|---|---|---|\n"+table.String()+"\n",
		"put this table into README.md:\n%s", table.String())
}
