package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"frontrow/gateway"
	"frontrow/gateway/challenge"
	"frontrow/gateway/client"
	"frontrow/gateway/defence"
	"frontrow/gateway/limit"
	"frontrow/wire"
)

// httpCallers is also the number of open connections.
const httpCallers = 1024

// benchJoinHTTP is the row "join over http".
func benchJoinHTTP(ctx context.Context, b *bench) error {
	region, err := startRegion(ctx, b.dir, smallest, 1)
	if err != nil {
		return err
	}
	defer region.close()
	nc, err := region.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	unspent, err := limit.ParseBudgets("join.address=30000000-M join.network=30000000-M new-fan.address=30000000-M")
	if err != nil {
		return err
	}
	g, err := gateway.New(gateway.Config{Addr: "127.0.0.1:0", NATS: nc, Keys: wire.NewKeyring(), Defences: defence.Config{
		Proxies: client.Loopback(), Budgets: unspent, Thresholds: challenge.Thresholds{Standard: 101, Strong: 101}}})
	if err != nil {
		return err
	}
	defer region.background("gateway", g.Run)()
	conns := make(chan *httpConn, httpCallers)
	defer func() {
		for len(conns) > 0 {
			(<-conns).net.Close()
		}
	}()
	for i := range httpCallers {
		c, err := net.Dial("tcp", g.Addr())
		if err != nil {
			return err
		}
		conns <- &httpConn{net: c, in: bufio.NewReaderSize(c, 2<<10), from: fmt.Sprintf("X-Forwarded-For: 10.1.%d.%d\r\n\r\n{}", i>>8, i&255)}
	}
	ours := side{name: "frontrow", prepare: func(ctx context.Context, round int) (func(context.Context, int) error, int, error) {
		event := fmt.Sprint("http-", round)
		if err := region.stage(ctx, event); err != nil {
			return nil, 0, err
		}
		request := []byte("POST /v1/events/" + event + "/places HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: 2\r\n")
		err := eventually(ctx, func() error { return one(conns, request) })
		return func(context.Context, int) error { return one(conns, request) }, unbounded, err
	}}
	baseline, err := b.redisJoin(ctx)
	if err != nil {
		return err
	}
	defer baseline.close()
	figures, err := b.alternate(ctx, httpCallers, ours, baseline.side)
	if err != nil {
		return err
	}
	b.report(result{Row: "join over http", Mode: "R1", Unit: "places/s", Callers: httpCallers,
		Note: "POST /v1/events/{event}/places of a new fan on open connections: limits, risk score, cookie, place and receipt; the baseline is without HTTP and without a receipt"},
		figures[0], figures[1], "Redis, ZADD NX and ZRANK in one pipeline, AOF always; no HTTP, no receipt")
	return nil
}

// eventually repeats try, while the gateway gets to know the event.
func eventually(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// one borrows a connection for a request that must create a place.
func one(conns chan *httpConn, request []byte) error {
	c := <-conns
	defer func() { conns <- c }()
	return c.post(request)
}

// httpConn is an HTTP/1.1 client that reads no more of an answer than it must,
// so that the load costs less than what it measures.
type httpConn struct {
	net  net.Conn
	in   *bufio.Reader
	from string // the last header and the body: every connection is another client's
}

func (c *httpConn) post(request []byte) error {
	_ = c.net.SetDeadline(time.Now().Add(patience))
	if _, err := c.net.Write(append(request[:len(request):len(request)], c.from...)); err != nil {
		return err
	}
	status, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	created := bytes.HasPrefix(status, []byte("HTTP/1.1 201 "))
	text := string(bytes.TrimSpace(status))
	length := -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(v)); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	if _, err := c.in.Discard(length); err != nil {
		return err
	}
	if !created {
		return errors.New(text)
	}
	return nil
}
