package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"frontrow/admission"
	"frontrow/gateway"
	"frontrow/internal/natsd"
	"frontrow/kv"
	"frontrow/wire"
)

const (
	serverEnv       = "FRONTROW_BENCH_SERVER" // directory and address: be a nats-server
	millions        = 14_000_000
	millionsCallers = 4096
	lastFans        = 10_000
	boardReaders    = 64
	boardTime       = 3 * time.Second
)

// benchMillions is the row "14 million", which runs alone (-row "14 million"):
// as many places are joined, each on disk and acknowledged, boards are served,
// the head is moved to the end and the last fans get their passes. The NATS
// server is a process of its own, so that its memory can be told.
func benchMillions(ctx context.Context, b *bench) error {
	n, late := b.few(millions), b.few(lastFans)
	if b.limit < time.Second { // -quick, -smoke
		n /= 100
	}
	server, err := startServer(ctx, filepath.Join(b.dir, "nats"))
	if err != nil {
		return err
	}
	defer server.stop()
	region, err := server.region(ctx)
	if err != nil {
		return err
	}
	const event = "millions"
	keys := wire.NewKeyring()
	g, stop, err := region.house(ctx, keys)
	if err != nil {
		return err
	}
	defer stop()
	if err := region.stage(ctx, event); err != nil {
		return err
	}
	committer := kv.NewCommitter(kv.CommitterConfig{Stream: &kv.Open(region.js, wire.QueueBucket(event, wire.LaneGeneral)).Stream})
	region.background("committer", committer.Run)
	b.meter = startMeter()
	joined, err := drive(ctx, load{callers: millionsCallers, limit: time.Hour, ops: n}, func(ctx context.Context, _ int) error {
		return join(ctx, committer, keys, event)
	})
	if err != nil {
		return err
	}
	memory := resident(server.cmd.Process.Pid)
	last, err := region.joined(ctx, event, late)
	if err != nil {
		return err
	}
	boards, err := drive(ctx, load{callers: boardReaders, limit: min(boardTime, 4*b.limit), ops: unbounded}, func(ctx context.Context, _ int) error {
		return readBoard(ctx, "http://"+g.Addr(), event)
	})
	if err != nil {
		return err
	}
	called := time.Now()
	if err := region.callAll(ctx, event, n+late); err != nil {
		return err
	}
	moved := time.Since(called)
	passes, err := drive(ctx, load{callers: redeemCallers, limit: time.Minute, ops: len(last)}, func(ctx context.Context, i int) error {
		r, err := ask[wire.RedeemReply](ctx, region.js.Conn(), wire.PassesSubject(event, wire.ActRedeem), wire.RedeemRequest{Place: last[i]})
		if err == nil && r.Problem != nil {
			err = r.Problem
		}
		return err
	})
	if err != nil {
		return err
	}
	baseline, theirs, err := b.redisMillions(ctx, n)
	if err != nil {
		return err
	}
	b.report(result{Row: alone, Mode: "R1", Unit: "places/s", Callers: millionsCallers,
		Note: fmt.Sprintf("%d places in %.0f s; then the nats-server had %.2f GB of memory (%d B a place, Redis %d B); boards %.0f/s; the head moved to the end in %.1f s; the last %d passes at %.0f/s",
			joined.N, float64(joined.N)/joined.Rate, float64(memory)/1e9, memory/int64(joined.N), theirs/int64(n), boards.Rate, moved.Seconds(), passes.N, passes.Rate)},
		[]sample{joined}, []sample{baseline}, "Redis, ZADD NX and ZRANK in one pipeline, AOF always; no receipt")
	return nil
}

// redisMillions lets as many join a sorted set, and tells the memory that takes.
func (b *bench) redisMillions(ctx context.Context, n int) (sample, int64, error) {
	r, err := b.redisJoin(ctx)
	if err != nil {
		return sample{}, 0, err
	}
	defer r.close()
	do, _, err := r.side.prepare(ctx, 0)
	if err != nil {
		return sample{}, 0, err
	}
	joined, err := drive(ctx, load{callers: millionsCallers, limit: time.Hour, ops: n}, do)
	return joined, resident(r.server.cmd.Process.Pid), err
}

// house is the services that a queue needs.
func (r *region) house(ctx context.Context, keys *wire.Keyring) (*gateway.Gateway, func(), error) {
	edge, err := r.connect()
	if err != nil {
		return nil, nil, err
	}
	g, err := gateway.New(gateway.Config{Addr: "127.0.0.1:0", NATS: edge, Keys: keys})
	if err != nil {
		return nil, nil, err
	}
	core, err := r.connect()
	if err != nil {
		return nil, nil, err
	}
	a, err := admission.New(admission.Config{NATS: core, Keys: keys, Name: "bench"})
	if err != nil {
		return nil, nil, err
	}
	ends := []func(){r.background("gateway", g.Run), r.background("admission", a.Run), edge.Close, core.Close}
	return g, func() {
		for _, end := range ends {
			end()
		}
	}, nil
}

// otherServer is a nats-server in a process of its own.
type otherServer struct {
	cmd *exec.Cmd
	url string
}

func startServer(ctx context.Context, dir string) (*otherServer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), serverEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &otherServer{cmd: cmd}
	if _, err := fmt.Fscanln(out, &s.url); err != nil {
		s.stop()
		return nil, fmt.Errorf("nats-server: %w", err)
	}
	return s, nil
}

// serve is what that process does.
func serve(ctx context.Context, dir string) error {
	s, err := natsd.Start(ctx, natsd.Config{Dir: dir})
	if err != nil {
		return err
	}
	fmt.Println(s.URL())
	<-ctx.Done()
	s.Shutdown()
	return nil
}

func (s *otherServer) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait()
}

// resident is a process's memory in bytes.
func resident(pid int) int64 {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	f := strings.Fields(string(raw))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// region is the rest of one around the server.
func (s *otherServer) region(ctx context.Context) (*region, error) {
	r := &region{replicas: 1, url: s.url}
	return r, r.open(ctx, smallest)
}
