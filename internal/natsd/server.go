package natsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Limits every frontrow server runs with, embedded or not.
const (
	// MaxPayload bounds one message, bytes. It is the server's default, pinned
	// because clients are refused, not truncated, above it.
	MaxPayload = 1 << 20

	// MaxBatchesInflight bounds the open atomic batches of one stream. The
	// server's own 50 is too few: a client that dies in mid-batch keeps its slot
	// until MaxBatchTimeout has passed.
	MaxBatchesInflight = 1000
	// MaxBatchesInflightTotal bounds the open atomic batches of one server.
	MaxBatchesInflightTotal = 10_000
	// MaxBatchTimeout is how long an open batch may wait for its next message.
	MaxBatchTimeout = 2 * time.Second

	// MaxConsumers bounds the consumers of one stream. Every KV watch is one,
	// and the server's own 1,000 is fewer than the processes of a large region.
	MaxConsumers = 10_000

	startTimeout = 10 * time.Second
)

var (
	// ErrInUse means that another server, here or in another process, holds the
	// store directory.
	ErrInUse = errors.New("store directory is in use by another server")
	// ErrPortTaken means that something else listens on the address.
	ErrPortTaken = errors.New("address is already in use")
)

// Config describes one server without authentication; its zero value but for
// Dir serves on a free loopback port.
type Config struct {
	// Dir holds the streams. Required; created if absent.
	Dir string
	// Addr is host:port. A missing host means 127.0.0.1, since anybody who
	// reaches the port may do everything; a missing port, or port 0, means any
	// free one.
	Addr string
	// Name of the server, unique in its cluster; "frontrow" if empty.
	Name string
	// Domain is the JetStream domain; empty for none.
	Domain string
	// Cluster is the cluster of the server; the zero value means none.
	Cluster Cluster
	// Logger gets the server's lines at warn and above; nil discards them.
	Logger *slog.Logger
}

// Cluster is the servers that replicate each other's streams.
type Cluster struct {
	// Name is the same on all of them.
	Name string
	// Addr is host:port of this one for the others; host and port are needed.
	Addr string
	// Routes are the Addrs of all of them, this one included: clustered JetStream does not
	// start without routes, so the first server needs them too.
	Routes []string
}

// Options returns the server options of c, for callers that add to them before Run.
func (c Config) Options() (*server.Options, error) {
	if c.Dir == "" {
		return nil, errors.New("natsd: Config.Dir is empty")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("natsd: store directory: %w", err)
	}
	host, port, err := splitAddr(c.Addr)
	if err != nil {
		return nil, err
	}
	name := c.Name
	if name == "" {
		name = "frontrow"
	}
	opts := &server.Options{
		ServerName:      name,
		Host:            host,
		Port:            port,
		MaxPayload:      MaxPayload,
		JetStream:       true,
		JetStreamDomain: c.Domain,
		StoreDir:        dir,
		SyncAlways:      true,
		JetStreamLimits: server.JSLimitOpts{
			MaxBatchInflightPerStream: MaxBatchesInflight,
			MaxBatchInflightTotal:     MaxBatchesInflightTotal,
			MaxBatchTimeout:           MaxBatchTimeout,
			DefaultMaxConsumers:       MaxConsumers,
		},
	}
	return opts, c.Cluster.into(opts)
}

func (c Cluster) into(opts *server.Options) error {
	if c.Name == "" {
		return nil
	}
	host, port, err := splitAddr(c.Addr)
	if err != nil || port == server.RANDOM_PORT {
		return errors.Join(fmt.Errorf("natsd: cluster address %q: the others need a host and a port", c.Addr), err)
	}
	opts.Cluster = server.ClusterOpts{Name: c.Name, Host: host, Port: port}
	for _, r := range c.Routes {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats", Host: r})
	}
	return nil
}

func splitAddr(addr string) (host string, port int, err error) {
	host, port = "127.0.0.1", server.RANDOM_PORT
	if addr == "" {
		return host, port, nil
	}
	h, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("natsd: address %q: %w", addr, err)
	}
	if h != "" {
		host = h
	}
	if p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return "", 0, fmt.Errorf("natsd: address %q: port: %w", addr, err)
		}
		if n != 0 { // the server takes 0 for its default port
			port = int(n)
		}
	}
	return host, port, nil
}

// Server is a running nats-server.
type Server struct {
	native *server.Server
	lock   *os.File
	stop   sync.Once
}

// Start runs a server of c and returns when clients can connect and JetStream
// answers. ctx bounds the start only. The errors to tell apart are ErrInUse
// and ErrPortTaken.
func Start(ctx context.Context, c Config) (*Server, error) {
	opts, err := c.Options()
	if err != nil {
		return nil, err
	}
	return Run(ctx, opts, c.Logger)
}

// Run is Start for options that the caller has made itself, from a configuration file for
// instance. It takes ownership of opts.
func Run(ctx context.Context, opts *server.Options, logger *slog.Logger) (*Server, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	opts.NoSigs = true
	opts.NoLog = true // no logger of the server's own; ours is set below

	lock, err := lockDir(opts.StoreDir)
	if err != nil {
		return nil, err
	}
	native, err := server.NewServer(opts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("natsd: %w", err), lock.Close())
	}
	s := &Server{native: native, lock: lock}
	lines := &logLines{logger: logger.With("component", "nats-server", "server", opts.ServerName)}
	native.SetLoggerV2(lines, false, false, false)
	native.Start() // returns once its listeners accept
	if err := s.ready(ctx, lines); err != nil {
		s.Shutdown()
		return nil, fmt.Errorf("natsd: server on %s:%d: %w", opts.Host, opts.Port, err)
	}
	return s, nil
}

func (s *Server) ready(ctx context.Context, lines *logLines) error {
	if err := lines.fatalError(); err != nil {
		return err
	}
	wait := startTimeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	if s.native.ReadyForConnections(wait) {
		return nil
	}
	if err := lines.fatalError(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("not ready after %s", wait)
}

// lockDir claims dir for this server. nats-server itself does not notice a second server on
// its store, and the two would overwrite each other's blocks.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("natsd: store directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "natsd.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("natsd: store directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("natsd: %s: %w", dir, err)
	}
	return f, nil
}

// URL returns where clients connect, as nats://host:port.
func (s *Server) URL() string { return s.native.ClientURL() }

// Addr returns the client listener's host:port, the real port filled in.
func (s *Server) Addr() string { return s.native.Addr().String() }

// Native is the nats-server itself, for its in-process inspection calls.
func (s *Server) Native() *server.Server { return s.native }

// Connect opens a client connection over TCP, as every other client does: an
// in-process pipe would not survive a restart of the server.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	nc, err := nats.Connect(s.URL(), opts...)
	if err != nil {
		return nil, fmt.Errorf("natsd: connect to %s: %w", s.URL(), err)
	}
	return nc, nil
}

// Shutdown stops the server and returns when its files are closed and the
// directory is free. Calling it again is harmless.
func (s *Server) Shutdown() {
	s.stop.Do(func() {
		s.native.Shutdown()
		s.native.WaitForShutdown()
		s.lock.Close() // closing releases the lock; the file stays
	})
}
