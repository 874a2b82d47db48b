//go:build unix

package listener

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// fewFiles is how many files the process of TestIdleFlood may open, in the
// environment of that process alone.
const fewFiles = "FRONTROW_FEW_FILES"

// TestFewFiles is not a test but a server in a process that may open few files.
func TestFewFiles(t *testing.T) {
	var files uint64
	if _, err := fmt.Sscan(os.Getenv(fewFiles), &files); err != nil {
		t.Skip("the server of TestIdleFlood")
	}
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: files}))
	finish := make(chan struct{})
	s := serveWith(t, Config{}, nil, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long":
			w.(http.Flusher).Flush()
			<-finish
			_, _ = io.WriteString(w, "finished")
		case "/finish":
			close(finish)
		}
	})
	fmt.Println(s.addr)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
}

// TestIdleFlood: a process that may open few files, flooded with connections that
// are kept open after a request, from one address and from many networks, serves
// everybody else, and goes on serving whom it serves.
func TestIdleFlood(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestFewFiles$")
	cmd.Env = append(os.Environ(), fewFiles+"=1024")
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	addr = addr[:len(addr)-1]

	long := dial(t, addr, "127.0.0.99")
	_, err = io.WriteString(long, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	_, err = io.ReadFull(long, make([]byte, 12))
	must(t, err)
	honest := func(when string) {
		t.Helper()
		for i := range 10 {
			c := dial(t, addr, fmt.Sprint("127.0.1.", 1+i))
			if first, again := served(c), served(c); !first || !again {
				t.Errorf("%s: somebody else is not served", when)
			}
		}
	}
	flood := func(from string, n int) {
		t.Helper()
		for range n {
			if c, err := dialer(from).Dial("tcp", addr); err == nil {
				t.Cleanup(func() { _ = c.Close() })
				if !served(c) {
					t.Fatal("the flood itself is refused: it should make its own room")
				}
			}
		}
	}
	flood("127.0.0.1", 1000)
	honest("one address")
	for i := range 10 {
		flood(fmt.Sprintf("127.0.%d.1", 10+i), 100)
	}
	honest("many networks")
	last := dial(t, addr, "127.0.2.1")
	_, err = io.WriteString(last, "GET /finish HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	must(t, err)
	rest, err := bufio.NewReader(long).ReadString('f')
	if err != nil {
		t.Errorf("who was being served was cut off: %q, %v", rest, err)
	}
}
