// Package pgd runs a local PostgreSQL as a child of this process, for
// `frontrow dev` and, through pgtest, for the tests. Production brings its own
// PostgreSQL and a DSN.
//
//	Start ──▶ running ──Stop──▶ stopped ──Start on the same Dir──▶ running
//	  │          └─exits by itself─▶ Done is closed, Err says why
//	  └─▶ error (no PostgreSQL installed, directory in use, does not get ready)
//
// Files under Config.Dir:
//
//	data/      the cluster (checksums, UTF8, C locale), superuser "frontrow"
//	password   that user's password, mode 0600
//	lock       held by the process which runs the server
//
// With Config.StandbyOf the cluster is a streaming replica of another one.
//
// It listens on 127.0.0.1 alone and asks for the password (SCRAM); there is no
// unix socket, whose path would be limited to 107 bytes.
//
// PostgreSQL refuses to run as root. Under root it runs as the system user "postgres",
// which then owns Dir. If that user cannot reach Dir, because a directory above it is
// closed to others, as /root is, the files are kept in /var/lib/frontrow/<hash of Dir> and
// Dir is a symbolic link to them.
//
// Invariants
//
//  1. A commit acknowledged is on disk: fsync and synchronous_commit are on,
//     in tests as well.
//  2. One PostgreSQL per directory. A second Start on a directory whose owner lives is
//     refused with ErrInUse; a PostgreSQL whose owner is gone is stopped first.
//  3. The child does not outlive this process for long: the kernel sends it
//     SIGINT (fast shutdown) when we die, however we die. (Linux; elsewhere the
//     next Start has to.)
//  4. A terminal's Ctrl-C reaches us and not the child, which ends by Stop.
//
// After a crash of our process the next Start waits for the orphan to finish. After a crash
// of PostgreSQL the next Start recovers from the write-ahead log. A crash in the middle of
// the first start leaves data.new, which the next one discards.
package pgd
