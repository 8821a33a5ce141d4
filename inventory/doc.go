// Package inventory is the pure domain of Holdfast: what stock is, what an
// order is, and what may happen to them.
//
// # Model
//
// A product owns one [Stock]. An [Order] holds units of products. Nothing in
// this package reads a clock, makes an identifier, locks, waits, or does I/O:
// time and identity are inputs, so a decision can be replayed and tested as a
// plain function call.
//
// Work has two halves, and they never mix:
//
//	Decide:  (state, command, now) -> Event or Refusal     may say no, changes nothing
//	Evolve:  (state, Event)        -> state                never says no, changes state
//
// An [Event] is a fact. It carries everything that was decided (identifiers,
// lines, prices, times, the idempotency key), so that folding events never
// decides anything again and gives the same state on every machine. Each event
// names the lines it moves, so the stock of a product can be folded without
// knowing its orders.
//
// # Invariants
//
// They hold after every event, at every prefix of a legal history:
//
//	N1  on_hand, reserved, committed >= 0
//	N2  reserved + committed <= on_hand
//	N3  reserved  = units of all orders in state reserved
//	N4  committed = units not shipped yet of all orders in states confirmed and
//	    partially_fulfilled
//	N5  on_hand   = everything received, adjusted and returned, less what was
//	    shipped; placing, confirming, cancelling and expiring never change it
//	N6  an order leaves state reserved exactly once
//	N7  stock version grows by exactly one per event that moves the product
//	N8  of every line: returned <= shipped <= quantity, and quantity, released and
//	    dropped are together what was asked for
//	N9  sold      = units of all orders that were confirmed and not cancelled
//
// [Stock.Evolve] re-checks N1 and N2 on every event and reports a violation as
// an error that starts with "BUG:"; callers stop rather than go on.
package inventory
