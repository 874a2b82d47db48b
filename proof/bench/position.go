package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"frontrow/gateway"
	"frontrow/gateway/abuse"
	"frontrow/gateway/client"
	"frontrow/keyring"
	"frontrow/proof/bench/report"
	"frontrow/wire"

	"github.com/coder/websocket"
)

const (
	viewersEnv     = "FRONTROW_BENCH_VIEWERS" // url, event and number: be so many viewers
	viewerChildren = 2                        // a process may have 20,000 files open on some machines
	viewersEach    = 6000
	viewersAtOnce  = 200 // connecting
	boardSeconds   = 10
	rankedFans     = 1_000_000
	rankCallers    = 256
)

// benchPosition is the row "position": waiting fans are told the board. The
// viewers are other processes, so what is counted is the gateway's alone, with
// the NATS server that is embedded beside it.
func benchPosition(ctx context.Context, b *bench) error {
	region, err := b.startRegion(ctx, smallest)
	if err != nil {
		return err
	}
	nc, err := region.connect()
	if err != nil {
		return err
	}
	g, err := gateway.New(gateway.Config{Addr: "127.0.0.1:0", NATS: nc, Keys: keyring.New(),
		Defences: abuse.Config{Exempt: client.Loopback()}}) // all viewers have one address
	if err != nil {
		return err
	}
	region.background("gateway", g.Run)
	const event = "position"
	if err := region.stage(ctx, event); err != nil {
		return err
	}
	if err := region.tell(ctx, event, 1); err != nil {
		return err
	}
	if err := eventually(ctx, func() error { return readBoard(ctx, "http://"+g.Addr(), event) }); err != nil {
		return err
	}
	b.meter = startMeter()
	before := residentBytes()
	crowd, err := startViewers(ctx, "ws://"+g.Addr(), event, b.few(viewersEach))
	if err != nil {
		return err
	}
	defer crowd.stop()
	all, seconds := viewerChildren*b.few(viewersEach), max(3, b.few(boardSeconds))
	if err := crowd.await(ctx, "viewers", func(open, frames int) bool { return open == all && frames >= all }); err != nil {
		return err
	}
	perSocket := float64(residentBytes()-before) / float64(all)
	began, cpu := time.Now(), selfSeconds()
	_, seen := crowd.count()
	for n := range seconds {
		if err := region.tell(ctx, event, uint64(n+2)); err != nil {
			return err
		}
		time.Sleep(time.Second) // the pace of boards is what is measured
	}
	spent := selfSeconds() - cpu
	// Of two boards that come close together viewers are told the later one alone.
	if err := crowd.await(ctx, "boards", func(_, frames int) bool { return frames-seen >= (seconds-2)*all }); err != nil {
		return err
	}
	_, now := crowd.count()
	frames := float64(now - seen)
	b.report(report.Result{Row: "frames", Unit: "/s/core", Callers: all,
		Note: fmt.Sprintf("boards told to waiting fans: %.0f frames in %.0f s to sockets of other processes; %.1f kB of memory an idle socket", frames, time.Since(began).Seconds(), perSocket/1000)},
		[][]report.Sample{once(report.Sample{Rate: frames / spent, CPU: 1e6 * spent / frames, N: int(frames)})})
	ranks, err := b.redisRanks(ctx)
	if err != nil {
		return err
	}
	put, err := region.boardCost(ctx, event)
	if err != nil {
		return err
	}
	b.report(report.Result{Unit: "ms/tick", Callers: rankedFans,
		Note: fmt.Sprintf("CPU of the core to tell %d fans where they stand, once: one board, on disk, against a rank for each; it doesn't depend on the number waiting", rankedFans)},
		[][]report.Sample{once(report.Sample{Rate: 1e3 * put, N: 1}), once(report.Sample{Rate: ranks.CPU * rankedFans / 1e3, N: ranks.N})}, side{name: "Redis, ZRANK of every fan"})
	return nil
}

// tell publishes a board.
func (r *region) tell(ctx context.Context, event string, seq uint64) error {
	return r.put(ctx, wire.BoardBucket, event, wire.Board{Event: event, Seq: seq, At: time.Now().UTC(), State: wire.SaleOpen, Currency: "EUR", Rate: 1000,
		Lanes: map[string]wire.LaneBoard{wire.LaneGeneral: {Waiting: 1000, Regions: map[string]wire.Head{"home": {Head: seq, Joined: 14_000_000}}}}})
}

