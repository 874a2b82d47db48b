package kv_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natsd"
	"frontrow/kv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// killedServer names the store of the server this process is to be, and its
// address, when the test has started it as a child to kill.
const killedServer, killedAddr = "KV_TEST_SERVER_DIR", "KV_TEST_SERVER_ADDR"

func TestMain(m *testing.M) {
	dir := os.Getenv(killedServer)
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := natsd.Start(context.Background(), natsd.Config{Dir: dir, Addr: os.Getenv(killedAddr)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test has gone
}

// child starts a server process on dir; kill ends it with SIGKILL.
func child(t *testing.T, dir, addr string) (at string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killedServer+"="+dir, killedAddr+"="+addr)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("server did not start: %v", err)
	}
	return line[:len(line)-1], kill
}

// A server killed in the middle of batches comes back with everything it
// acknowledged, and no batch in part.
func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	const kills, size = 4, 40
	dir := t.TempDir()
	addr, kill := child(t, dir, "")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	nc, err := nats.Connect(addr, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	b, err := kv.Create(ctx, js, jetstream.StreamConfig{
		Name: "KV_killed", Subjects: []string{"$KV.killed.>"}, MaxMsgsPerSubject: 1,
		AllowAtomicPublish: true, AllowDirect: true, Storage: jetstream.FileStorage,
	})
	if err != nil {
		t.Fatal(err)
	}
	var n, acked atomic.Int64
	revisions := sync.Map{}
	for k := range kills {
		var wg sync.WaitGroup
		flowing := make(chan struct{})
		for lane := range 3 {
			wg.Go(func() {
				for i := 0; ; i++ {
					if lane == 0 && i == 10 {
						close(flowing)
					}
					id := n.Add(1)
					var msgs []kv.Msg
					for j := range size {
						msgs = append(msgs, kv.Msg{Subject: b.Subject(fmt.Sprintf("b%d.%d", id, j)), Expect: kv.Absent()})
					}
					msgs = append(msgs, kv.Msg{Subject: b.Subject(fmt.Sprintf("lane.%d", lane)), Data: fmt.Append(nil, id)})
					ack, err := kv.Publish(ctx, nc, msgs)
					if err != nil {
						if !errors.Is(err, kv.ErrUnknown) && !errors.Is(err, kv.ErrBusy) {
							t.Error(err)
						}
						return
					}
					acked.Add(1)
					for j := range size {
						revisions.Store(fmt.Sprintf("b%d.%d", id, j), ack.Revision(j))
					}
				}
			})
		}
		<-flowing
		kill()
		wg.Wait()
		addr, kill = child(t, dir, addr)
		for !nc.IsConnected() {
			if ctx.Err() != nil {
				t.Fatalf("not connected again after kill %d", k)
			}
			_ = nc.FlushWithContext(ctx)
		}
	}
	all, err := b.All(ctx, ">")
	if err != nil {
		t.Fatal(err)
	}
	found, batches := map[string]kv.Revision{}, map[string]int{}
	for _, e := range all {
		found[e.Key] = e.Revision
		var id, j int
		if got, _ := fmt.Sscanf(e.Key, "b%d.%d", &id, &j); got == 2 {
			batches[fmt.Sprint(id)]++
		}
	}
	revisions.Range(func(key, want any) bool {
		if found[key.(string)] != want.(kv.Revision) {
			t.Errorf("%s: acknowledged at %d, found at %d", key, want, found[key.(string)])
		}
		return !t.Failed()
	})
	for id, count := range batches {
		if count != size {
			t.Errorf("batch %s has %d of %d messages", id, count, size)
		}
	}
	t.Logf("%d batches acknowledged, %d stored, %d kills", acked.Load(), len(batches), kills)
}
