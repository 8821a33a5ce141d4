package main

const pagesFolder = "api/pages"

// pagesFaults show people what is not so. Those of scripts are for Node to find, as the
// workshop changes Go alone.
var pagesFaults = []fault{
	{
		name:          "assets-of-another-version",
		meaning:       "A page of an older version loads what is newer, and keeps it for good under the old address.",
		substitutions: []substitution{{"api/pages/pages.go", "	if version != p.version {\n", "	if version == \"\" {\n"}},
		test:          in(pagesFolder, "TestAssetsHaveAVersion"),
	},
	{
		name:          "one-tag-for-all-codings",
		meaning:       "A copy of a page in one coding is taken for that in another.",
		substitutions: []substitution{{"api/pages/content.go", "+ \"-\" + coding +", "+"}},
		test:          in(pagesFolder, "TestCodingsAreTheSameContent"),
	},
	{
		name:          "board-for-ever",
		meaning:       "The board that a browser is sent first is never made again.",
		substitutions: []substitution{{"api/page_board.go", "s.board.content != nil && x.now-s.board.at < instant(boardCopyMax)", "s.board.content != nil"}},
		test:          in(apiFolder, "TestTheBoardIsACopy"),
	},
}
