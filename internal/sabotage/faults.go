package main

import "slices"

// faults returns the table. A fault's name says what the code does wrong; faults
// that belong together begin alike, so that -run finds them.
func faults() []fault {
	return slices.Concat(journalFaults, storeFaults, engineFaults, acknowledgeFaults, domainFaults, apiFaults, pagesFaults, benchFaults, limitFaults,
		tickerFaults, followerFaults, postgresFaults, outageFaults, redisFaults, retentionFaults, operationsFaults, sessionFaults, accountFaults, catalogueFaults, rateFaults)
}

// in names a test of the package in a folder.
func in(folder, name string) test { return test{folder: folder, name: name} }
