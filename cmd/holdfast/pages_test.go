package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"holdfast/internal/secondfactor"
	"holdfast/inventory"
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
	p := newTab(openBrowser(t), t, s.url)

	p.open("/")
	p.awaitText("#light-text", "Live")
	require.Less(t, p.transferred(), boardBytesMax)
	require.Equal(t, "7", value[string](p, tileOf(hostileName)+".querySelector('.free').textContent"))
	p.await(tileOf("Late tent") + ".querySelector('.when').textContent.match(/^Starts on .*2099/)")
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
	p.awaitText(".order-says", "left to confirm")
	held := s.do(call{method: "GET", path: "/api/orders?status=reserved", token: key}).body["items"].([]any)
	require.Len(t, held, 1)
	ended := s.post("/api/orders/"+held[0].(map[string]any)["id"].(string)+"/cancel", key, "{}")
	require.Equal(t, 200, ended.status, ended.text)
	p.awaitText(".order-says", "Cancelled") // by somebody else: the page is told
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

// setUp makes the first administrator on the page of the link, begins with a second factor,
// and returns its secret.
func (p *tab) setUp() string {
	p.t.Helper()
	p.fill("#setup [name=name]", "Grace")
	p.fill("#setup [name=email]", "grace@example.com")
	p.fill("#setup [name=password]", lanternPassword)
	p.click("#setup button")
	p.click("#factor-start button")
	p.await("document.querySelector('#secret').textContent.length > 10 && document.querySelector('#qr').naturalWidth > 0")
	return p.text("#secret")
}

// codeAfter is the code of a device so long from now: one code is good once.
func codeAfter(t *testing.T, secret string, wait time.Duration) string {
	t.Helper()
	code, err := secondfactor.CodeAt(secret, inventory.Instant(time.Now().Add(wait).UnixNano()))
	require.NoError(t, err)
	return code
}

// An operator makes the first account with the link that the start prints, sets up a second
// factor, signs in with it, books units in, pauses the sale, and reads why the stock is what
// it is. Nobody else gets in.
func TestAnOperatorWorksInABrowser(t *testing.T) {
	data := freshDirectory(t)
	key := createKey(t, data, "a", "admin")
	s := serve(t, data)
	product := s.sell(key, "LAMP", "Brass lamp", 5, "")
	s.sell(key, "HOSTILE", hostileName, 7, "")
	link := regexp.MustCompile(`http://\S+/setup#[A-Z0-9]+`).FindString(s.stdout.String())
	require.NotEmpty(t, link, s.stdout.String())
	p := newTab(openBrowser(t), t, s.url)

	p.open("/live")
	p.awaitText("#closed-why", "for operators")
	p.open(strings.TrimPrefix(link, s.url))
	secret := p.setUp()
	require.Empty(t, value[string](p, "location.hash"), "the token stays in the address")
	p.picture("second-factor")
	p.fill("#factor-confirm [name=code]", codeAfter(t, secret, 0))
	p.click("#factor-confirm button")
	p.await("document.querySelectorAll('#recovery li').length === 10")
	p.click("#factor-done")
	p.await("document.querySelector('#products tbody tr')")
	p.click("#sign-out")
	p.await("location.pathname === '/'")

	p.open("/signin?next=/live")
	p.fill("#signin [name=email]", "grace@example.com")
	p.fill("#signin [name=password]", lanternPassword)
	p.click("#signin button")
	p.fill("#second [name=code]", "000000")
	p.click("#second button")
	p.awaitText("#second .field-error", "wrong")
	p.transferred()
	p.fill("#second [name=code]", codeAfter(t, secret, 30*time.Second))
	p.click("#second button")

	p.await("location.pathname === '/live' && document.querySelectorAll('#products tbody tr').length === 2")
	p.awaitText("#light-text", "Live")
	require.Less(t, p.transferred(), consoleBytesMax)
	row := "[...document.querySelectorAll('#products tbody tr')].find(one => one.querySelector('.open').textContent === 'Brass lamp')"
	p.await(row + ".querySelector('.a').textContent === '5'")
	p.run(row + ".querySelector('.open').click()")
	p.awaitText("#detail-title", "Brass lamp")
	p.await("document.querySelector('#movements tbody').textContent.includes('booked')")
	p.fill("#restock [name=delta]", "20")
	p.fill("#restock [name=note]", hostileName)
	p.click("#restock .strong")
	p.click("#sure [value=yes]")
	p.await(row + ".querySelector('.a').textContent === '25'")
	p.awaitText("#tape", "20 booked in")
	p.await("document.querySelector('#movements tbody').textContent.includes('received')")
	require.EqualValues(t, 25, s.get("/api/products/" + product + "/stock").body["available"])

	p.click("#pausing")
	p.click("#sure [value=yes]")
	p.await(row + ".querySelector('.row-phase').textContent.includes('Paused')")
	require.Equal(t, true, s.get("/api/products/" + product).body["paused"])
	p.awaitText("#pausing", "Resume")
	p.click("#pausing")
	p.click("#sure [value=yes]")
	p.awaitText("#pausing", "Pause")
	p.click("#veil")
	p.await("getComputedStyle(" + row + ".querySelector('.a')).color === 'rgba(0, 0, 0, 0)'")
	p.click("#veil")
	require.False(t, value[bool](p, "'broken' in window"), "a name of a product was run")
	p.isClean()
}

