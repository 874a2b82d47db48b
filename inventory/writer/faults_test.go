package writer

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// crowd holds pairs of seats until it is stopped, sometimes two fans the same,
// gives some back, and remembers what it was promised of the rest.
type crowd struct {
	h        *fixture
	stop     func()
	answered atomic.Int64  // promises
	went     chan struct{} // one more promise

	mu       sync.Mutex
	promised map[string][]string // seats by hold
	problems map[wire.Code]int
}

const (
	fans     = 24
	fanKeeps = 10          // holds
	fanWaits = time.Second // for an answer, before the same is asked again
)

func (h *fixture) crowd() *crowd {
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{h: h, went: make(chan struct{}, 1), promised: map[string][]string{}, problems: map[wire.Code]int{}}
	nc := h.Env.Connect(h.T, nats.ReconnectBufSize(-1))
	var wg sync.WaitGroup
	for range fans {
		wg.Go(func() {
			var mine []wire.HoldRequest
			for ctx.Err() == nil {
				if r := c.request(); c.hold(ctx, nc, r) {
					mine = append(mine, r)
				}
				if len(mine) > fanKeeps {
					c.release(ctx, nc, mine[0])
					mine = mine[1:]
				}
			}
		})
	}
	var once sync.Once
	c.stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	h.T.Cleanup(c.stop)
	return c
}

func (c *crowd) request() wire.HoldRequest {
	pair := rand.IntN(c.h.Index.Len() / 2)
	return wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()),
		Seats: []string{c.h.Index.ID(2 * pair), c.h.Index.ID(2*pair + 1)}}
}

// release gives a hold back; unless it is answered, it may or may not be.
func (c *crowd) release(ctx context.Context, nc *nats.Conn, r wire.HoldRequest) {
	c.mu.Lock()
	delete(c.promised, r.Hold)
	c.mu.Unlock()
	raw, err := json.Marshal(wire.ReleaseRequest{Hold: r.Hold, Fan: r.Claims.Fan})
	if err != nil {
		panic(err) // plain records
	}
	wait, cancel := context.WithTimeout(ctx, fanWaits)
	defer cancel()
	_, _ = nc.RequestWithContext(wait, wire.SeatsSubject("demo", wire.ActRelease), raw)
}

// hold asks for a pair until it has an answer, and reports whether it is a promise.
func (c *crowd) hold(ctx context.Context, nc *nats.Conn, r wire.HoldRequest) bool {
	raw, err := json.Marshal(r)
	if err != nil {
		panic(err) // plain records
	}
	for ctx.Err() == nil {
		wait, cancel := context.WithTimeout(ctx, fanWaits)
		m, err := nc.RequestWithContext(wait, wire.SeatsSubject("demo", wire.ActHold), raw)
		cancel()
		if err != nil {
			pause(ctx)
			continue
		}
		var reply wire.HoldReply
		if err := json.Unmarshal(m.Data, &reply); err != nil {
			c.h.T.Error(err)
			return false
		}
		if reply.Problem != nil {
			c.mu.Lock()
			c.problems[reply.Problem.Code]++
			c.mu.Unlock()
			pause(ctx)
			if reply.Problem.Code == wire.CodeUnavailable {
				continue
			}
			return false
		}
		c.mu.Lock()
		c.promised[r.Hold] = r.Seats
		c.mu.Unlock()
		c.answered.Add(1)
		select {
		case c.went <- struct{}{}:
		default:
		}
		return true
	}
	return false
}

// goesOn waits for n more promises.
func (c *crowd) goesOn(n int64) {
	c.h.T.Helper()
	limit := time.After(2 * inventorytest.Patience)
	for until := c.answered.Load() + n; c.answered.Load() < until; {
		select {
		case <-c.went:
		case <-limit:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.h.T.Fatalf("holds don't go on: %d promised so far, problems %v", len(c.promised), c.problems)
		}
	}
}

