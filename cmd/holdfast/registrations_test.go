package main

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Of fifty registrations of one address at once, one makes the account. The others are told
// that it is taken, or to come back, when too many passwords wait to be hashed.
func TestRow4RegistrationsOfOneAddressAtOnce(t *testing.T) {
	s := serve(t, freshDirectory(t))
	const callers = 50
	statuses := make(chan int, callers)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			r, err := s.send(client, call{method: "POST", path: "/api/register",
				body: `{"email":"ada@example.com","password":"` + lanternPassword + `","name":"Ada"}`})
			if err != nil {
				r.status = 0
			}
			statuses <- r.status
		})
	}
	group.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	require.Equal(t, 1, count[201], count)
	require.Equal(t, callers-1, count[409]+count[503], count)
	role, _ := s.login("ada@example.com", lanternPassword)
	require.Equal(t, "customer", role)
	s.stop(t)
}
