//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const dialTimeout = 2 * time.Second

// balancer passes TCP connections on to the gateways in turn; one that takes no
// connection is passed over.
type balancer struct {
	listener net.Listener
	to       []string
	next     atomic.Uint32
}

func newBalancer(to ...string) (*balancer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &balancer{listener: l, to: to}, nil
}

func (b *balancer) url() string { return "http://" + b.listener.Addr().String() }

// run passes on until ctx ends.
func (b *balancer) run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { b.listener.Close() })()
	for {
		c, err := b.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of files: others will close
			continue
		}
		go b.pass(ctx, c.(*net.TCPConn))
	}
}

func (b *balancer) pass(ctx context.Context, from *net.TCPConn) {
	defer from.Close()
	to := b.dial()
	if to == nil {
		return
	}
	defer to.Close()
	defer context.AfterFunc(ctx, func() { from.Close(); to.Close() })()
	var both sync.WaitGroup
	both.Go(func() { stream(to, from) })
	both.Go(func() { stream(from, to) })
	both.Wait()
}

func (b *balancer) dial() *net.TCPConn {
	for range b.to {
		addr := b.to[int(b.next.Add(1))%len(b.to)]
		if c, err := net.DialTimeout("tcp", addr, dialTimeout); err == nil {
			return c.(*net.TCPConn)
		}
	}
	return nil
}

// stream copies until one side ends, and tells the other. The other direction
// may have something to say still.
func stream(to, from *net.TCPConn) {
	_, _ = io.Copy(to, from)
	_ = to.CloseWrite()
	_ = from.CloseRead()
}
