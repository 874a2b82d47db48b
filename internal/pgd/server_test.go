package pgd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const ownerDir = "PGD_TEST_OWNER_DIR"

// TestMain lets a test run this binary as another process that owns a server.
func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerDir); dir != "" {
		own(dir)
	}
	os.Exit(m.Run())
}

// own starts a server, says so, and waits to be killed.
func own(dir string) {
	s, err := Start(context.Background(), Config{Dir: dir, NoSyncInit: true})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.Pid(), s.DSN())
	select {}
}

// openDir is a directory the system user can reach, unlike t.TempDir.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgd-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "postgres")
}

func startServer(t *testing.T, c Config) *Server {
	t.Helper()
	c.NoSyncInit = true
	s, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func write(t *testing.T, dsn string) {
	t.Helper()
	if _, err := connect(t, dsn).Exec(t.Context(), "CREATE TABLE kept AS SELECT 7 AS n"); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dsn string) {
	t.Helper()
	var n int
	if err := connect(t, dsn).QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
		t.Fatalf("what was committed: %d, %v", n, err)
	}
}

func wait(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("PostgreSQL did not end")
	}
}

func TestDataOutlivesAStop(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	first := startServer(t, Config{Dir: dir})
	write(t, first.DSN())
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	wait(t, first.Done())
	if err := first.Err(); err != nil {
		t.Errorf("Err after Stop: %v", err)
	}
	second := startServer(t, Config{Dir: dir, Port: first.Port()})
	if second.DSN() != first.DSN() {
		t.Errorf("DSN changed from %s to %s", first.DSN(), second.DSN())
	}
	read(t, second.DSN())
}

func TestSettings(t *testing.T) {
	t.Parallel()
	conn := connect(t, startServer(t, Config{Dir: openDir(t)}).DSN())
	for name, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "data_checksums": "on", "server_encoding": "UTF8",
		"lc_collate": "C", "max_connections": "200", "shared_buffers": "256MB", "TimeZone": "UTC",
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", name, got, want, err)
		}
	}
}

func TestPasswordIsAskedAndKeptPrivate(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s := startServer(t, Config{Dir: dir})
	u, err := url.Parse(s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "guess")
	if conn, err := pgx.Connect(t.Context(), u.String()); err == nil {
		conn.Close(t.Context())
		t.Error("connected with a wrong password")
	}
	info, err := os.Stat(filepath.Join(dir, "password"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("password file: %v, %v", info, err)
	}
}

func TestSecondStartIsRefused(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s := startServer(t, Config{Dir: dir})
	if _, err := Start(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second start: %v", err)
	}
	connect(t, s.DSN()) // and the first one lives
}

func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s := startServer(t, Config{Dir: dir})
	write(t, s.DSN())
	if err := syscall.Kill(s.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait(t, s.Done())
	if s.Err() == nil {
		t.Error("Err is nil after a kill")
	}
	if err := s.Stop(); err != nil {
		t.Errorf("Stop after a kill: %v", err)
	}
	read(t, startServer(t, Config{Dir: dir}).DSN())
}

// runOwner starts a second process that owns the server of dir.
func runOwner(t *testing.T, dir string) (owner *exec.Cmd, postmaster int, dsn string) {
	t.Helper()
	owner = exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), ownerDir+"="+dir)
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Process.Kill(); owner.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, dsn, _ := strings.Cut(strings.TrimSpace(line), " ")
	if postmaster, err = strconv.Atoi(pid); err != nil {
		t.Fatalf("owner says %q", line)
	}
	return owner, postmaster, dsn
}

// runs is false for a zombie that nobody collects: it has no program any more.
func runs(pid int) bool {
	_, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil
}

func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for runs(pid) {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("process %d does not end", pid)
		}
	}
}

func TestKilledOwner(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]bool{
		"the orphan ends by itself": false,
		"the orphan does not end":   true, // as if the death signal had been lost
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := openDir(t)
			owner, postmaster, dsn := runOwner(t, dir)
			if _, err := Start(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrInUse) {
				t.Errorf("start beside a living owner: %v", err)
			}
			write(t, dsn)
			if hold {
				syscall.Kill(postmaster, syscall.SIGSTOP)
			}
			owner.Process.Kill()
			owner.Wait()
			if hold { // goes on only while the next Start waits for it
				go func() { <-time.After(50 * time.Millisecond); syscall.Kill(postmaster, syscall.SIGCONT) }()
			}
			if !hold {
				awaitEnd(t, postmaster) // nobody but the kernel tells it
			}
			read(t, startServer(t, Config{Dir: dir}).DSN())
			if runs(postmaster) {
				t.Errorf("orphan %d still runs", postmaster)
			}
		})
	}
}

func TestPidFileOfAnotherProgram(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s := startServer(t, Config{Dir: dir})
	write(t, s.DSN())
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	// PostgreSQL minds only processes of its own user.
	who, err := runAs()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "1000")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { other.Process.Kill(); other.Wait() }()
	pid := fmt.Sprintf("%d\n%s/data\n1\n1\n\n127.0.0.1\n\nready\n", other.Process.Pid, dir)
	if err := os.WriteFile(filepath.Join(dir, "data", "postmaster.pid"), []byte(pid), 0o644); err != nil {
		t.Fatal(err)
	}
	read(t, startServer(t, Config{Dir: dir}).DSN())
}

func TestUnreachableDirectoryBecomesALink(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("not root: every directory of ours is reachable")
		return
	}
	dir := filepath.Join(t.TempDir(), "postgres") // its parent is 0700 and root's
	first := startServer(t, Config{Dir: dir})
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Stop(); os.RemoveAll(real) })
	if filepath.Dir(real) != fallbackRoot {
		t.Errorf("files are in %s", real)
	}
	write(t, first.DSN())
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	read(t, startServer(t, Config{Dir: dir}).DSN())
}

func TestTakenPort(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{Dir: openDir(t)})
	_, err := Start(t.Context(), Config{Dir: openDir(t), Port: s.Port(), NoSyncInit: true})
	if err == nil || !strings.Contains(err.Error(), "could not create any TCP/IP sockets") {
		t.Errorf("start on a taken port: %v", err)
	}
}

func TestLastWordsAreBounded(t *testing.T) {
	t.Parallel()
	w := &lastWords{logger: slog.New(slog.DiscardHandler)}
	for i := range 100 {
		fmt.Fprintf(w, "line %d ", i)
		w.Write([]byte(strings.Repeat("x", 3*lineLength) + "\n"))
	}
	if n := len(w.String()); n > keptLines*(lineLength+2) || !strings.Contains(w.String(), "line 99 ") {
		t.Errorf("keeps %d bytes", n)
	}
}
