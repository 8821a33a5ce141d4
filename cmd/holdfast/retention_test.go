package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/internal/identifier"
	"holdfast/persistence"
)

// A server deletes what is too old while nobody asks for anything, and says so. What was
// deleted does not come back by another import, which would sell it a second time.
func TestWhatIsTooOldIsDeleted(t *testing.T) {
	data := freshDirectory(t)
	o, _ := importing(t, data, "sku,name,price,purchase_limit\nLA,Lamp,1,\nCU,Cup,1,1\n")
	require.Equal(t, exitOK, o.code, o.stderr)
	text := historyHeader + "1,LA,LAMP,2,2010-12-01 08:26:00,1.50,17850,UK\n" + "C2,LA,LAMP,-1,2010-12-02 08:26:00,1.50,17850,UK\n" +
		"3,LA,LAMP,1,2010-12-03 08:26:00,1.50,99,UK\n" + "4,CU,CUP,1,2010-12-03 08:26:00,1.50,99,UK\n"
	o, _ = importingOrders(t, data, text)
	require.Equal(t, 3, counted(t, o, "orders recorded"))

	s := serve(t, data, "--order-retention=168h", "--movement-retention=168h")
	admin := tokenOf(t, data, identifier.Derived("nobody", ""), persistence.RoleAdmin)
	require.Eventually(t, func() bool {
		metrics := site{t: t, url: s.admin}.get("/metrics").text
		return strings.Contains(metrics, "inventory_purged_orders_total 2\n") && strings.Contains(metrics, "inventory_purged_movements_total ") &&
			!strings.Contains(metrics, "inventory_purged_movements_total 0\n")
	}, patience, 10*time.Millisecond)
	left := s.do(call{method: "GET", path: "/api/orders", token: admin}).body["items"].([]any)
	require.Len(t, left, 1, "the one that counts towards a limit")
	s.stop(t)

	again, report := importingOrders(t, data, text)
	assert.Zero(t, counted(t, again, "orders recorded")+counted(t, again, "returns recorded"))
	assert.Equal(t, 1, counted(t, again, "orders that were there"))
	assert.Contains(t, report, `2,refused,"invoice 1: orders from before `)
	assert.Contains(t, report, `4,refused,"invoice 3: orders from before `)
}
