// Package pages has the pages for people: the shopper's board, the sign-in, the setup of the
// first administrator, and the operator's console.
//
// # Model
//
// Everything is in the binary: templates, a style sheet, and modules of plain JavaScript that
// a browser runs as they are written. There is no build step, nothing is loaded from another
// host, and nothing is inline, so that the strictest Content-Security-Policy holds.
//
// Assets are addressed by a hash of all of them, /assets/<hash>/<name>: a browser keeps them
// for good, and modules find each other by their names. They are compressed once, at start.
// Pages are never kept without being asked for again.
//
// What a page shows of the data is escaped by html/template, or set as text by its scripts.
package pages
