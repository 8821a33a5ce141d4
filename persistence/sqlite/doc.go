// Package sqlite is a [persistence.Store] in one SQLite file.
//
// # Model
//
// The file has two kinds of tables. Accounts, API keys and the catalogue have
// their truth here. Orders, items, stock, movements and idempotency keys are the
// projection of the journal, together with the position up to which it reaches.
//
// One connection writes. A few others read, each query in the snapshot of its
// moment (WAL), so reading never waits for writing nor the other way round.
//
//	Project ──▶ BEGIN IMMEDIATE
//	            move the position, or stop: it is not where the run starts
//	            load the stock and orders that the run names
//	            fold in memory (persistence.Run)
//	            write orders, items, movements, stock and keys
//	            COMMIT (synced)
//
// # Invariants
//
//	Q1  Position and projection change in one transaction. Moving the position
//	    is its first statement, so two projectors can never apply one run twice.
//	Q2  A commit is synced before it is reported (synchronous=FULL).
//	Q3  Whatever returns more than one row of truth reads it with one statement,
//	    and so from one snapshot: an order always comes with its lines.
//	Q4  SQL text is made of constants of this package only; values are bound.
//	Q5  No query scans a table that grows with sales, except those named Each….
package sqlite
