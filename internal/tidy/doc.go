// Package tidy holds the walls of the repository, as tests. It has no code that
// another package could use.
//
// # Model
//
// A [repository] is the files that git lists (or, in a source archive without git,
// those that .gitignore does not name), with the Go files parsed. A rule is a
// function from a repository to findings, each with a file, a line, and what to do
// about it; so a rule can be shown a small bad repository, and TestRulesCanFail
// does that to every one of them.
//
// Most rules let nothing pass. Where one must, an exemption names the place and the
// reason; an exemption that is no longer needed is a finding itself, and so is a row
// of a table that nothing in the repository uses. The tables are complete: a package
// or a library that they do not know is a finding too.
//
// # Rules
//
//	TestImportGraph                a package imports what its row of walls and libraries allows;
//	                               no driver behind actors and api; Hollywood stays in actors
//	TestSizes                      files of 400 lines (tests 600), functions of 70
//	TestNoMarks                    nothing is left for later in a comment
//	TestTestsNeverSkipOrSleep      a test waits for events and always runs
//	TestPackageComments            every package says what it is, in one place
//	TestNoMachinePaths             nothing depends on the machine where it was written
//	TestClockIsInjected            time comes from a clock.Clock
//	TestFoldersAreListed           the top level has the folders that it is known for
//	TestDecisionPagesAreNumbered   no decision is lost
//	TestCoreTestNamesExist         tests, files and names in the documentation are there
//
// The table behind TestImportGraph is §4 of documentation/core.md; one is changed
// with the other.
package tidy
