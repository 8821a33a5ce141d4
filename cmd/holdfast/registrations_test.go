package main

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Of fifty registrations of one address at once, one makes the account, and the others are
// told that it is taken.
func TestRow4RegistrationsOfOneAddressAtOnce(t *testing.T) {
	s := serve(t, freshDirectory(t))
	const callers = 50
	statuses := make(chan int, callers)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for {
				r, err := s.send(client, call{method: "POST", path: "/api/register",
					body: `{"email":"ada@example.com","password":"` + lanternPassword + `","name":"Ada"}`})
				if err == nil && r.status == 503 {
					continue // passwords are hashed a few at a time
				}
				if err != nil {
					r.status = 0
				}
				statuses <- r.status
				return
			}
		})
	}
	group.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	require.Equal(t, map[int]int{201: 1, 409: callers - 1}, count)
	role, _ := s.login("ada@example.com", lanternPassword)
	require.Equal(t, "customer", role)
	s.stop(t)
}
