package api

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

const changedProduct = `{"sku":"LAMP-2","name":"Another lamp","category":"lamps","price":{"amount":3999,"currency":"EUR"},"safety":1}`

func ifMatch(tag string) map[string]string { return map[string]string{"If-Match": tag} }

func TestAProductIsChanged(t *testing.T) {
	s := newStand(t)
	product := "/api/products/" + s.product("LAMP-1", 12)
	change := call{method: "PUT", path: product, token: s.admin, body: changedProduct, headers: ifMatch(`"v1.s1"`)}
	got := s.do(change)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, `"v2.s1"`, got.header.Get("ETag"))
	require.Equal(t, "Another lamp", got.text("name"))
	require.Equal(t, got.json, s.do(call{method: "GET", path: product}).json)
	require.EqualValues(t, 3999, s.engine.rules[mustID(t, product)].Price.Minor, "orders pay the new price")

	require.Equal(t, 412, s.do(change).status, "the version is another one now")
	for tag, status := range map[string]int{`"v1"`: 412, `"v3"`: 412, `"v5.s1`: 400, "v5": 400, `"v5", "v6"`: 400, `W/"v5"`: 400, `"v0"`: 400} {
		change.headers = ifMatch(tag)
		require.Equal(t, status, s.do(change).status, tag)
	}
	for _, tag := range []string{`"v2"`, `"v3.s99"`, "*"} {
		change.headers = ifMatch(tag)
		require.Equal(t, 200, s.do(change).status, tag)
	}
	change.headers = nil
	require.Equal(t, "precondition_required", s.do(change).text("code"))
	change.headers = ifMatch("*")
	s.product("TAKEN", 1)
	change.body = `{"sku":"TAKEN","name":"A lamp","price":{"amount":1,"currency":"EUR"}}`
	require.Equal(t, "sku_taken", s.do(change).text("code"))
	change.body = `{"sku":"LAMP-1","name":"A lamp","price":{"amount":1,"currency":"EUR"},"stock":5}`
	require.Equal(t, []string{"#/stock"}, s.do(change).pointers(), "stock is not of the catalogue")
	change.path = "/api/products/01234567-89ab-7def-8123-456789abcdef"
	change.body = changedProduct
	require.Equal(t, 404, s.do(change).status)
}

func mustID(t *testing.T, path string) inventory.ID {
	id, err := inventory.ParseID(path[len("/api/products/"):])
	require.NoError(t, err)
	return id
}

// Of admins that change a product at once, from the same version, one is heard.
func TestOfTwoAdminsOneIsHeard(t *testing.T) {
	s := newStand(t)
	product := "/api/products/" + s.product("LAMP-1", 12)
	const admins = 8
	statuses := make([]int, admins)
	var group sync.WaitGroup
	for i := range admins {
		group.Go(func() {
			body := fmt.Sprintf(`{"sku":"LAMP-1","name":"By %d","price":{"amount":1,"currency":"EUR"}}`, i)
			statuses[i] = s.do(call{method: "PUT", path: product, token: s.admin, body: body, headers: ifMatch(`"v1"`)}).status
		})
	}
	group.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	require.Equal(t, map[int]int{200: 1, 412: admins - 1}, count)
}

func TestAProductIsDeletedAndRestored(t *testing.T) {
	s := newStand(t)
	product := "/api/products/" + s.product("LAMP-1", 12)
	order := s.order(s.customer, "one", product[len("/api/products/"):], 1)
	remove := call{method: "DELETE", path: product + "?confirm=LAMP-1", token: s.admin}
	require.Equal(t, 428, s.do(remove).status, "without If-Match")
	remove.headers = ifMatch(`"v1"`)
	for _, path := range []string{product, product + "?confirm=LAMP-2"} {
		require.Equal(t, "precondition_required", s.do(call{method: "DELETE", path: path, token: s.admin, headers: remove.headers}).text("code"))
	}
	require.Equal(t, 204, s.do(remove).status)
	require.Equal(t, 404, s.do(remove).status)
	require.Equal(t, 404, s.do(call{method: "GET", path: product}).status)
	require.Equal(t, []any{}, s.do(call{method: "GET", path: "/api/products"}).json["items"])
	require.True(t, s.engine.rules[mustID(t, product)].Deleted)
	require.Equal(t, 404, s.do(call{method: "POST", path: product + "/pause", token: s.admin}).status)
	require.Equal(t, 200, s.do(call{method: "GET", path: "/api/orders/" + order, token: s.customer}).status)

	restore := call{method: "POST", path: product + "/restore", token: s.admin}
	first := s.do(restore)
	require.Equal(t, 200, first.status)
	require.Equal(t, first.json, s.do(restore).json, "a repeat changes nothing")
	require.Equal(t, 200, s.do(call{method: "GET", path: product}).status)
	require.False(t, s.engine.rules[mustID(t, product)].Deleted)
}

