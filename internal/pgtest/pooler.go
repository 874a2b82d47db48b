package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"frontrow/internal/loopback"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

const (
	pgbouncer = "/usr/sbin/pgbouncer"
	// PoolSize is how many connections a PgBouncer keeps to each database:
	// fewer than clients have, so that they share them.
	PoolSize = 4
)

// PgBouncer is a pooler in transaction mode. Its methods fail the test instead of returning
// errors; only the test's goroutine may call them.
type PgBouncer struct {
	t    testing.TB
	dir  string
	dsn  string
	who  *syscall.SysProcAttr
	live *exec.Cmd // nil while stopped
	said bytes.Buffer
}

// Pooler runs a PgBouncer in front of the server of dsn. It ends with the test.
func Pooler(t testing.TB, dsn string) *PgBouncer {
	t.Helper()
	if _, err := os.Stat(pgbouncer); err != nil {
		t.Fatalf("pgtest: %v; install the package pgbouncer (Debian, Ubuntu: apt-get install pgbouncer)", err)
	}
	dir, err := os.MkdirTemp("", tempPattern)
	if err != nil {
		t.Fatal(err)
	}
	p := &PgBouncer{t: t, dir: dir, who: &syscall.SysProcAttr{Setpgid: true}}
	t.Cleanup(func() {
		p.Stop()
		os.RemoveAll(dir)
	})
	if err := p.configure(dsn); err != nil {
		t.Fatal("pgtest: pgbouncer: ", err)
	}
	p.Start()
	return p
}

// DSN returns the DSN of the database through the pooler, in the protocol mode that needs
// no prepared statements. It stays the same across restarts.
func (p *PgBouncer) DSN() string { return p.dsn }

// configure writes the pooler's files and finds a user to run it as: it refuses to run as
// root.
func (p *PgBouncer) configure(dsn string) error {
	server, err := url.Parse(dsn)
	if err != nil {
		return err
	}
	port, err := loopback.Reserve(1)
	if err != nil {
		return err
	}
	p.t.Cleanup(port.Close)
	front := *server
	front.Host = port.Addrs()[0]
	q := front.Query()
	q.Set("default_query_exec_mode", "exec")
	front.RawQuery = q.Encode()
	p.dsn = front.String()

	secret, _ := server.User.Password()
	users := fmt.Sprintf("%q %q\n", server.User.Username(), secret)
	ini := fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
pool_mode = transaction
default_pool_size = %d
max_client_conn = 200
auth_type = scram-sha-256
auth_file = %s
server_login_retry = 1
log_connections = 0
log_disconnections = 0
`, server.Hostname(), server.Port(), port.Ports()[0], PoolSize, filepath.Join(p.dir, "users"))
	for name, content := range map[string]string{"users": users, "ini": ini} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	p.who.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return errors.Join(err1, err2, os.Chown(p.dir, uid, gid),
		os.Chown(filepath.Join(p.dir, "users"), uid, gid), os.Chown(filepath.Join(p.dir, "ini"), uid, gid))
}

// Start runs the stopped pooler again and returns when it accepts connections.
func (p *PgBouncer) Start() {
	p.t.Helper()
	if p.live != nil {
		return
	}
	p.said.Reset()
	cmd := exec.Command(pgbouncer, "-q", filepath.Join(p.dir, "ini"))
	cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = p.who, &p.said, &p.said
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.live = cmd
	ctx, cancel := context.WithTimeout(context.Background(), stepLimit)
	defer cancel()
	conn, err := backoff.Retry(ctx, func() (*pgx.Conn, error) { return pgx.Connect(ctx, p.dsn) }, backoff.WithBackOff(backoff.NewConstantBackOff(10*time.Millisecond)))
	if err != nil {
		p.Stop()
		p.t.Fatalf("pgtest: pgbouncer is not ready: %v: %s", err, &p.said)
	}
	conn.Close(ctx)
}

// Stop ends the pooler at once, as a crash does: its clients' transactions are
// cut off.
func (p *PgBouncer) Stop() {
	if p.live == nil {
		return
	}
	if err := p.live.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	_ = p.live.Wait() // killed
	p.live = nil
}
