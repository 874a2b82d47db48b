package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"frontrow/gateway/listener"
)

// halfOpen is how many connections TestHalfOpenSockets holds half-open. "make
// halfopen" sets it to 10,000.
const halfOpen = "FRONTROW_HALF_OPEN"

// An attacker is a process of its own, since a process has only so many files.
const (
	attackerOf  = "FRONTROW_ATTACKER" // address to attack; set in the attackers alone
	attackerNet = "FRONTROW_ATTACKER_NET"
	perAttacker = 2000
	perAddress  = 500
)

// TestAttacker is not a test but the attacker's process.
func TestAttacker(t *testing.T) {
	to, network := os.Getenv(attackerOf), os.Getenv(attackerNet)
	if to == "" {
		t.Skip("the attackers of TestHalfOpenSockets")
	}
	n, err := strconv.Atoi(os.Getenv(halfOpen))
	must(t, err)
	var conns []net.Conn
	for i := range n {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("127.0.%s.%d", network, 1+i/perAddress))}, Timeout: waitLimit}
		c, err := d.Dial("tcp", to)
		must(t, err)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nX-Slow: ")
		conns = append(conns, c)
	}
	fmt.Println("attacking")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
	for _, c := range conns {
		_ = c.Close()
	}
}

// TestHalfOpenSockets: with thousands of connections that began a request and
// don't finish it, renewed by the server's own cuts, honest clients are served.
func TestHalfOpenSockets(t *testing.T) {
	n := 2000
	if v := os.Getenv(halfOpen); v != "" {
		var err error
		n, err = strconv.Atoi(v)
		must(t, err)
	}
	s := open(t)
	for i := 0; n > 0; i++ {
		some := min(n, perAttacker)
		n -= some
		cmd := exec.Command(os.Args[0], "-test.run=^TestAttacker$")
		cmd.Env = append(os.Environ(), attackerOf+"="+s.Addr(), fmt.Sprint(attackerNet, "=", 10+i), fmt.Sprint(halfOpen, "=", some))
		stdin, err := cmd.StdinPipe()
		must(t, err)
		stdout, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
		if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "attacking\n" {
			t.Fatalf("attacker: %q, %v", line, err)
		}
	}
	under := s.listener.Stats()
	if under.HalfOpen == 0 || under.HalfOpen > listener.DefaultMaxHalfOpen {
		t.Errorf("%+v", under)
	}
	var took []time.Duration
	for range 200 {
		began := time.Now()
		c := s.connect("127.0.0.1")
		must(t, c.say(get("x")))
		if got := c.answer(); got != http.StatusOK {
			t.Fatalf("an honest client: %d", got)
		}
		took = append(took, time.Since(began))
		_ = c.Close()
	}
	slices.Sort(took)
	t.Logf("%d half-open, %d cut so far; honest requests on new connections: median %v, p99 %v", under.HalfOpen, under.Refused, took[100], took[198])
	s.until("the slow are cut off", func() bool { return s.listener.Stats().HalfOpen == 0 })
}
