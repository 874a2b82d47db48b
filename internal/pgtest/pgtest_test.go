package pgtest_test

import (
	"context"
	"os"
	"testing"
	"time"

	"frontrow/internal/pgtest"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	a, b := connect(t, pgtest.New(t)), connect(t, pgtest.New(t))
	exec(t, a, "CREATE TABLE same (n int)")
	exec(t, b, "CREATE TABLE same (n int)")
}

func TestDatabaseIsEmptiedAfterTheTest(t *testing.T) {
	var left *pgx.Conn // open beyond its test, on purpose
	var used string
	t.Run("leaves things", func(t *testing.T) {
		used = pgtest.New(t)
		var err error
		if left, err = pgx.Connect(context.Background(), used); err != nil {
			t.Fatal(err)
		}
		exec(t, left, "CREATE TABLE a (n int)")
		exec(t, left, "CREATE SCHEMA other CREATE TABLE b (n int)")
		exec(t, left, "ALTER DATABASE "+left.Config().Database+" SET search_path = other")
	})
	defer left.Close(context.Background())
	if err := left.Ping(t.Context()); err == nil {
		t.Error("a connection outlives its test")
	}
	for again := ""; again != used; { // parallel tests may have left others
		again = pgtest.New(t)
		conn := connect(t, again)
		var tables int
		var path string
		err := conn.QueryRow(t.Context(), `SELECT count(*), current_setting('search_path') FROM pg_class c
			JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname IN ('public', 'other')`).Scan(&tables, &path)
		if err != nil || tables != 0 || path != `"$user", public` {
			t.Errorf("finds %d tables, search path %s, %v", tables, path, err)
		}
		exec(t, conn, "CREATE TABLE a (n int)")
	}
}

func TestServerRestarts(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	dsn := s.DSN()
	exec(t, connect(t, dsn), "CREATE TABLE kept AS SELECT 7 AS n")
	for name, end := range map[string]func(){"stop": s.Stop, "kill": s.Kill} {
		end()
		if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
			conn.Close(t.Context())
			t.Errorf("%s: still answers", name)
		}
		s.Start()
		if s.DSN() != dsn {
			t.Errorf("%s: DSN changed", name)
		}
		var n int
		if err := connect(t, dsn).QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
			t.Errorf("%s: read %d, %v", name, n, err)
		}
	}
}

func TestReplicaFollows(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	exec(t, connect(t, primary.DSN()), "CREATE TABLE a AS SELECT 1 AS n")
	replica := primary.Replica()
	follow := func(want int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		conn := connect(t, replica.DSN())
		for n := 0; n != want; {
			if err := conn.QueryRow(ctx, "SELECT max(n) FROM a").Scan(&n); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := conn.Exec(ctx, "INSERT INTO a VALUES (0)"); err == nil {
			t.Error("a replica took a write")
		}
	}
	follow(1)
	exec(t, connect(t, primary.DSN()), "INSERT INTO a VALUES (2)")
	follow(2)
	replica.Stop()
	exec(t, connect(t, primary.DSN()), "INSERT INTO a VALUES (3)")
	replica.Start()
	follow(3)
}

// Clients share few connections, a transaction at a time.
func TestPoolerSharesConnections(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t, pgtest.New(t))
	backends := map[int]bool{}
	for range 3 * pgtest.PoolSize {
		var pid int
		if err := connect(t, pooler.DSN()).QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		backends[pid] = true
	}
	if len(backends) > pgtest.PoolSize {
		t.Errorf("%d connections to the server", len(backends))
	}
	pooler.Stop()
	if conn, err := pgx.Connect(t.Context(), pooler.DSN()); err == nil {
		conn.Close(t.Context())
		t.Error("still answers")
	}
	pooler.Start()
	exec(t, connect(t, pooler.DSN()), "SELECT")
}
