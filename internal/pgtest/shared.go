package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"frontrow/internal/pgd"

	"github.com/jackc/pgx/v5"
)

const (
	tempPattern = "pgtest-*"
	// leftoverAge is older than any test run: younger files may be in use.
	leftoverAge = 6 * time.Hour
	stepLimit   = time.Minute
)

var shared struct {
	mu        sync.Mutex
	open      bool // within Main
	dir       string
	server    *pgd.Server
	err       error
	databases int
	free      []string // emptied databases for the next tests
}

// empty resets a database: no sessions but this one, no settings, no schemas but an empty
// public. It takes milliseconds, whereas CREATE DATABASE fsyncs some three hundred files.
const empty = `
DO $$
DECLARE name text;
BEGIN
	PERFORM pg_terminate_backend(pid, 10000) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid();
	EXECUTE format('ALTER DATABASE %I RESET ALL', current_database());
	FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
		EXECUTE format('DROP SCHEMA %I CASCADE', name);
	END LOOP;
	CREATE SCHEMA public;
END $$`

// Main runs the tests of a package and then ends the server they shared. It
// returns the code for os.Exit.
func Main(m *testing.M) int {
	removeLeftovers()
	shared.mu.Lock()
	shared.open = true
	shared.mu.Unlock()

	code := m.Run()

	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.open = false
	if shared.server != nil {
		if err := shared.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
	}
	if shared.dir != "" {
		remove(shared.dir)
	}
	return code
}

// New returns the DSN of an empty database that is this test's alone. After the test it is
// emptied for the next one, and sessions still connected are disconnected.
func New(t testing.TB) string {
	t.Helper()
	server, name, fresh := acquire(t)
	if fresh {
		execute(t, server.DSN(), "CREATE DATABASE "+name)
	}
	u, err := url.Parse(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	dsn := u.String()
	t.Cleanup(func() {
		execute(t, dsn, empty) // ends the cleanup if it fails, so nobody gets the database
		shared.mu.Lock()
		defer shared.mu.Unlock()
		shared.free = append(shared.free, name)
	})
	return dsn
}

// acquire takes an emptied database or names a new one. On first use it starts the shared
// server.
func acquire(t testing.TB) (server *pgd.Server, name string, fresh bool) {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.open {
		t.Fatal("pgtest: the package needs func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }")
	}
	if shared.server == nil && shared.err == nil {
		if shared.dir, shared.err = os.MkdirTemp("", tempPattern); shared.err == nil {
			shared.server, shared.err = start(shared.dir, 0, "")
		}
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	if last := len(shared.free) - 1; last >= 0 {
		name, shared.free = shared.free[last], shared.free[:last]
		return shared.server, name, false
	}
	shared.databases++
	return shared.server, "t" + strconv.Itoa(shared.databases), true
}

func start(dir string, port int, primary string) (*pgd.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), stepLimit)
	defer cancel()
	return pgd.Start(ctx, pgd.Config{Dir: dir, Port: port, NoSyncInit: true, StandbyOf: primary})
}

func execute(t testing.TB, dsn, statement string) {
	t.Helper()
	// Not t.Context, which has ended when the cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), stepLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// remove removes dir, and what it links to where the system user cannot reach the temporary
// directory.
func remove(dir string) {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		os.RemoveAll(real)
	}
	os.RemoveAll(dir)
}

// removeLeftovers removes what killed test processes left.
func removeLeftovers() {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), tempPattern))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > leftoverAge {
			remove(dir)
		}
	}
}
