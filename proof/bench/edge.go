package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"frontrow/gateway"
	"frontrow/gateway/abuse"
	"frontrow/gateway/abuse/challenge"
	"frontrow/gateway/abuse/limit"
	"frontrow/gateway/client"
	"frontrow/keyring"
)

// httpCallers is also the number of open connections.
const httpCallers = 1024

// edge is a gateway with open connections, whose budgets nobody spends.
type edge struct{ conns chan *httpConn }

func openEdge(r *region, keys *keyring.Keyring) (*edge, error) {
	nc, err := r.connect()
	if err != nil {
		return nil, err
	}
	var unspent strings.Builder
	for _, budget := range []string{"join.address", "join.network", "new-fan.address", "hold.address", "hold.network", "held.address"} {
		unspent.WriteString(budget + "=30000000-M ")
	}
	budgets, err := limit.ParseBudgets(unspent.String())
	if err != nil {
		return nil, err
	}
	g, err := gateway.New(gateway.Config{Addr: "127.0.0.1:0", NATS: nc, Keys: keys, Defences: abuse.Config{
		Proxies: client.Loopback(), Budgets: budgets, Thresholds: challenge.Thresholds{Standard: 101, Strong: 101}}})
	if err != nil {
		return nil, err
	}
	r.background("gateway", g.Run)
	e := &edge{make(chan *httpConn, httpCallers)}
	r.bench.end(e.close)
	for i := range httpCallers {
		e.conns <- &httpConn{addr: g.Addr(), from: fmt.Sprintf("X-Forwarded-For: 10.1.%d.%d\r\n", i>>8, i&255)}
	}
	return e, nil
}

func (e *edge) close() {
	for len(e.conns) > 0 {
		if c := <-e.conns; c.net != nil {
			c.net.Close()
		}
	}
}

// httpRequest is a POST of JSON.
type httpRequest struct {
	path   string
	header string // lines of its own
	body   string
}

// created borrows a connection for a request that must create something.
func (e *edge) created(r httpRequest) error {
	c := <-e.conns
	defer func() { e.conns <- c }()
	return c.post(r)
}

// httpConn is an HTTP/1.1 client that reads no more of an answer than it must,
// so that the load costs less than what it measures.
type httpConn struct {
	addr string
	from string   // a header: every connection is another client's
	net  net.Conn // nil before the first request: a gateway waits for that only so long
	in   *bufio.Reader
}

func (c *httpConn) post(r httpRequest) error {
	if c.net == nil {
		open, err := net.Dial("tcp", c.addr)
		if err != nil {
			return err
		}
		c.net, c.in = open, bufio.NewReaderSize(open, 2<<10)
	}
	_ = c.net.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c.net, "POST "+r.path+" HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "+
		strconv.Itoa(len(r.body))+"\r\n"+r.header+c.from+"\r\n"+r.body); err != nil {
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