// kept stops the crowd and checks every promise against the records.
func (c *crowd) kept() {
	t := c.h.T
	t.Helper()
	c.stop()
	records := c.h.Records()
	for hold, seats := range c.promised {
		for _, id := range seats {
			if r := records[id]; r.State != wire.Held || r.Hold != hold {
				t.Errorf("seat %s was promised to %s, its record says %s %s", id, hold, r.State, r.Hold)
			}
		}
	}
	t.Logf("%d holds promised and kept; problems %v", len(c.promised), c.problems)
}

// The leader of the seats' stream changes again and again.
func TestHoldsOutliveLeaderChanges(t *testing.T) {
	h := newFixture(t, natstest.Cluster(t), seatingtest.Hall(t, 20, 100, 0), nil)
	h.worker("one", nil)
	h.worker("two", nil)
	c := h.crowd()
	c.goesOn(20)
	for range 10 {
		h.Env.StepDown(wire.KVStream(wire.SeatsBucket("demo")))
		c.goesOn(20)
	}
	c.kept()
}

// Each of three servers stops and comes back, one after the other.
func TestHoldsOutliveServers(t *testing.T) {
	h := newFixture(t, natstest.Cluster(t), seatingtest.Hall(t, 20, 100, 0), nil)
	h.worker("one", nil)
	h.worker("two", nil)
	c := h.crowd()
	for i := range 3 {
		c.goesOn(20)
		h.Env.StopServer(i)
		c.goesOn(20)
		h.Env.StartServer(i)
	}
	c.goesOn(20)
	c.kept()
}

// PostgreSQL is away: fans hold seats as before, a checkout past its deadline
// keeps its seats, and when PostgreSQL is back, what waited is decided.
func TestHoldsOutliveTheLedger(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 20, 100, 0), nil)
	clock := &inventorytest.Clock{}
	first := h.worker("one", clock.Now)
	fan := wire.NewFan()
	hold := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Best: &wire.Best{Count: 1}})
	if r := ask[wire.HoldReply](h, wire.ActCheckout, wire.CheckoutRequest{Hold: hold.Hold, Fan: fan, Key: "k"}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	seat := hold.Seats[0].ID
	h.Ledger.Fail(true)
	clock.Shift(10 * time.Minute) // past the checkout's deadline
	c := h.crowd()
	c.goesOn(50)
	for asked := ""; asked != wire.OrderOfHold(hold.Hold); {
		asked = <-h.Ledger.Asked
	}
	first.Stop() // a take-over doesn't need the ledger either
	h.worker("two", clock.Now)
	c.goesOn(50)
	if r := h.Record(seat); r.State != wire.Held || r.Hold != hold.Hold {
		t.Errorf("freed without an answer of the ledger: %+v", r)
	}
	h.Ledger.Fail(false)
	h.Becomes(seat, func(s wire.Seat) bool { return s.Hold != hold.Hold })
	c.kept()
}

// diskFor names the directory of a small disk in the test's own process.
const diskFor = "FRONTROW_TEST_DISK"

// The disk under JetStream fills up: fans are told to try again, nothing
// promised is lost, and with space again holds go on.
func TestHoldsOutliveAFullDisk(t *testing.T) {
	disk := os.Getenv(diskFor)
	if disk == "" { // in a namespace of its own, whose mounts end with it
		cmd := exec.Command(os.Args[0], "-test.run=^TestHoldsOutliveAFullDisk$", "-test.v")
		cmd.Env = append(os.Environ(), diskFor+"="+t.TempDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		must(t, err)
		return
	}
	must(t, syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=48m"))
	t.Setenv("TMPDIR", disk)
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 20, 100, 0), nil)
	h.worker("one", nil)
	c := h.crowd()
	c.goesOn(50)
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	for refused := 0; refused == 0; pause(h.Context()) {
		c.mu.Lock()
		refused = c.problems[wire.CodeUnavailable]
		c.mu.Unlock()
	}
	must(t, os.Remove(filler))
	h.Env.Restart() // a server without room stops JetStream until it is started again
	c.goesOn(50)
	c.kept()
}

// fill writes until there is no room for another byte.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else {
			must(t, err)
		}
	}
	must(t, f.Close())
}
