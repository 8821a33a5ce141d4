package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/token"
	"holdfast/inventory"
)

// An origin that no browser sends would never match, and nobody would be told why.
func TestOriginsAreAsBrowsersSendThem(t *testing.T) {
	for _, good := range []string{"https://shop.example", "http://127.0.0.1:8080", "http://[::1]:8080", "https://xn--bcher-kva.example", "https://shop.example:8443"} {
		require.NoError(t, CheckOrigin(good), good)
	}
	for _, bad := range []string{"", "*", "null", "shop.example", "ftp://shop.example", "https://", "https://shop.example/", "https://shop.example:443",
		"http://shop.example:80", "https://Shop.Example", "https://*.example", "https://shop.example:", "https://bücher.example",
		"https://shop.example:99999", "https://shop.example:0", "https://shop.example:0443", "https://a,b", "https://user@shop.example"} {
		require.Error(t, CheckOrigin(bad), bad)
	}
}

// What one user takes and uses keeps nobody else from a ticket.
func TestUsedTicketsCountAsTaken(t *testing.T) {
	all := newTickets()
	taken := 0
	for ; ; taken++ {
		text, found := all.issue(token.Principal{ID: inventory.ID{1}}, 0, 1)
		if found != roomLeft {
			require.Equal(t, roomFullForOne, found)
			break
		}
		_, opens := all.redeem([]byte(text), 1)
		require.True(t, opens)
	}
	require.Equal(t, ticketsPerUserMax, taken)
	_, found := all.issue(token.Principal{ID: inventory.ID{2}}, 0, 1)
	require.Equal(t, roomLeft, found)
}
