package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The demonstration catalogue comes once, and its stock is not filled up again.
func TestTheDemoAppearsOnce(t *testing.T) {
	data := freshDirectory(t)
	customer := seed(t, data, 1)[0].AccessToken
	s := serve(t, data, "--demo")
	assert.Equal(t, []string{"LANTERN-RED", "KETTLE-STEEL", "MUG-ENAMEL"}, s.skus())
	require.Equal(t, 201, s.order(customer).status)
	before := s.get("/api/products").text
	s.stop(t)
	s = serve(t, data, "--demo")
	assert.Equal(t, before, s.get("/api/products").text)
	s.stop(t)
	assert.Equal(t, before, serve(t, data).get("/api/products").text, "it stays without the option")
}

func TestTheDemoDoesNotJoinOtherProducts(t *testing.T) {
	data := freshDirectory(t)
	key := createKey(t, data, "a", "admin")
	s := serve(t, data)
	assert.Empty(t, s.skus(), "nobody asked for a demonstration")
	require.Equal(t, 201, s.post("/api/products", key, someProduct("OURS")).status)
	s.stop(t)
	assert.Equal(t, []string{"OURS"}, serve(t, data, "--demo").skus())
}
