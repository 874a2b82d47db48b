package pgd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"frontrow/internal/loopback"

	"github.com/jackc/pgx/v5"
)

const (
	// user is the superuser and the name of the database.
	user = "frontrow"

	// readyLimit bounds the start, a recovery after a crash included.
	readyLimit = 2 * time.Minute
	readyPoll  = 5 * time.Millisecond
	// fastLimit is how long a fast shutdown may take before an immediate one.
	fastLimit      = 30 * time.Second
	immediateLimit = 10 * time.Second
	// portAttempts bounds the starts on a port taken between choice and use.
	portAttempts = 3
)

var (
	// ErrInUse means that a living process runs the PostgreSQL of the directory.
	ErrInUse = errors.New("directory is in use by another process")
	// ErrNotInstalled means that no usable PostgreSQL was found.
	ErrNotInstalled = errors.New("PostgreSQL is not installed")
)

// Config says where the server keeps its files.
type Config struct {
	// Dir holds everything; required, made if absent. See the package comment
	// for what is in it and for what happens under root.
	Dir string
	// Port to listen on; 0 for any free one.
	Port int
	// NoSyncInit skips the fsyncs of initdb, nothing else. For tests, whose
	// directory does not outlive the machine.
	NoSyncInit bool
	// StandbyOf is the DSN, as a URL, of a running Server that this one follows as a
	// streaming replica: its first start copies that server instead of making a cluster,
	// its password is that server's, and it accepts only reads. It keeps following after a
	// restart of either.
	StandbyOf string
	// Logger gets PostgreSQL's fatal and panic lines; nil discards them.
	Logger *slog.Logger
}

// settings returns the settings for the command line, where they override the directory's
// own configuration.
func settings(port int) []string {
	return []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(port),
		"unix_socket_directories=",
		"fsync=on",
		"synchronous_commit=on",
		"full_page_writes=on",
		"wal_compression=on",
		"max_connections=200",
		"shared_buffers=256MB",
		"max_wal_size=2GB", // a sale is one burst of writes; don't checkpoint during it
		"timezone=UTC",
		// Callers handle errors, whose texts carry row values.
		"logging_collector=off",
		"log_destination=stderr",
		"log_min_messages=fatal",
		"log_min_error_statement=panic",
		"log_error_verbosity=terse",
		"log_line_prefix=",
	}
}

// Server is a running PostgreSQL.
type Server struct {
	dir      string
	port     int
	password string
	lock     *os.File
	reserved *loopback.Reservation // of port; nil when that was given
	process  *process

	stop    sync.Once
	stopErr error
}

// Start returns when the database "frontrow" accepts connections. ctx bounds
// the start only. The errors to tell apart are ErrInUse and ErrNotInstalled.
func Start(ctx context.Context, c Config) (*Server, error) {
	if c.Dir == "" {
		return nil, errors.New("pgd: Config.Dir is empty")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for attempt := 1; ; attempt++ {
		s, err := start(ctx, c)
		if err == nil {
			return s, nil
		}
		taken := strings.Contains(err.Error(), "could not create any TCP/IP sockets")
		if !taken || c.Port != 0 || attempt == portAttempts {
			return nil, fmt.Errorf("pgd: %s: %w", c.Dir, err)
		}
	}
}

func start(ctx context.Context, c Config) (*Server, error) {
	who, err := runAs()
	if err != nil {
		return nil, err
	}
	dir, err := place(c.Dir, who)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, lock: lock}
	if err := s.run(ctx, c, dir, who); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *Server) run(ctx context.Context, c Config, dir string, who *syscall.Credential) error {
	data := filepath.Join(dir, "data")
	bin, err := findBinaries(data)
	if err != nil {
		return err
	}
	if c.StandbyOf != "" {
		s.password, err = follow(ctx, bin, dir, who, c.StandbyOf)
	} else if s.password, err = password(dir, who); err == nil {
		err = initialise(ctx, bin, dir, who, c.NoSyncInit)
	}
	if err != nil {
		return err
	}
	if err := stopOrphans(ctx, data); err != nil {
		return err
	}
	if s.port = c.Port; s.port == 0 {
		if s.reserved, err = loopback.Reserve(1); err != nil {
			return err
		}
		s.port = s.reserved.Ports()[0]
	}
	return s.spawn(ctx, bin, dir, who, c.Logger)
}

// spawn starts the process, and leaves none behind if it does not become ready.
func (s *Server) spawn(ctx context.Context, bin, dir string, who *syscall.Credential, logger *slog.Logger) error {
	args := []string{"-D", filepath.Join(dir, "data")}
	for _, set := range settings(s.port) {
		args = append(args, "-c", set)
	}
	cmd := command(context.Background(), filepath.Join(bin, "postgres"), args, dir, who)
	p, err := launch(cmd, logger.With("component", "postgresql"), s.release)
	if err != nil {
		return err
	}
	s.process = p
	err = p.awaitReady(ctx, filepath.Join(dir, "data", "postmaster.pid"))
	if err == nil {
		err = s.createDatabase(ctx)
	}
	if err != nil {
		return errors.Join(err, p.stop())
	}
	return nil
}

func (s *Server) release() {
	s.reserved.Close()
	s.lock.Close() // closing releases the lock; the file stays
}

func (s *Server) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", user).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+user)
	return err
}

func (s *Server) dsn(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     database,
		RawQuery: "sslmode=disable", // it never leaves the machine
	}
	return u.String()
}

// DSN returns the connection string of the database "frontrow", password included,
// as a postgres:// URL.
func (s *Server) DSN() string { return s.dsn(user) }

// PassfileDSN returns DSN without the password, which is in a file that only the owner may
// read. Both libpq and pgx understand it.
func (s *Server) PassfileDSN() (string, error) {
	path := filepath.Join(s.dir, "pgpass")
	line := fmt.Sprintf("127.0.0.1:%d:*:%s:%s\n", s.port, user, s.password)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		return "", err
	}
	u, err := url.Parse(s.DSN())
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("passfile", path)
	u.User, u.RawQuery = url.User(user), q.Encode()
	return u.String(), nil
}

// Port returns the port it listens on, at 127.0.0.1.
func (s *Server) Port() int { return s.port }

// Pid returns the process id of the postmaster.
func (s *Server) Pid() int { return s.process.cmd.Process.Pid }

// Done returns a channel that is closed when PostgreSQL has ended, by Stop or by itself.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Err returns nil until Done is closed, and afterwards if Stop was the reason. Otherwise it
// says how PostgreSQL ended, with its last log lines.
func (s *Server) Err() error {
	select {
	case <-s.process.done:
		return s.process.err
	default:
		return nil
	}
}

// Stop ends PostgreSQL by a fast shutdown (open transactions are rolled back) and returns
// when it has ended. It fails if that took force; what was committed is still safe. Calling
// it again is harmless.
func (s *Server) Stop() error {
	s.stop.Do(func() { s.stopErr = s.process.stop() })
	return s.stopErr
}