// When the server is killed the pages say so within three seconds, and go on without being
// loaded again when it is back.
func TestPagesComeBackAfterACrash(t *testing.T) {
	data := freshDirectory(t)
	key := createKey(t, data, "a", "admin")
	process, s := launchServer(t, data)
	s.sell(key, "LAMP", "Brass lamp", 5, "")
	p := newTab(openBrowser(t), t, s.url)
	p.open("/")
	p.awaitText("#light-text", "Live")
	p.run("window.stayed = true")
	process.signal(t, os.Kill)
	p.awaitWithin("document.querySelector('#light-text').textContent === 'Reconnecting' && document.querySelector('#trouble').textContent.includes('Reconnecting')", 3*time.Second)
	process.wait(t)
	_, again := launchServer(t, data, "--listen", strings.TrimPrefix(s.url, "http://"))
	again.sell(key, "MUG", "Enamel mug", 1, "")
	p.awaitText("#light-text", "Live")
	require.Empty(t, p.text("#trouble"))
	again.do(call{method: "POST", path: "/api/products/" + value[string](p, "JSON.parse(document.querySelector('.tile').dataset.product).id") + "/stock",
		token: key, key: "a-key-for-the-restock", body: `{"delta":3,"reason":"received"}`})
	p.await(tileOf("Brass lamp") + ".querySelector('.free').textContent === '8'")
	require.True(t, value[bool](p, "window.stayed === true"), "the page was loaded again")
	p.isClean()
}

// No page has a serious fault that axe-core finds: in light and dark, on a phone and on a
// desk.
func TestPagesAreAccessible(t *testing.T) {
	data := freshDirectory(t)
	key := createKey(t, data, "a", "admin")
	s := serve(t, data)
	token := regexp.MustCompile(`/setup(#[A-Z0-9]+)`).FindStringSubmatch(s.stdout.String())[1]
	s.sell(key, "LAMP", "Brass lamp", 5, `,"purchase_limit":2`)
	s.sell(key, "NONE", "Empty box", 0, "")
	s.sell(key, "LATER", "Late tent", 5, `,"sale":{"starts_at":"2099-01-01T00:00:00Z"}`)
	browser := openBrowser(t)
	p := newTab(browser, t, s.url)
	check := func(page string) {
		t.Helper()
		for _, screen := range []struct {
			name  string
			width int
			dark  bool
		}{{"desk", 1280, false}, {"night", 1280, true}, {"phone", 360, false}} {
			p.look(screen.width, screen.dark)
			p.isAccessible(page + ", " + screen.name)
			require.LessOrEqual(t, value[int](p, "document.documentElement.scrollWidth"), screen.width, "%s is wider than the screen", page)
			p.picture(page + "-" + screen.name)
		}
	}
	p.open("/setup" + token)
	p.await("document.querySelector('#make').checkVisibility()")
	check("setup")
	secret := p.setUp()
	check("factor")
	p.fill("#factor-confirm [name=code]", codeAfter(t, secret, 0))
	p.click("#factor-confirm button")
	p.await("document.querySelectorAll('#recovery li').length === 10")
	check("recovery")
	p.open("/")
	p.buy("Brass lamp", 1)
	p.await("document.querySelector('.order-what')")
	p.buy("Brass lamp", 2)
	p.await(tileOf("Brass lamp") + ".querySelector('.note').checkVisibility()")
	check("board")
	p.open("/live")
	p.await("document.querySelector('#products tbody .open')")
	p.run("document.querySelector('#products tbody .open').click()")
	p.await("document.querySelector('#movements tbody tr')")
	check("live")
	p.open("/signin")
	p.await("document.querySelector('#self').checkVisibility()")
	check("account")
	p.click("#sign-out")
	p.await("location.pathname === '/'")
	p.open("/signin")
	p.await("document.querySelector('#enter').checkVisibility()")
	check("signin")
	p.click("#to-register")
	check("register")
	p.open("/live")
	p.await("document.querySelector('#closed').checkVisibility()")
	check("closed")
	p.isClean()
}

