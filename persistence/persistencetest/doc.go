// Package persistencetest is the conformance suites of [persistence.Store],
// [persistence.Cache] and [persistence.Bus]: what passes [Run], [RunCache] and [RunBus]
// keeps the contract, whatever carries its bytes.
//
// # How the projection is judged
//
// A [History] is a random but legal sequence of records over several products. A
// [Model] folds it in memory in the simplest way, sharing no arithmetic with the
// Stores, and knows every row that a projection must have then. After any
// sequence of runs, failures, interruptions and restarts a Store is asked for its
// position, and all that it stores must be what the Model has at that position:
// no record lost, none applied twice, no half of a transaction.
package persistencetest
