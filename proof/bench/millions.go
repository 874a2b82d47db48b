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
	"frontrow/keyring"
	"frontrow/proof/bench/report"
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
	server, err := b.startServer(ctx, filepath.Join(b.dir, "nats"))
	if err != nil {
		return err
	}
	region := &region{bench: b, replicas: 1, url: server.url}
	if err := region.open(ctx, smallest); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	const event = "millions"
	keys := keyring.New()
	g, err := region.house(keys)
	if err != nil {
		return err
	}
	if err := region.stage(ctx, event); err != nil {
		return err
	}
	committer := region.committer(event)
	b.meter = startMeter()
	joined, err := b.drive(ctx, load{callers: millionsCallers, ops: n}, func(ctx context.Context, _ int) error {
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
	boards, err := b.drive(ctx, load{callers: boardReaders, limit: min(boardTime, 4*b.limit), ops: unbounded}, func(ctx context.Context, _ int) error {
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
	asks := asGateway(region.js.Conn())
	passes, err := b.drive(ctx, load{callers: redeemCallers, ops: len(last)}, func(ctx context.Context, i int) error {
		r, err := ask[wire.RedeemReply](ctx, asks, wire.PassesSubject(event, wire.ActRedeem), wire.RedeemRequest{Place: last[i]})
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
	b.report(report.Result{Unit: "places/s", Callers: millionsCallers,
		Note: fmt.Sprintf("%d places in %.0f s; then the nats-server had %.2f GB of memory (%d B a place, Redis %d B); boards %.0f/s; the head moved to the end in %.1f s; the last %d passes at %.0f/s",
			joined.N, float64(joined.N)/joined.Rate, float64(memory)/1e9, memory/int64(joined.N), theirs/int64(n), boards.Rate, moved.Seconds(), passes.N, passes.Rate)},
		[][]report.Sample{once(joined), once(baseline)}, side{name: "Redis, ZADD NX and ZRANK in one pipeline, AOF always; no receipt"})
	return nil
}

// redisMillions lets as many join a sorted set, and tells the memory that takes.
func (b *bench) redisMillions(ctx context.Context, n int) (report.Sample, int64, error) {
	r, err := b.redisJoin(ctx, "redis")
	if err != nil {
		return report.Sample{}, 0, err
	}
	do, _, err := r.prepare(ctx, 0)
	if err != nil {
		return report.Sample{}, 0, err
	}
	joined, err := b.drive(ctx, load{callers: millionsCallers, ops: n}, do)
	return joined, resident(r.cmd.Process.Pid), err
}

// house is the services that a queue needs.
func (r *region) house(keys *keyring.Keyring) (*gateway.Gateway, error) {
	edge, err := r.connect()
	if err != nil {
		return nil, err
	}
	g, err := gateway.New(gateway.Config{Addr: "127.0.0.1:0", NATS: edge, Keys: keys})
	if err != nil {
		return nil, err
	}
	core, err := r.connect()
	if err != nil {
		return nil, err
	}
	a, err := admission.New(admission.Config{NATS: core, Keys: keys, Name: "bench"})
	if err != nil {
		return nil, err
	}
	r.background("gateway", g.Run)
	r.background("admission", a.Run)
	return g, nil
}

// otherServer is a nats-server in a process of its own.
type otherServer struct {
	cmd *exec.Cmd
	url string
}

func (b *bench) startServer(ctx context.Context, dir string) (*otherServer, error) {
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
	b.end(s.stop)
	if _, err := fmt.Fscanln(out, &s.url); err != nil {
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
