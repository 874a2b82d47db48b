package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"frontrow/internal/loopback"
)

// redisConns is how many connections share the commands in flight. Few and
// pipelined is Redis at its best: with 512 callers on 2 cores, 4 connections did
// 60,000 scripts a second, 16 and 64 about 50,000, a connection a caller 36,000. The
// client is our own: rueidis needs 15 µs for ZADD and ZRANK where this needs 12.
const redisConns = 4

const redisPatience = 10 * time.Second

// redis is a redis-server of our own and a pipelining client to it.
type redis struct {
	cmd   *exec.Cmd
	conns []*redisConn
	next  atomic.Uint64
}

// startRedis runs a server until the row ends. With durable, every write is in the
// append-only file and fsynced before its answer; without, nothing is written.
func (b *bench) startRedis(ctx context.Context, durable bool) (*redis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("redis-server, the baseline, is not installed: install the Debian package redis-server (apt-get install redis-server)")
	}
	dir := filepath.Join(b.dir, fmt.Sprintf("redis-%t", durable))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	reserved, err := loopback.Reserve(1)
	if err != nil {
		return nil, err
	}
	b.end(reserved.Close)
	args := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(reserved.Ports()[0]), "--dir", dir, "--save", "", "--appendonly", "no"}
	if durable {
		// No rewrite of the file in mid-measurement: to the baseline's advantage.
		args = append(args[:len(args)-1], "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
	}
	r := &redis{cmd: exec.Command(path, args...)}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("redis-server: %w", err)
	}
	b.end(r.stop)
	if err := r.connect(ctx, reserved.Addrs()[0], durable); err != nil {
		return nil, fmt.Errorf("redis-server: %w", err)
	}
	return r, nil
}

func (r *redis) connect(ctx context.Context, addr string, durable bool) error {
	for len(r.conns) < redisConns {
		err := eventually(ctx, func() error { // it may not be listening yet
			c, err := net.Dial("tcp", addr)
			if err == nil {
				r.conns = append(r.conns, newRedisConn(c))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	info, err := r.do([]string{"INFO", "persistence"})
	if want := map[bool]string{true: "aof_enabled:1", false: "aof_enabled:0"}[durable]; err == nil && !strings.Contains(info, want) {
		err = fmt.Errorf("append-only file: not %s", want)
	}
	return err
}

// stop kills the server: nobody needs its files any more.
func (r *redis) stop() {
	for _, c := range r.conns {
		c.net.Close()
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// redisSide is a side with a server of its own.
type redisSide struct {
	side
	*redis
	script string // loaded into it
}

// redisSide starts a server for the rounds of a row; each finds it empty.
func (b *bench) redisSide(ctx context.Context, name string, durable bool, ops int, of func(r *redisSide, round int) operation) (*redisSide, error) {
	server, err := b.startRedis(ctx, durable)
	r := &redisSide{redis: server}
	r.side = side{name: name, prepare: func(_ context.Context, round int) (operation, int, error) {
		_, err := r.do([]string{"FLUSHALL"})
		return of(r, round), ops, err
	}}
	return r, err
}

// do sends commands in one pipeline and returns the last one's answer.
func (r *redis) do(commands ...[]string) (string, error) {
	c := r.conns[r.next.Add(1)%uint64(len(r.conns))]
	return c.do(commands)
}

// redisConn speaks RESP2: commands are written as they come, flushed together,
// and answered in order.
type redisConn struct {
	net net.Conn

	mu      sync.Mutex
	out     []byte
	waiting []*redisCall // in the order of their commands
	wake    chan struct{}

	sent chan []*redisCall
}

type redisCall struct {
	answers int // still to come
	last    string
	err     error
	done    chan struct{}
}

func newRedisConn(c net.Conn) *redisConn {
	rc := &redisConn{net: c, wake: make(chan struct{}, 1), sent: make(chan []*redisCall, 1024)}
	go rc.write()
	go rc.read()
	return rc
}

func (c *redisConn) do(commands [][]string) (string, error) {
	call := &redisCall{answers: len(commands), done: make(chan struct{})}
	c.mu.Lock()
	for _, args := range commands {
		c.out = append(strconv.AppendInt(append(c.out, '*'), int64(len(args)), 10), "\r\n"...)
		for _, a := range args {
			c.out = append(strconv.AppendInt(append(c.out, '$'), int64(len(a)), 10), "\r\n"...)
			c.out = append(append(c.out, a...), "\r\n"...)
		}
	}
	c.waiting = append(c.waiting, call)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	<-call.done // the reader's deadline bounds it
	return call.last, call.err
}

func (c *redisConn) write() {
	var out []byte
	for range c.wake {
		c.mu.Lock()
		out, c.out = c.out, out[:0]
		calls := c.waiting
		c.waiting = nil
		c.mu.Unlock()
		c.sent <- calls
		if _, err := c.net.Write(out); err != nil {
			c.net.Close() // the reader tells the callers
		}
	}
}

func (c *redisConn) read() {
	in := bufio.NewReaderSize(c.net, 64<<10)
	for calls := range c.sent {
		_ = c.net.SetReadDeadline(time.Now().Add(redisPatience))
		for _, call := range calls {
			for ; call.answers > 0; call.answers-- {
				answer, err := readAnswer(in)
				call.last = answer
				if err != nil {
					call.err = err
				}
			}
			close(call.done)
		}
	}
}

// readAnswer reads a simple string, an error, an integer or a bulk string.
func readAnswer(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil || len(line) < 3 {
		return "", errors.Join(errors.New("redis: connection broken"), err)
	}
	text := line[1 : len(line)-2]
	switch line[0] {
	case '+', ':':
		return text, nil
	case '$':
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return "", err
		}
		body := make([]byte, n+2)
		_, err = io.ReadFull(in, body)
		return string(body[:n]), err
	}
	return "", errors.New("redis: " + text)
}
