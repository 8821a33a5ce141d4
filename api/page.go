package api

import (
	"github.com/valyala/fasthttp"

	"holdfast/api/pages"
	"holdfast/inventory"
)

// showFixed returns a handler that shows a page that is the same for everybody.
func showFixed(name string) func(*exchange) {
	return func(x *exchange) { x.show(x.server.pages.Fixed(name)) }
}

// showAsset sends what a page loads. An address names a version, and what has another one is
// another page's: it is not given out, so that what is kept for good is right.
func showAsset(x *exchange) {
	version, _ := x.ctx.UserValue("version").(string)
	name, _ := x.ctx.UserValue("name").(string)
	asset := x.server.pages.Asset(version, name)
	if asset == nil {
		x.fail(inventory.CodeNotFound, "There is no such file in this version.")
		return
	}
	x.ctx.Response.Header.SetCanonical(headerCacheControl, cacheForever)
	x.show(asset)
}

// show sends content in a coding that the browser takes, unless it has it.
func (x *exchange) show(content *pages.Content) {
	body, coding, tag := content.Choose(x.ctx.Request.Header.Peek(fasthttp.HeaderAcceptEncoding))
	header := &x.ctx.Response.Header
	header.Add(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	header.SetCanonical(headerETag, []byte(tag))
	if matchesTag(x.ctx.Request.Header.PeekBytes(headerIfNoneMatch), []byte(tag)) {
		x.ctx.Response.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	header.SetContentType(content.Type)
	if coding != "" {
		header.Set(fasthttp.HeaderContentEncoding, coding)
	}
	x.ctx.Response.SetBodyRaw(body)
}
