//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontrow/kv"
	"frontrow/proof/harness"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// lookLimit bounds finding out who is at work.
	lookLimit = 2 * time.Second
	// begun is the share of the seats that are sold when PostgreSQL is stopped, or
	// its disk is filled.
	begun = 0.1
)

// kinds are killed in this order.
func kinds() []string {
	return []string{"gateway", "admission", "inventory", "nats", "postgres", "pricing", "payments"}
}

// faults makes things go wrong until its context ends.
type faults struct {
	stage *stage
	line  *timeline
	js    jetstream.JetStream // may not answer
	turn  map[string]int      // of the two of a kind, when it is not known who works
	kills map[string]int      // by kind
}

func newFaults(s *stage, line *timeline) (*faults, error) {
	nc, err := nats.Connect(s.nats, nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.Name("endurance"))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	return &faults{stage: s, line: line, js: js, turn: map[string]int{}, kills: map[string]int{}}, err
}

// killEvery kills one component of each of the kinds in turn.
func (f *faults) killEvery(ctx context.Context, every time.Duration, of []string) {
	for i := 0; harness.Pause(ctx, every); i++ {
		f.kill(ctx, of[i%len(of)])
	}
}

func (f *faults) kill(ctx context.Context, kind string) {
	if kind == "postgres" {
		if f.stage.postgres.kill() {
			f.kills[kind]++
			f.line.happens("kill postgres")
		}
		return
	}
	c, why := f.victim(ctx, kind)
	if c == nil || !c.Kill() {
		f.line.say("no %s to kill: it is away", kind)
		return
	}
	f.kills[kind]++
	f.line.happens("kill " + c.Name + why)
}

// victim is the component of a kind that is at work, else each in turn.
func (f *faults) victim(ctx context.Context, kind string) (c *component, why string) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	var all []*component
	for _, c := range f.stage.components {
		if c.kind == kind && c.Pid() != 0 {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return nil, ""
	}
	busy, why := func(*component) bool { return false }, ""
	switch kind {
	case "admission":
		pid := f.holder(ctx, wire.RoleAdmitter)
		busy, why = func(c *component) bool { return c.Pid() == pid }, " (the admitter)"
	case "inventory":
		pid := f.holder(ctx, wire.RoleWriter)
		busy, why = func(c *component) bool { return c.Pid() == pid }, " (the writer)"
	case "nats":
		leader := f.leader(ctx)
		busy, why = func(c *component) bool { return c.Name == leader }, " (leads the seats)"
	}
	if i := slices.IndexFunc(all, busy); i >= 0 {
		return all[i], why
	}
	f.turn[kind]++
	return all[f.turn[kind]%len(all)], ""
}

// holder is the process that holds a lease of the event, 0 if that is not known.
// Holders are called <host>-<pid>.
func (f *faults) holder(ctx context.Context, role string) int {
	e, err := kv.Open(f.js, wire.LeasesBucket).Get(ctx, wire.LeaseKey(role, event))
	var lease kv.Lease
	if err != nil || json.Unmarshal(e.Value, &lease) != nil || lease.Released {
		return 0
	}
	pid, _ := strconv.Atoi(lease.Holder[strings.LastIndexByte(lease.Holder, '-')+1:])
	return pid
}

// leader is the server that leads the seats' stream, empty if that is not known.
func (f *faults) leader(ctx context.Context) string {
	s, err := f.js.Stream(ctx, wire.KVStream(wire.SeatsBucket(event)))
	if err != nil || s.CachedInfo().Cluster == nil {
		return ""
	}
	return s.CachedInfo().Cluster.Leader
}

// stepDownEvery makes the leader of the seats' stream step down.
func (f *faults) stepDownEvery(ctx context.Context, every time.Duration) {
	subject := "$JS.API.STREAM.LEADER.STEPDOWN." + wire.KVStream(wire.SeatsBucket(event))
	for harness.Pause(ctx, every) {
		look, cancel := context.WithTimeout(ctx, lookLimit)
		_, err := f.js.Conn().RequestWithContext(look, subject, nil)
		cancel()
		if err != nil {
			f.line.say("step-down: %v", err)
			continue
		}
		f.line.happens("step down: leader of the seats")
	}
}

// outage is a time in which PostgreSQL takes no orders, in mid-sale.
type outage struct {
	what       string
	begin, end string // what PostgreSQL's process is told
	lasts      time.Duration
}

// during makes an outage happen once a tenth of the seats is sold, and returns
// what broke in it: holds must go on.
func (f *faults) during(ctx context.Context, o outage, seats int) error {
	for float64(f.line.latest().Seats) < begun*float64(seats) {
		if !harness.Pause(ctx, harness.ReadyPoll) {
			return fmt.Errorf("%s: the sale ended before", o.what)
		}
	}
	before := f.line.latest()
	f.line.happens(o.what)
	if err := f.stage.postgres.say(o.begin); err != nil {
		return err
	}
	if !harness.Pause(ctx, o.lasts) {
		return fmt.Errorf("%s: the sale ended meanwhile", o.what)
	}
	after := f.line.latest()
	f.line.happens("end of: " + o.what)
	if err := f.stage.postgres.say(o.end); err != nil {
		return err
	}
	if after.Held == before.Held {
		return fmt.Errorf("%s: no hold was granted for %s", o.what, o.lasts)
	}
	return nil
}
