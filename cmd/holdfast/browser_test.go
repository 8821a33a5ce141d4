package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
)

// screenshotsVariable names a folder to write pictures of the pages into.
const screenshotsVariable = "TEST_SCREENSHOTS"

// lookPause is the pause before a page is looked at again.
const lookPause = 20 * time.Millisecond

// tab is a page of a browser, with cookies of its own. What it asks for and what goes wrong
// in it is on record.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	lock sync.Mutex
	// wrong is what scripts have thrown or logged as an error, and what the policy refused.
	wrong []string
	// hosts are all that were asked, bytes what came from them.
	hosts map[string]bool
	bytes int
}

// openBrowser starts a browser, in which tabs share nothing.
func openBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(testserver.Browser(t)),
		chromedp.Flag("disable-dev-shm-usage", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(browser) // how it ends is its own affair
		cancel()
		end()
	})
	_, err := chromedp.Run(browser, chromedp.Navigate("about:blank"))
	require.NoError(t, err)
	return browser
}

// newTab opens a tab for the pages of a server.
func newTab(browser context.Context, t *testing.T, base string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	p := &tab{t: t, ctx: ctx, base: base, hosts: map[string]bool{}}
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Listen(ctx, p.hear))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, runtime.Enable, cdp.Empty{})
	require.NoError(t, err)
	return p
}

// hear records an event. That an answer was no success is on record as the answer, and no
// error of the page.
func (p *tab) hear(event any) {
	p.lock.Lock()
	defer p.lock.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(e.ExceptionDetails)
		p.wrong = append(p.wrong, "exception: "+string(text))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			text, _ := json.Marshal(e.Args)
			p.wrong = append(p.wrong, "console: "+string(text))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			p.wrong = append(p.wrong, "log: "+e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		p.visit(e.Request.URL)
	case *network.EventWebSocketCreated:
		p.visit(e.URL)
	case *network.EventLoadingFinished:
		p.bytes += int(e.EncodedDataLength)
	}
}

func (p *tab) visit(address string) {
	parsed, err := url.Parse(address)
	if err == nil && parsed.Scheme != "data" && parsed.Scheme != "about" {
		p.hosts[parsed.Host] = true
	}
}

// open loads a page of the server.
func (p *tab) open(path string) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Navigate(p.base+path))
	require.NoError(p.t, err, path)
}

// value is what an expression is in the page, once it is settled.
func value[T any](p *tab, expression string) T {
	p.t.Helper()
	got, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, expression)
	return got
}

// run runs statements in the page.
func (p *tab) run(statements string) {
	p.t.Helper()
	value[bool](p, "(async () => {"+statements+"; return true})()")
}

// await waits until a condition holds in the page.
func (p *tab) await(condition string) {
	p.t.Helper()
	p.awaitWithin(condition, patience)
}

// awaitWithin asks again and again: a page that goes to another one does not answer.
func (p *tab) awaitWithin(condition string, most time.Duration) {
	p.t.Helper()
	again, late := time.NewTicker(lookPause), time.After(most)
	defer again.Stop()
	expression := "(() => { try { return Boolean(" + condition + ") } catch { return false } })()"
	for {
		if held, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](expression)); err == nil && held {
			return
		}
		select {
		case <-again.C:
		case <-late:
			p.picture("failed-" + p.t.Name())
			require.Failf(p.t, "the page does not come to it", "%s\n%s\n%v", condition, value[string](p, "document.body.innerText"), p.wrong)
		}
	}
}

// quoted is text as an expression.
func quoted(text string) string {
	written, _ := json.Marshal(text) // a text is always written
	return string(written)
}

// click clicks what a selector finds and people can see.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.await("document.querySelector(" + quoted(selector) + ").checkVisibility()")
	p.run("document.querySelector(" + quoted(selector) + ").click()")
}

// fill types into what a selector finds.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.await("document.querySelector(" + quoted(selector) + ").checkVisibility()")
	p.run(fmt.Sprintf(`const field = document.querySelector(%s); field.value = %s; field.dispatchEvent(new Event('input', {bubbles: true}))`, quoted(selector), quoted(text)))
}

// text is what a selector finds says.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return value[string](p, "document.querySelector("+quoted(selector)+").textContent")
}

// awaitText waits until what a selector finds says something.
func (p *tab) awaitText(selector, text string) {
	p.t.Helper()
	p.await(fmt.Sprintf("document.querySelector(%s).textContent.includes(%s)", quoted(selector), quoted(text)))
}

// look sets the width of the screen, and whether it is dark.
func (p *tab) look(width int, dark bool) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: int64(width), Height: 900, DeviceScaleFactor: 1})
	require.NoError(p.t, err)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err = chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	require.NoError(p.t, err)
}

// picture writes what is seen into the folder that was asked for, if one was.
func (p *tab) picture(name string) {
	p.t.Helper()
	folder := os.Getenv(screenshotsVariable)
	if folder == "" {
		return
	}
	shot, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
	require.NoError(p.t, err)
	data, err := pngOf(shot.Data)
	require.NoError(p.t, err)
	require.NoError(p.t, os.MkdirAll(folder, 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(folder, filepath.Base(name)+".png"), data, 0o644))
}

// pngOf takes the data of a picture as the protocol sends it.
func pngOf[T ~string | ~[]byte](data T) ([]byte, error) {
	if text := string(data); len(text) > 0 && text[0] != 0x89 {
		return base64.StdEncoding.DecodeString(text)
	}
	return []byte(data), nil
}

// isClean expects that nothing went wrong in the page, and that it asked no other host.
func (p *tab) isClean() {
	p.t.Helper()
	p.lock.Lock()
	defer p.lock.Unlock()
	require.Empty(p.t, p.wrong)
	parsed, err := url.Parse(p.base)
	require.NoError(p.t, err)
	for host := range p.hosts {
		require.Equal(p.t, parsed.Host, host, "another host was asked")
	}
}

// transferred is how many bytes have come since the last time, headers included.
func (p *tab) transferred() int {
	p.lock.Lock()
	defer p.lock.Unlock()
	sum := p.bytes
	p.bytes = 0
	return sum
}

// finding is what axe-core says about a page.
type finding struct {
	ID     string   `json:"id"`
	Impact string   `json:"impact"`
	Help   string   `json:"help"`
	Nodes  []string `json:"nodes"`
}

// axeFile is axe-core 4.14.1, as its package has it.
var axeFile = sync.OnceValues(func() ([]byte, error) { return os.ReadFile(filepath.Join("testdata", "axe", "axe.min.js")) })

// isAccessible expects that axe-core finds nothing serious.
func (p *tab) isAccessible(what string) {
	p.t.Helper()
	script, err := axeFile()
	require.NoError(p.t, err)
	if !value[bool](p, "typeof axe === 'object'") {
		p.run(string(script))
	}
	found := value[[]finding](p, `axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
		.then(result => result.violations.map(one => ({id: one.id, impact: one.impact, help: one.help, nodes: one.nodes.map(node => node.html.slice(0, 160) + ' ' + (node.failureSummary ?? '').slice(0, 300))})))`)
	found = slices.DeleteFunc(found, func(one finding) bool { return one.Impact != "serious" && one.Impact != "critical" })
	require.Empty(p.t, found, what)
}
