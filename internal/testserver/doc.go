// Package testserver starts throwaway servers for tests and measurements: real Postgres and
// real Redis, each on a free port of the loopback interface, in a folder of its own, with nothing to
// prepare.
//
// # Model
//
// The programs are looked for in $HOLDFAST_TEST_BIN, in PATH and in the distribution's
// folders. Where they are missing and may be installed, they are; otherwise the test
// fails and says what to install. It is never skipped.
//
// [SharedPostgres] and [SharedRedis] are one server each for all tests of a package,
// which ask for databases of their own; [Main] stops them. With TEST_DATABASE_URL or
// TEST_REDIS_URL they are somebody else's server. [StartPostgres] and [StartRedis] are
// servers of one test, which may stop, kill, pause and start them again. [NewPostgres] and
// [NewRedis] are for programs that measure: they return errors.
//
// [Browser] and [Node] are programs that tests run themselves, found and installed in the
// same way.
//
// A server ends with the process that started it, however that ends. Postgres refuses to
// run as root, so there it runs as postgres or nobody.
package testserver
