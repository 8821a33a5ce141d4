// Package postgres is a [persistence.Store] in a Postgres database.
//
// # Model
//
// The database has the tables of package sqlite, with the types of Postgres.
// Accounts, API keys and the catalogue have their truth here. Orders, items, stock,
// movements and idempotency keys are the projection of the journal, together with the
// position up to which it reaches.
//
// The projection, writers of accounts and catalogue, and readers have connections of
// their own, so that none of them ever keeps the projection from one. Every connection has checked its server before it
// is used: a failover may have brought another one.
//
//	Project ──▶ one round trip   BEGIN; move the position, or stop: it is not where
//	            │                the run starts; load the stock and orders of the run
//	            ├ in memory      fold (persistence.Run)
//	            ├ COPY           orders, items, movements
//	            ├ one round trip stock, keys, states and lines, each one statement
//	            └ COMMIT         answered, or asked after on another connection
//
// # Invariants
//
//	G1  Position and projection change in one transaction. Moving the position is its
//	    first statement and locks its row, so two projectors can never apply one run
//	    twice. Whatever else changes the projection locks the row as well.
//	G2  A commit is synced before it is reported. A server that would answer earlier
//	    (fsync or synchronous_commit off), or only reads, is refused.
//	G3  A COMMIT without an answer, or with a warning, is asked after: the position is
//	    read with a lock, which waits for the end of the transaction that may still be at
//	    work, and whose own commit says that a synchronous standby has what was read.
//	G4  A transaction that a conflict undid (40001, 40P01) is done again as a whole.
//	G5  Whatever returns more than one row of truth reads it with one statement, and so
//	    from one snapshot: an order always comes with its lines.
//	G6  SQL text is made of constants of this package only; values are parameters, and
//	    never become text. Names of columns in a copy are quoted.
//	G7  Every wait for the server ends: for a connection, for a lock, for a statement.
//	G8  A read whose connection turns out to be dead runs once more on a new one: after a
//	    restart of the server all of them are.
//	G9  While one program claims the database, another one that does is refused, and
//	    nobody migrates it. What two of them project is kept apart by G1.
//	G10 A copy is made of one snapshot, and comes back in one transaction.
//	G11 No error has the address's password in it.
package postgres
