// Package persistence is the contract between the engine and what keeps its
// data. It holds nouns and interfaces; folders below it implement them:
//
//	journal/   the local log: the truth of stock and orders
//	sqlite/    a Store: the truth of accounts and catalogue, and the projection
//	           of the journal
//	postgres/  another one, for a server
//	local/     a Cache and a Bus of one process
//	redis/     a Cache and a Bus of several processes; their hints are no truth
//	hints/     what every Cache and Bus needs
//
// # Two truths
//
// Stock and orders are decided in memory and recorded in the [Journal]. A
// [Store] follows it: [Store.Project] applies a contiguous run of records and
// moves the stored [Position] in the same transaction, so each record reaches
// SQL exactly once, whatever fails. Accounts, API keys and the catalogue are
// ordinary rows whose truth is the Store.
//
// # Rules that every implementation keeps
//
//	J1  An [Entry] hears Durable(sequence, nil) only after its record and all
//	    before it are synced.
//	J2  Sequences are contiguous from 1 and follow the order of Append.
//	J3  After the first failed sync nothing is ever reported durable again.
//	J4  Entries of one AppendTogether are in one batch: all of them survive or none.
//	S1  Project applies all records and the position, or nothing.
//	S2  Project of a run that does not start at the stored position changes
//	    nothing and returns [ErrPositionMoved].
package persistence