// boardCost is the CPU seconds of one board, written and on disk.
func (r *region) boardCost(ctx context.Context, event string) (float64, error) {
	const boards = 200
	before := selfSeconds()
	for n := range boards {
		if err := r.tell(ctx, event, uint64(1000+n)); err != nil {
			return 0, err
		}
	}
	return (selfSeconds() - before) / boards, nil
}

// crowd is the viewers' processes; each says once a second how many sockets it
// has and how many frames have come.
type crowd struct {
	commands []*exec.Cmd

	mu   sync.Mutex
	said [viewerChildren]struct{ open, frames int }
	told chan struct{} // something was said
}

func startViewers(ctx context.Context, url, event string, each int) (*crowd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &crowd{told: make(chan struct{}, 1)}
	for child := range viewerChildren {
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", viewersEnv, url, event, each))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			c.stop()
			return nil, err
		}
		c.commands = append(c.commands, cmd)
		go c.follow(child, out)
	}
	return c, nil
}

func (c *crowd) follow(child int, out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var open, frames int
		if _, err := fmt.Sscan(lines.Text(), &open, &frames); err != nil {
			continue
		}
		c.mu.Lock()
		c.said[child].open, c.said[child].frames = open, frames
		c.mu.Unlock()
		select {
		case c.told <- struct{}{}:
		default:
		}
	}
}

func (c *crowd) count() (open, frames int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.said {
		open, frames = open+s.open, frames+s.frames
	}
	return open, frames
}

// await waits until what the viewers say is as wanted.
func (c *crowd) await(ctx context.Context, what string, ok func(open, frames int) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !ok(c.count()) {
		select {
		case <-c.told:
		case <-ctx.Done():
			open, frames := c.count()
			return fmt.Errorf("%s: %d sockets, %d frames: %w", what, open, frames, ctx.Err())
		}
	}
	return nil
}

func (c *crowd) stop() {
	for _, cmd := range c.commands {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// be is what a viewers' process does: it opens its sockets, says where their
// fans stand, near the head, and once a second how many frames came.
func be(ctx context.Context, spec string) error {
	f := strings.Fields(spec)
	n, err := strconv.Atoi(f[2])
	if err != nil {
		return err
	}
	var frames, open atomic.Int64
	slots := make(chan struct{}, viewersAtOnce)
	var wg sync.WaitGroup
	for range n {
		slots <- struct{}{}
		wg.Go(func() {
			ws, err := view(ctx, f[0]+"/v1/events/"+f[1]+"/live")
			<-slots
			if err != nil {
				fmt.Fprintln(os.Stderr, "viewer:", err)
				return
			}
			open.Add(1)
			for {
				if _, _, err := ws.Read(ctx); err != nil {
					return
				}
				frames.Add(1)
			}
		})
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			fmt.Println(open.Load(), frames.Load())
		}
	}
}

func view(ctx context.Context, url string) (*websocket.Conn, error) {
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	return ws, ws.Write(ctx, websocket.MessageText, []byte(`{"place":{"lane":"general","region":"home","number":100}}`))
}

func selfSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // can't fail for oneself
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func residentBytes() int64 {
	raw, _ := os.ReadFile("/proc/self/statm")
	f := strings.Fields(string(raw))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// redisRanks is how the classic queue tells positions: a rank for each fan.
func (b *bench) redisRanks(ctx context.Context) (report.Sample, error) {
	r, err := b.startRedis(ctx, false)
	if err != nil {
		return report.Sample{}, err
	}
	fans := make([]string, b.few(rankedFans))
	for i := 0; i < len(fans); {
		add := []string{"ZADD", "queue"}
		for range min(1000, len(fans)-i) {
			fans[i] = wire.NewFan()
			add = append(add, strconv.Itoa(i), fans[i])
			i++
		}
		if _, err := r.do(add); err != nil {
			return report.Sample{}, err
		}
	}
	before := ourSeconds()
	self := selfSeconds()
	s, err := b.drive(ctx, load{callers: rankCallers, limit: b.limit, ops: len(fans)}, func(_ context.Context, i int) error {
		rank, err := r.do([]string{"ZRANK", "queue", fans[i*7919%len(fans)]})
		if err == nil && rank == "" {
			err = errors.New("a fan without a rank")
		}
		return err
	})
	server := (ourSeconds() - before) - (selfSeconds() - self)
	s.Rate, s.CPU = float64(s.N)/server, 1e6*server/float64(s.N)
	return s, err
}

func readBoard(ctx context.Context, url, event string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/events/"+event+"/board", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
