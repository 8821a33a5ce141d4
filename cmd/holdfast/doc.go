// Command holdfast is the whole program: the server and its tools.
//
// What a person or another program reads goes to stdout, logs and questions go to
// stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 data that cannot be
// verified.
package main
