package api

import "holdfast/inventory"

// pageText and assetText stand for bodies that browsers show or run.
type (
	pageText  struct{}
	assetText struct{}
)

var (
	pageReplies = []reply{{status: 200, description: "The page.", body: pageText{}, headers: [][2]string{contentTagHeader}},
		{status: 304, description: "You have it."}}
	contentTagHeader = [2]string{"ETag", "A hash of the content, and its coding."}
)

// pageRoutes are what people see. The queries of pages are not checked as those of data are:
// links that others make have parameters of their own.
func pageRoutes() []route {
	return []route{
		{method: "GET", path: "/", who: anyone, cost: 5, handle: showBoard, page: true, ownQuery: true,
			summary: "The shopper's board",
			detail:  "What is on sale, as of a moment not longer than a second ago; its script follows it live.",
			parameters: []parameter{cursorInQuery,
				{name: "q", in: "query", kind: "string", description: "Words to search for."},
				{name: "category", in: "query", kind: "string", description: "Only products of this category."},
				{name: "in_stock", in: "query", kind: "string", description: "Only products of which there are units."},
				{name: "sort", in: "query", kind: "string", description: "As of GET /api/products."}},
			replies: joined(pageReplies, []reply{{status: 503, description: "The page, which says why it has no products now.", body: pageText{}}})},
		{method: "GET", path: "/signin", who: anyone, cost: 1, handle: showFixed("signin"), page: true, ownQuery: true,
			summary: "The page to sign in, register and set up a second factor", replies: pageReplies},
		{method: "GET", path: "/setup", who: anyone, cost: 1, handle: showFixed("setup"), page: true, ownQuery: true,
			summary: "The page that makes the first administrator", replies: pageReplies},
		{method: "GET", path: "/live", who: anyone, cost: 1, handle: showFixed("live"), page: true, ownQuery: true,
			summary: "The operator's console", detail: "Its data is for admins only.", replies: pageReplies},
		{method: "GET", path: "/assets/{version}/{name}", who: anyone, cost: 1, quota: quotaOfNobody, handle: showAsset, page: true, ownQuery: true,
			summary: "What the pages load",
			detail:  "The version is a hash of all of it, so it never changes.",
			parameters: []parameter{{name: "version", in: "path", required: true, kind: "string", description: "As the pages name it."},
				{name: "name", in: "path", required: true, kind: "string", description: "A file."}},
			replies: []reply{{status: 200, description: "The file.", body: assetText{}, headers: [][2]string{contentTagHeader}},
				{status: 304, description: "You have it."}},
			codes: []inventory.Code{inventory.CodeNotFound}},
	}
}
