package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/records"
	"frontrow/internal/salelog"
	"frontrow/inventory/audit"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// hurt is an event to whose bucket something happens between two writers.
type hurt struct {
	*fixture
	ledger *ledger.Ledger
	bucket *kv.Bucket

	metrics *prometheus.Registry // of the last worker
	said    *bytes.Buffer        // by it
	mu      sync.Mutex           // of said

	old   natstest.Backup      // of an earlier moment,
	olden map[string][]byte    // and what the bucket had then
	truth map[string]wire.Seat // before the damage
	n     uint64               // of the last flush then
}

func newHurt(t *testing.T, env *natstest.Env) *hurt {
	h := &hurt{fixture: newFixture(t, env, seatingtest.Hall(t, 10, 20, 0), nil)}
	h.ledger, h.bucket = h.OpenLedger(), kv.Open(h.JS, wire.SeatsBucket("demo"))
	w := h.start()
	h.trade()
	h.whole()
	h.old, h.olden = h.backup(), h.values()
	h.trade()
	h.whole()
	w.Stop()
	return h
}

func (h *hurt) backup() natstest.Backup {
	h.T.Helper()
	return natstest.TakeBackup(h.T, h.NC, h.bucket.Name())
}

// start lets a worker begin.
func (h *hurt) start() inventorytest.Worker {
	h.T.Helper()
	h.metrics, h.said = prometheus.NewRegistry(), &bytes.Buffer{}
	nc := h.Env.Connect(h.T)
	s, err := New(Config{NATS: nc, Ledger: h.ledger, Name: wire.NewHold(), LeaseTTL: time.Second, Registerer: h.metrics, Logger: slog.New(slog.NewJSONHandler(h, nil))})
	must(h.T, err)
	return h.Start(nc, s.Run)
}

// Write takes a line of the worker's log.
func (h *hurt) Write(line []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.said.Write(line)
}

func (h *hurt) log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.said.String()
}

// free are so many places that nobody has.
func (h *hurt) free(n int) (ids []string) {
	records := h.Records()
	for i := 0; i < h.Index.Len() && len(ids) < n; i++ {
		if s := records[h.Index.ID(i)].State; s == wire.Available || s == "" {
			ids = append(ids, h.Index.ID(i))
		}
	}
	return ids
}

// trade holds, gives back, sells, refunds and blocks.
func (h *hurt) trade() {
	h.T.Helper()
	ask[wire.Stock](h.fixture, wire.ActStatus, nil) // somebody serves
	ids := h.free(10)
	for _, seats := range [][]string{ids[:2], ids[2:4]} {
		hold := h.Hold(seats...)
		if hold.Problem != nil {
			h.T.Fatal(hold.Problem)
		}
		if seats[0] == ids[0] {
			ask[wire.StandingReply](h.fixture, wire.ActRelease, wire.ReleaseRequest{Hold: hold.Hold, Fan: hold.Fan})
		}
	}
	for _, seats := range [][]string{ids[4:6], ids[6:8]} {
		hold, p := h.authorised(h.ledger, seats...)
		h.commit(h.ledger, p)
		h.confirm(hold)
		if seats[0] == ids[4] {
			h.operates("refund", one(hold.Order, ""))
		}
	}
	h.operates("block", fmt.Sprintf(`{"seats":[%q],"why":"x","by":"ann"}`, ids[8]))
	h.operates("block", fmt.Sprintf(`{"seats":[%q],"why":"x","by":"ann"}`, ids[9]))
	h.operates("unblock", fmt.Sprintf(`{"seats":[%q],"why":"x","by":"ann"}`, ids[9]))
}

func (h *hurt) operates(act, request string) {
	h.T.Helper()
	m, err := h.NC.RequestWithContext(h.Context(), wire.OperatorSubject("inventory", act, "demo"), []byte(request))
	must(h.T, err)
	if m.Header.Get("Nats-Service-Error-Code") != "" {
		h.T.Fatalf("%s %s: %s", act, request, m.Data)
	}
}

// values are all that the bucket has last.
func (h *hurt) values() map[string][]byte {
	h.T.Helper()
	all, err := h.bucket.All(h.Context(), ">")
	must(h.T, err)
	values := map[string][]byte{}
	for _, e := range all {
		values[e.Key] = e.Value
	}
	return values
}

// whole waits until every record is what the log says, and the checkpoint is of them.
func (h *hurt) whole() {
	h.T.Helper()
	for ctx := h.Context(); ; pause(ctx) {
		values, is := h.values(), h.Records()
		wrong, sum := "", uint64(0)
		for id, s := range is {
			raw := values[wire.SeatKey(id)]
			if sum += wire.SumOf(wire.SeatKey(id), raw); !bytes.Equal(raw, s.AppendJSON(nil)) {
				wrong = fmt.Sprintf("%s is %s, and should be %s", id, raw, s.AppendJSON(nil))
			}
		}
		at, err := wire.Read[wire.Checkpoint](wire.CheckpointKey, values[wire.CheckpointKey])
		if err == nil && wrong == "" && at.Sum == strconv.FormatUint(sum, 16) && len(is) == h.Index.Len() {
			return
		}
		if ctx.Err() != nil {
			h.T.Fatalf("%s; %+v, %v", wrong, at, err)
		}
	}
}

// put stores a value, whoever should.
func (h *hurt) put(key string, value []byte) {
	h.T.Helper()
	_, err := h.JS.Publish(h.Context(), h.bucket.Subject(key), value)
	must(h.T, err)
}

