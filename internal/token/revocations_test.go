package token

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/identifier"
	"holdfast/inventory"
)

func TestAnEndedSessionIsRevokedWhileItsTokensWouldBeGood(t *testing.T) {
	r, one, other := NewRevocations(), somebody(), somebody()
	require.False(t, r.Has(one))
	type ended struct {
		who Principal
		at  inventory.Instant
	}
	all := []ended{{one, start}}
	r.EndSession(one.Session, start)
	for at := start; at <= start+3*sessionLifetime; at += sessionLifetime / 50 {
		require.False(t, r.Has(other))
		for _, each := range all {
			if at <= each.at+sessionLifetime {
				require.True(t, r.Has(each.who), "%d after %d", at-start, each.at-start)
			}
		}
		next := ended{somebody(), at}
		r.EndSession(next.who.Session, at)
		all = append(all, next)
	}
	// As long again, and it is forgotten: its last token has ended.
	for n := range inventory.Instant(3) {
		r.EndSession(identifier.Unsharded(start), start+(n+5)*(sessionLifetime+1))
	}
	require.False(t, r.Has(one))
	require.LessOrEqual(t, len(r.young)+len(r.old), 2)
}

func TestOlderVersionsOfAnAccountAreRevoked(t *testing.T) {
	r, one, other := NewRevocations(), somebody(), somebody()
	one.Version = 3
	r.EndVersions(one.ID, 3, start)
	require.False(t, r.Has(one))
	r.EndVersions(one.ID, 4, start)
	require.True(t, r.Has(one))
	r.EndVersions(one.ID, 2, start)
	require.True(t, r.Has(one), "an older change is heard of later")
	one.Version = 4
	require.False(t, r.Has(one))
	require.False(t, r.Has(other))
	machine := Principal{ID: one.ID, Role: one.Role}
	require.False(t, r.Has(machine))
}

// Whatever many accounts are changed: those are kept whose older tokens may be out.
func TestRevokedAccountsAreForgotten(t *testing.T) {
	r := NewRevocations()
	_, longest := RevokedSince(0)
	for n := range 10_000 {
		who := somebody()
		at := start + inventory.Instant(n)*(-longest/100)
		r.EndVersions(who.ID, 2, at)
		require.True(t, r.Has(who))
	}
	require.LessOrEqual(t, len(r.accounts), 2*101+2)
}

// What is revoked is refused from then on, however many ask at that moment.
func TestRevocationsUnderParallelUse(t *testing.T) {
	r := NewRevocations()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for n := range 2_000 {
				who := somebody()
				if n%2 == 0 {
					r.EndSession(who.Session, start+inventory.Instant(n))
				} else {
					r.EndVersions(who.ID, 2, start+inventory.Instant(n))
				}
				if !r.Has(who) {
					t.Error("it is not revoked")
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkRevocations(b *testing.B) {
	r := NewRevocations()
	for range 10_000 {
		r.EndSession(identifier.Unsharded(start), start)
		r.EndVersions(identifier.Unsharded(start), 2, start)
	}
	who := make([]Principal, 1024)
	for i := range who {
		who[i] = somebody()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if r.Has(who[i%len(who)]) {
			b.Fatal("revoked")
		}
	}
}
