package main

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The demonstration catalogue comes once, and its stock is not filled up again.
func TestTheDemoAppearsOnce(t *testing.T) {
	data := freshDirectory(t)
	customer := seed(t, data, 1)[0].AccessToken
	s := serve(t, data, "--demo")
	found := s.skus()
	require.Len(t, found, 100, "the first page is full")
	assert.Equal(t, []string{"LANTERN-RED", "KETTLE-STEEL", "MUG-ENAMEL", "FLASH-LAMP"}, found[:4])
	require.Equal(t, 201, s.order(customer).status)
	before := s.get("/api/products").text
	s.stop(t)
	s = serve(t, data, "--demo")
	assert.Equal(t, before, s.get("/api/products").text)
	s.stop(t)
	assert.Equal(t, before, serve(t, data).get("/api/products").text, "it stays without the option")
}

// The flash sale is on, and bounded: so many units, so many for each, so long.
func TestTheDemoHasAFlashSale(t *testing.T) {
	data := freshDirectory(t)
	customer := seed(t, data, 1)[0].AccessToken
	s := serve(t, data, "--demo")
	defer s.stop(t)
	flash := s.get("/api/products?limit=4").body["items"].([]any)[3].(map[string]any)
	assert.Equal(t, []any{2., 120., 500.}, []any{flash["purchase_limit"], flash["hold_seconds"], flash["stock"].(map[string]any)["available"]})
	assert.NotNil(t, flash["sale"].(map[string]any)["ends_at"])
	body := `{"items":[{"product_id":"` + flash["id"].(string) + `","quantity":2}]}`
	for i, want := range []int{201, 409} {
		r := s.do(call{method: "POST", path: "/api/orders", token: customer, key: fmt.Sprintf("a-key-of-the-demo-%d", i), body: body})
		require.Equal(t, want, r.status, r.text)
	}
	page := s.get("/api/products?limit=100&category=gifts")
	assert.Len(t, page.body["items"], 100)
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

// Made-up customers buy what is on sale, pay for some of it and give some back, in any order
// that nobody has to wait for; and a stop does not wait for their time to be over.
func TestTheDemoHasBuyers(t *testing.T) {
	s := serve(t, freshDirectory(t), "--demo", "--demo-buyers", "1h")
	require.Eventually(t, func() bool {
		var held, sold float64
		for _, item := range s.get("/api/products?category=demo&limit=20").body["items"].([]any) {
			stock := item.(map[string]any)["stock"].(map[string]any)
			held, sold = held+stock["reserved"].(float64), sold+stock["committed"].(float64)
		}
		return held > 0 && sold > 0
	}, patience, 50*time.Millisecond)
	s.stop(t)
	require.Contains(t, s.log.String(), "the made-up customers have gone")
}

// What make run plays can be watched: the pages show what is bought as it is, and when the
// next sale begins. With TEST_SCREENSHOTS the pictures of the documentation are made here,
// once there is something to see.
func TestTheDemoIsAShow(t *testing.T) {
	s := serve(t, freshDirectory(t), "--demo", "--demo-buyers", "1h")
	link := regexp.MustCompile(`/setup#[A-Z0-9]+`).FindString(s.stdout.String())
	p := newTab(openBrowser(t), t, s.url)
	p.look(1280, false)
	p.open(link)
	secret := p.setUp()
	p.fill("#factor-confirm [name=code]", codeAfter(t, secret, 0))
	p.click("#factor-confirm button")
	p.await("document.querySelectorAll('#recovery li').length === 10")
	changes := 5
	if os.Getenv(screenshotsVariable) != "" {
		changes = 80
	}
	p.open("/")
	p.await("/^Starts in [0-4]:/.test(" + tileOf("Canvas trail tent") + ".querySelector('.when').textContent)")
	p.await("/ends in 5\\d:/.test(" + tileOf("Brass ship's lamp") + ".querySelector('.when').textContent)")
	p.run(fmt.Sprintf(`window.seen = 0; new MutationObserver(all => { window.seen += all.length }).observe(document.querySelector('#tiles'), {subtree: true, childList: true});
		await new Promise(resolve => setInterval(() => window.seen > %d && resolve(), 50))`, changes))
	p.buy("Climbing rope, 30 m", 2)
	p.await("document.querySelector('.order-what')")
	p.picture("board")
	p.look(360, true)
	p.picture("board-phone")
	p.look(1280, false)
	p.open("/live")
	p.await(fmt.Sprintf("document.querySelectorAll('.figure-card').length > 1 && document.querySelector('#products .q').textContent !== '–' && document.querySelector('.spark polyline').points.length > %d", min(changes/4, 10)))
	p.run("document.querySelector('#products .open').click()")
	p.await(fmt.Sprintf("document.querySelectorAll('#tape li time').length >= %d", min(changes/4, 6)))
	p.picture("console")
	p.look(1280, true)
	p.picture("console-night")
	p.isClean()
}
