// Package pgtest gives tests a real PostgreSQL with every durability setting on.
//
// Most tests want an empty database, and share one server for all of a
// package's tests. It starts with the first New and ends with Main:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestX(t *testing.T) {
//		dsn := pgtest.New(t) // an empty database of its own, emptied after the test
//	}
//
// A test that stops or kills the server starts its own, with Start, and needs no Main. Such
// a server can have a streaming replica (Server.Replica), and any database a PgBouncer in
// transaction mode in front of it (Pooler).
//
// The shared server is the one package variable: TestMain and the tests share nothing else
// to pass it through. If the process is killed, the kernel ends PostgreSQL (a PgBouncer
// stays, without its server); the next Main removes the files it left.
package pgtest