func TestAProductIsPausedAndResumed(t *testing.T) {
	s := newStand(t)
	product := "/api/products/" + s.product("LAMP-1", 12)
	for _, step := range []struct {
		path   string
		paused bool
	}{{"/pause", true}, {"/pause", true}, {"/resume", false}, {"/resume", false}} {
		got := s.do(call{method: "POST", path: product + step.path, token: s.admin})
		require.Equal(t, 200, got.status)
		require.Equal(t, step.paused, got.json["paused"])
		require.Equal(t, step.paused, s.engine.rules[mustID(t, product)].Paused)
	}
	require.EqualValues(t, 3, s.do(call{method: "GET", path: product}).json["version"], "only what changes is a version")
}

// A change that the engine did not take over, or of which the database did not say whether
// it was done, comes into force as soon as that is known.
func TestAChangeComesIntoForceLater(t *testing.T) {
	s := newStand(t)
	id := s.product("LAMP-1", 12)
	pause := call{method: "POST", path: "/api/products/" + id + "/pause", token: s.admin}
	s.engine.lock.Lock()
	s.engine.rulesRefusal = inventory.Refusal{Code: inventory.CodeOverloaded, Detail: "Too much."}
	s.engine.lock.Unlock()
	require.Equal(t, "unknown_outcome", s.do(pause).text("code"))
	require.False(t, s.engine.isPaused(mustID(t, "/api/products/"+id)))
	require.Equal(t, "unknown_outcome", s.do(pause).text("code"), "it is paused in the catalogue, and still on sale")
	s.engine.lock.Lock()
	s.engine.rulesRefusal = inventory.Refusal{}
	s.engine.lock.Unlock()
	paused := func() bool { return s.engine.isPaused(mustID(t, "/api/products/"+id)) }
	settled := func(want bool) func() bool {
		return func() bool {
			s.clock.advance(settlePauseMax)
			return paused() == want
		}
	}
	require.Eventually(t, settled(true), 10*time.Second, time.Millisecond)

	s.store.afterUpdate(errors.New("the connection broke"))
	resume := call{method: "POST", path: "/api/products/" + id + "/resume", token: s.admin}
	require.Equal(t, "unknown_outcome", s.do(resume).text("code"))
	require.Eventually(t, settled(false), 10*time.Second, time.Millisecond)
}

// The repeat of a creation is answered with the product as it is now, whatever was changed
// since, also when it was deleted.
func TestACreationIsRepeatedAfterAChange(t *testing.T) {
	s := newStand(t)
	create := call{method: "POST", path: "/api/products", token: s.admin, body: fullProduct, headers: key("product")}
	made := s.do(create)
	require.Equal(t, 201, made.status)
	path := "/api/products/" + made.text("id")
	require.Equal(t, 200, s.do(call{method: "PUT", path: path, token: s.admin, body: changedProduct, headers: ifMatch("*")}).status)
	again := s.do(create)
	require.Equal(t, 201, again.status, "%s", again.body)
	require.Equal(t, made.text("id"), again.text("id"))
	require.Equal(t, "Another lamp", again.text("name"))
	require.Equal(t, 204, s.do(call{method: "DELETE", path: path + "?confirm=LAMP-2", token: s.admin, headers: ifMatch("*")}).status)
	require.Equal(t, 201, s.do(create).status)
}
