package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	// boardBytesMax and consoleBytesMax bound what a browser is sent until a page is whole.
	boardBytesMax, consoleBytesMax = 60 << 10, 110 << 10
	hostileName                    = `<img src=x onerror="window.broken=1">`
)

// sell makes a product with units and the other members in JSON, and returns its ID.
func (s site) sell(key, sku, name string, stock int, more string) string {
	s.t.Helper()
	made := s.post("/api/products", key, fmt.Sprintf(`{"sku":%q,"name":%q,"description":"","category":"test","price":{"amount":1999,"currency":"EUR"},"stock":%d%s}`, sku, name, stock, more))
	require.Equal(s.t, 201, made.status, made.text)
	return made.id()
}

// tileOf is an expression for the tile of a product.
func tileOf(name string) string {
	return "[...document.querySelectorAll('.tile')].find(one => one.querySelector('.name').textContent === " + quoted(name) + ")"
}

// register makes an account on the page.
func (p *tab) register(email string) {
	p.t.Helper()
	p.click("#to-register")
	p.fill("#register [name=name]", "Ada")
	p.fill("#register [name=email]", email)
	p.fill("#register [name=password]", lanternPassword)
	p.click("#register button")
}

// buy buys units on the board.
func (p *tab) buy(name string, quantity int) {
	p.t.Helper()
	p.await(tileOf(name) + ".querySelector('.buy button:enabled')")
	p.run(fmt.Sprintf(`const form = %s.querySelector('.buy'); form.querySelector('.quantity').value = %d; form.requestSubmit()`, tileOf(name), quantity))
}

// A customer makes an account, buys, sees the hold run down by the server's clock, and
// confirms; gives another order back; and is told why a third was not taken. Names of
// products run nothing, no other host is asked, and a load is small.
func TestAShopperBuysInABrowser(t *testing.T) {
	data := freshDirectory(t)
	key := createKey(t, data, "a", "admin")
	s := serve(t, data)
	s.sell(key, "LAMP", "Brass lamp", 3, `,"hold_seconds":120`)
	s.sell(key, "MUG", "Enamel mug", 1, "")
	s.sell(key, "HOSTILE", hostileName, 7, "")
	s.sell(key, "LATER", "Late tent", 5, `,"sale":{"starts_at":"2099-01-01T00:00:00Z"}`)
	p := newTab(t, openBrowser(t), s.url)

	p.open("/")
	p.awaitText("#light-text", "Live")
	require.Less(t, p.transferred(), boardBytesMax)
	require.Equal(t, "7", value[string](p, tileOf(hostileName)+".querySelector('.free').textContent"))
	p.await(tileOf("Late tent") + ".querySelector('.when').textContent.startsWith('Starts in ')")
	p.run("location.assign(" + tileOf("Brass lamp") + ".querySelector('.act a').href)")
	p.await("document.querySelector('#to-register')")
	p.register("ada@example.com")

	p.await("location.pathname === '/' && document.querySelector('#who').textContent === 'Ada'")
	p.buy("Brass lamp", 2)
	p.await("/2 × Brass lamp/.test(document.querySelector('.order-what').textContent)")
	p.await(tileOf("Brass lamp") + ".querySelector('.held').textContent === '2 held'")
	p.await("/^1:5\\d$/.test(document.querySelector('.order-time').textContent)")
	left := p.text(".order-time")
	p.await("document.querySelector('.order-time').textContent < " + quoted(left))
	p.click(".order .extend")
	p.await("/^3:/.test(document.querySelector('.order-time').textContent)")
	p.picture("board-buying")
	p.click(".order .confirm")
	p.awaitText(".order-says", "Confirmed")
	p.await(tileOf("Brass lamp") + ".querySelector('.free').textContent === '1'")

	p.buy("Enamel mug", 1)
	p.await(tileOf("Enamel mug") + ".querySelector('.when').textContent.startsWith('All are held')")
	p.buy("Enamel mug", 1)
	p.await(tileOf("Enamel mug") + ".querySelector('.note').textContent.includes('held by other customers')")
	p.click(".order .cancel")
	p.awaitText(".order-says", "Cancelled")
	p.await(tileOf("Enamel mug") + ".querySelector('.free').textContent === '1'")
	p.buy("Enamel mug", 1)
	p.click(".order .confirm")
	p.await(tileOf("Enamel mug") + ".querySelector('.stamp').checkVisibility()")
	p.buy(hostileName, 50)
	p.await(tileOf(hostileName) + ".querySelector('.note').textContent === 'Only 7 left: ask for fewer than 50.'")

	p.fill("#find [name=q]", "lamp")
	p.click("#find button")
	p.await("document.querySelectorAll('.tile').length === 1 && location.search === '?q=lamp'")
	p.click("#sign-out")
	p.awaitText("#account-link", "Sign in")
	require.False(t, value[bool](p, "'broken' in window"), "a name of a product was run")
	p.isClean()
}

// Without scripts the board is there all the same, and comes again by itself.
func TestTheBoardNeedsNoScript(t *testing.T) {
	data := freshDirectory(t)
	key := createKey(t, data, "a", "admin")
	s := serve(t, data)
	s.sell(key, "HOSTILE", hostileName, 7, "")
	text := s.get("/").text
	require.Contains(t, text, `<noscript><meta http-equiv="refresh" content="10;url=/"></noscript>`)
	require.Contains(t, text, `<strong class="free">7</strong>`)
	require.Contains(t, text, `19.99 EUR`)
	require.NotContains(t, text, "<img", "a name of a product is markup")
	require.NotRegexp(t, `(?i)<script(?: type="module" src="/assets/[^"]+"></script>)?[^ ]`, strings.ReplaceAll(text, `<script type="module" src="/assets/`, ""))
	require.NotRegexp(t, `(?i)\sstyle=|<style|\son[a-z]+=["']`, text)
}