// purge removes what was stored under a key, and leaves no mark.
func (h *hurt) purge(key string) {
	h.T.Helper()
	s, err := h.JS.Stream(h.Context(), h.bucket.Name())
	must(h.T, err)
	must(h.T, s.Purge(h.Context(), jetstream.WithPurgeSubject(h.bucket.Subject(key))))
}

// restore puts the backup back.
func (h *hurt) restore() {
	h.T.Helper()
	must(h.T, h.JS.DeleteStream(h.Context(), h.bucket.Name()))
	h.old.Restore(h.T, h.NC)
}

// point changes the checkpoint.
func (h *hurt) point(change func(*wire.Checkpoint)) {
	h.T.Helper()
	c, err := wire.Read[wire.Checkpoint](wire.CheckpointKey, h.values()[wire.CheckpointKey])
	must(h.T, err)
	change(&c)
	raw, err := json.Marshal(c)
	must(h.T, err)
	h.put(wire.CheckpointKey, raw)
}

// of are the keys of seats in a state.
func (h *hurt) of(state wire.State) (keys []string) {
	for id, s := range h.truth {
		if s.State == state {
			keys = append(keys, wire.SeatKey(id))
		}
	}
	return keys
}

func (h *hurt) logKey(back uint64) string { return wire.LogKey(h.n - back) }

// map follows the seats until a gateway would show them, and returns the states.
func (h *hurt) seen() map[string]wire.State {
	h.T.Helper()
	ctx, stop := context.WithCancel(h.Context())
	defer stop()
	states := map[string]wire.State{}
	log := slog.New(slog.DiscardHandler)
	err := salelog.Follow(ctx, salelog.Config{Seats: h.bucket, Index: h.Index, Logger: log, Spoiled: records.NewSpoiled(log, nil)}, salelog.Watcher{
		All: func(all []wire.State, _ kv.Revision, _ bool) {
			for i, s := range all {
				states[h.Index.ID(i)] = s
			}
			stop()
		},
		Flush: func([]salelog.Change, kv.Revision) {},
	})
	if !errors.Is(err, context.Canceled) {
		h.T.Fatal(err)
	}
	return states
}

// shows checks that no seat is shown as free that somebody has.
func (h *hurt) shows(truth map[string]wire.Seat) {
	h.T.Helper()
	for id, s := range h.seen() {
		if is := truth[id].State; s.Bits() != is.Bits() && (s.Bits() == wire.Available.Bits() || is == wire.Available) {
			h.T.Errorf("seat %s is shown as %q, and is %s", id, s, is)
		}
	}
}

// audit returns what an audit finds.
func (h *hurt) audit() (found []string) {
	h.T.Helper()
	report, err := audit.Run(h.Context(), h.JS, h.ledger, "demo", time.Now())
	must(h.T, err)
	for _, c := range report.Checks {
		found = append(found, c.Samples...)
	}
	return found
}

func (h *hurt) rebuilt() (n float64) {
	h.T.Helper()
	families, err := h.metrics.Gather()
	must(h.T, err)
	for _, f := range families {
		if f.GetName() == "frontrow_inventory_rebuilt_records_total" {
			n += f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return n
}

// remember notes what is true before a damage.
func (h *hurt) remember() {
	h.T.Helper()
	h.truth, h.n = h.Records(), 0
	for key := range h.values() {
		h.n = max(h.n, wire.LogNumber(key))
	}
}

// kept checks that every seat is what it was, whatever record says so now.
func (h *hurt) kept() {
	h.T.Helper()
	is := h.Records()
	for id, was := range h.truth {
		now := is[id]
		if now.State != was.State || now.Hold != was.Hold || now.Order != was.Order || now.Flush != was.Flush {
			h.T.Errorf("seat %s is %+v, and was %+v", id, now, was)
		}
	}
}

var named = regexp.MustCompile(`restore-log\.<event> '(\{\\"n\\":\d+\})'`)

// clear gives holds and blocked seats back, so that there is room.
func (h *hurt) clear() {
	h.T.Helper()
	for _, s := range h.Records() {
		if s.State == wire.Held {
			ask[wire.Reply](h.fixture, wire.ActGiveBack, wire.ReleaseRequest{Hold: s.Hold, By: "ann"})
		}
	}
	h.whole()
}

// copied waits until the sale log has every flush.
func (h *hurt) copied() {
	h.T.Helper()
	h.remember()
	for ctx := h.Context(); ; pause(ctx) {
		last, _, err := salelog.LastCopy(ctx, kv.JetStream(h.JS), "demo", h.n)
		if must(h.T, err); last.N >= h.n {
			return
		}
	}
}

// repair does what the writer says until it serves.
func (h *hurt) repair() {
	h.T.Helper()
	asked := 0
	for ctx := h.Context(); ; pause(ctx) {
		if ctx.Err() != nil {
			h.T.Fatalf("neither served nor stopped: %s", h.log())
		}
		if strings.Contains(h.log(), "writer of seats") {
			if asked == 0 {
				h.T.Errorf("the writer doesn't stop: %s", h.log())
			}
			return
		}
		if m := named.FindAllStringSubmatch(h.log(), -1); len(m) > asked {
			asked = len(m)
			request := strings.ReplaceAll(m[asked-1][1], `\`, "")
			reply, err := h.NC.RequestWithContext(ctx, wire.OperatorSubject("inventory", "restore-log", "demo"), []byte(request))
			must(h.T, err)
			h.T.Logf("%s: %s", request, reply.Data)
		}
	}
}