// The console shows boards, figures, slow facts and history when a server has them.
func TestTheConsoleShowsAllThatAServerTells(t *testing.T) {
	s := serve(t, freshDirectory(t))
	link := regexp.MustCompile(`/setup#[A-Z0-9]+`).FindString(s.stdout.String())
	p := newTab(openBrowser(t), t, s.url)
	script, err := os.ReadFile(filepath.Join("testdata", "newer-server.js"))
	require.NoError(t, err)
	_, err = chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: string(script)})
	require.NoError(t, err)
	p.open(link)
	secret := p.setUp()
	p.fill("#factor-confirm [name=code]", codeAfter(t, secret, 0))
	p.click("#factor-confirm button")
	p.await("document.querySelectorAll('#recovery li').length === 10")
	p.open("/live")
	p.await("document.querySelectorAll('#products tbody tr').length === 2")
	p.awaitText("#node", "node-7")
	p.awaitText("#sale", "First thing: On sale · ends in 1:")
	first := "[...document.querySelectorAll('#products tbody tr')].find(one => one.querySelector('.open').textContent === 'First thing')"
	require.Equal(t, []string{"390", "7.3", "about 2–3 min", "1,234"}, value[[]string](p, "['a', 'q', 'eta', 'v'].map(name => "+first+".querySelector('.' + name).textContent)"))
	figures := value[map[string]string](p, "Object.fromEntries([...document.querySelectorAll('.figure-card')].map(one => [one.querySelector('.figure-name').textContent, one.querySelector('.figure').textContent + ' | ' + one.querySelector('.figure-more').textContent]))")
	require.Equal(t, map[string]string{"Orders accepted/s": "321 | ", "Refused/s": "42 | 40 sold out, 2 limit", "Answer, 99 of 100": "8.5 ms | half within 1.2 ms",
		"Changes of stock/s": "900 | ", "Viewers": "5,000 | 5,100 connections, 3 slow", "Delivery lag, 99 of 100": "61 ms | 4.5 versions a frame",
		"Oversold": "0 | as it must be", "Waiting for the database": "17 | ", "Processor": "42 % | 300 MiB of memory"}, figures)
	require.True(t, value[bool](p, "document.querySelector('#figures-none').hidden"))
	p.run(first + ".querySelector('.open').click()")
	p.await("document.querySelector('#chart .line').points.length >= 100")
	p.run("sockets.at(-1).say({t: 'sys', oversold: 2})")
	p.await("document.querySelector('.figure-card.wrong .figure').textContent === '2'")
	p.isAccessible("the console with all figures")
	p.picture("console-full")

	p.open("/")
	p.await("sockets.at(-1).commands.some(one => one.op === 'sub')")
	p.run("Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))")
	p.await("sockets.at(-1).commands.some(one => one.op === 'rate' && one.hz === 0.2)")
	p.run("Object.defineProperty(document, 'hidden', {value: false, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))")
	p.await("sockets.at(-1).commands.some(one => one.op === 'rate' && one.hz === 5)")
	p.isClean()
}
