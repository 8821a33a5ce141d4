package token

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

func TestCacheForgetsWhatHasEnded(t *testing.T) {
	c, who := NewCache(0), somebody()
	c.Put([]byte("credential"), who, start.Add(1))
	got, known := c.Get([]byte("credential"), start)
	require.True(t, known)
	require.Equal(t, who, got)
	_, known = c.Get([]byte("credential"), start.Add(1))
	require.False(t, known)
	_, known = c.Get([]byte("credentiam"), start)
	require.False(t, known)
}

func TestCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	const entries = 4_096
	c, used := NewCache(entries), []byte("always-used-credential")
	c.Put(used, somebody(), start.Add(inventory.Second))
	for i := range 20 * entries {
		c.Put([]byte(fmt.Sprintf("credential-%d-%d", i, i*7919)), somebody(), start.Add(inventory.Second))
		_, known := c.Get(used, start)
		require.True(t, known, i)
	}
	require.LessOrEqual(t, c.Len(), entries)
}

func TestCacheUnderParallelUse(t *testing.T) {
	c := NewCache(256)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 2_000 {
				credential := []byte(fmt.Sprintf("credential-%d", (i*31+worker)%500))
				who := Principal{ID: inventory.ID{byte((i*31 + worker) % 500), byte((i*31 + worker) % 500 >> 8)}, Role: persistence.RoleCustomer}
				if got, known := c.Get(credential, start); known && got != who {
					t.Errorf("%s belongs to another", credential)
				}
				c.Put(credential, who, start.Add(1))
			}
		})
	}
	group.Wait()
}

func benchmarkCredentials(b *testing.B, count int) (*Cache, [][]byte) {
	s, _ := newSigner(b)
	c := NewCache(0)
	credentials := make([][]byte, count)
	for i := range credentials {
		who := somebody()
		text, err := s.Issue(who, AccessLifetime)
		require.NoError(b, err)
		credentials[i] = []byte(text)
		c.Put(credentials[i], who, start.Add(inventory.Second))
	}
	return c, credentials
}

func BenchmarkCacheHit(b *testing.B) {
	for _, count := range []int{1, 10_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			c, credentials := benchmarkCredentials(b, count)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, known := c.Get(credentials[i%count], start); !known {
					b.Fatal("missed")
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	s, _ := newSigner(b)
	text, err := s.Issue(somebody(), AccessLifetime)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Verify(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	s, _ := newSigner(b)
	who := somebody()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Issue(who, AccessLifetime); err != nil {
			b.Fatal(err)
		}
	}
}
