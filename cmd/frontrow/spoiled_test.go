package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/inventory/audit"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// junkOf is what a record becomes, by kind. "nats kv del" leaves a mark and no value.
func junkOf(right []byte) map[string]string {
	newer := `{"v":9,` + strings.TrimPrefix(strings.TrimPrefix(string(right), `{"v":2,`), "{")
	return map[string]string{"deleted": "", wire.SpoiledEmpty: "", wire.SpoiledJSON: string(right[:len(right)/2]), wire.SpoiledOther: `["junk"]`, wire.SpoiledNewer: newer}
}

func junkKinds() []string {
	return []string{"deleted", wire.SpoiledEmpty, wire.SpoiledJSON, wire.SpoiledOther, wire.SpoiledNewer}
}

// spoilable is a record of an event: who notices that it is spoiled, and whether it
// is right again by itself once the event is served. A later version never is.
type spoilable struct {
	bucket, key string
	notices     []string // services whose metric shows it, where the event's own record is spoiled too
	heals       bool
	always      bool // heals also of a later version: it only informs, or is rewritten by whoever comes
}

// outer are records in buckets that all events share.
func outer(event string) []spoilable {
	level := wire.PriceKey(event, "all")
	return []spoilable{
		{wire.EventsBucket, event, []string{"admission", "gateway", "inventory", "pricing"}, false, false},
		{wire.BoardBucket, event, []string{"gateway"}, true, true},
		{wire.StockBucket, event, []string{"admission", "gateway"}, true, true},
		{wire.PricesBucket, level, []string{"admission", "gateway", "inventory"}, true, false},
		{wire.RevokedBucket, wire.RevokedKey(event, "pass"), []string{"gateway"}, false, false},
		{wire.LeasesBucket, wire.LeaseKey(wire.RoleWriter, event), nil, true, true},
		{wire.LeasesBucket, wire.LeaseKey(wire.RoleAdmitter, event), nil, true, true},
		{wire.LeasesBucket, wire.LeaseKey(wire.RolePricer, event), nil, true, true},
		{wire.ChallengesBucket, wire.ChallengeKey(event, "answer"), nil, false, false},
	}
}

// inner are records in buckets of the event's own.
func inner(event, seat string) []spoilable {
	return []spoilable{
		{wire.SeatsBucket(event), wire.SeatKey(seat), nil, true, true},
		{wire.SeatsBucket(event), wire.WriterKey, nil, true, true},
		{wire.SeatsBucket(event), wire.RecordsKey, nil, true, true},
		{wire.SeatsBucket(event), wire.LogPrefix + "1", nil, true, true}, // an operator puts it back
		{wire.PassesBucket(event), wire.AdmitterKey, nil, true, false},
		{wire.PassesBucket(event), wire.FenceKey, nil, true, true},
		{wire.PassesBucket(event), wire.ClaimKey("c"), nil, false, false},
		{wire.CodesBucket(event), wire.CodeKey("c"), nil, false, false},
	}
}

// junkyard is a house in which one event's records are left alone and others' are spoiled.
type junkyard struct {
	t    *testing.T
	d    *deployment
	js   jetstream.JetStream
	http string
	ops  map[string]string // by service
}

// open starts the services.
func (y *junkyard) open() {
	y.t.Helper()
	y.ops = map[string]string{}
	for _, service := range []string{"admission", "inventory", "pricing"} {
		y.ops[service] = y.d.start(service, service)
	}
	addr := freeAddr(y.t)
	y.ops["gateway"] = y.d.start("gateway", "gateway", "--http", addr, "--exempt", "127.0.0.1")
	y.http = "http://" + addr
}

func (y *junkyard) close() {
	y.d.stop()
	clear(y.d.services)
}

// spoil makes a record junk of a kind, whatever it was.
func (y *junkyard) spoil(s spoilable, kind string) {
	y.t.Helper()
	right := []byte(`{"fan":"f","at":"2026-11-29T12:00:00Z"}`)
	if e, err := kv.Open(y.js, s.bucket).Get(deadline(y.t), s.key); err == nil && len(e.Value) > 0 {
		right = e.Value
	} else if err != nil && !errors.Is(err, kv.ErrNotFound) {
		y.t.Fatal(err)
	}
	m := nats.NewMsg(wire.KVSubject(s.bucket, s.key))
	if m.Data = []byte(junkOf(right)[kind]); kind == "deleted" {
		m.Header.Set("KV-Operation", "DEL")
	}
	_, err := y.js.PublishMsg(deadline(y.t), m)
	must(y.t, err)
}

// named are the spoiled records that the audit of an event names.
func (y *junkyard) named(event string) (names []string) {
	y.t.Helper()
	cmd := frontrow("audit", event)
	cmd.Env = y.d.env
	out, err := cmd.Output()
	var exit *exec.ExitError
	var report audit.Report
	if jsonErr := json.Unmarshal(out, &report); jsonErr != nil || err != nil && !errors.As(err, &exit) {
		y.t.Fatalf("audit %s: %v, %v: %s", event, err, jsonErr, out)
	}
	for _, sample := range report.Checks[0].Samples {
		name, _, _ := strings.Cut(sample, ":")
		names = append(names, name)
	}
	if (err == nil) != report.OK || report.OK != (len(names) == 0) && len(report.Checks) == 1 {
		y.t.Errorf("audit %s: %v: %+v", event, err, report)
	}
	return names
}

// metric reports whether a service shows spoiled records of a bucket and kind.
func (y *junkyard) metric(service, bucket, kind string) bool {
	y.t.Helper()
	resp, err := http.Get("http://" + y.ops[service] + "/metrics")
	must(y.t, err)
	defer resp.Body.Close()
	want := fmt.Sprintf("frontrow_spoiled_records{bucket=%q,kind=%q} ", bucket, kind)
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), want); ok {
			return n != "0"
		}
	}
	return false
}

// sells lets fans hold and give back, and buy.
func (y *junkyard) sells(event string, from int) {
	y.t.Helper()
	ctx := deadline(y.t)
	f := newFan(y.t, y.http, event, from)
	must(y.t, f.admit(ctx))
	hold, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 2}})
	must(y.t, err)
	back, err := f.insist(ctx, "DELETE", "/v1/holds/"+hold.text("hold"), nil)
	if must(y.t, err); hold.Status != http.StatusCreated || back.Status != http.StatusNoContent {
		y.t.Fatalf("%s: hold %d %v, release %d %v", event, hold.Status, hold.Body, back.Status, back.Body)
	}
	if _, err := newFan(y.t, y.http, event, from+1).purchase(ctx, make(chan struct{}, 3)); err != nil {
		y.t.Fatalf("%s: %v", event, err)
	}
}

// Junk under any key, of any kind, harms at most the event it is of: another sells
// while it comes and after everything was started anew; each is named by the audit
// and shown by a metric; what can be known is right again, and applying repairs the rest.
func TestSpoiledRecords(t *testing.T) {
	env := natstest.Run(t)
	y := &junkyard{t: t, d: deploy(t, env.URL(), 1), js: env.JetStream(t)}
	y.open()
	files := map[string]string{}
	for _, event := range append([]string{"whole"}, junkEvents()...) {
		files[event] = eventOf(t, event, "480s")
		y.d.tool("event", "apply", "-f", files[event])
	}
	y.sells("whole", 0)
	rows := map[string][]spoilable{}
	for i, kind := range junkKinds() {
		f := newFan(t, y.http, "own-"+event(kind), 100+i)
		seats, err := f.purchase(deadline(t), make(chan struct{}, 3))
		must(t, err)
		rows["own-"+event(kind)] = inner("own-"+event(kind), seats[0])
		rows["shared-"+event(kind)] = outer("shared-" + event(kind))
	}
	spoilAll := func() {
		for _, kind := range junkKinds() {
			for _, of := range []string{"own-", "shared-"} {
				for _, s := range rows[of+event(kind)] {
					y.spoil(s, kind)
				}
			}
		}
	}
	spoilAll() // while everything is at work
	y.sells("whole", 10)
	y.close()
	spoilAll() // again, before anybody could mend it
	for _, kind := range junkKinds() {
		for _, of := range []string{"own-", "shared-"} {
			names := y.named(of + event(kind))
			for _, s := range rows[of+event(kind)] {
				if !slices.Contains(names, s.bucket+" "+s.key) {
					t.Errorf("%s: the audit doesn't name %s %s, but %v", kind, s.bucket, s.key, names)
				}
			}
		}
	}
	if names := y.named("whole"); len(names) > 0 {
		t.Errorf("the audit of whole names %v", names)
	}
	y.open()
	y.sells("whole", 20)
	for _, kind := range junkKinds() {
		y.heals(kind, rows)
	}
	for i, kind := range junkKinds() {
		y.repaired(kind, files["shared-"+event(kind)], rows["shared-"+event(kind)], 30+2*i)
	}
}

// event is a kind as part of an event's name.
func event(kind string) string { return strings.ReplaceAll(kind, "_", "-") }

func junkEvents() (events []string) {
	for _, kind := range junkKinds() {
		events = append(events, "own-"+event(kind), "shared-"+event(kind))
	}
	return events
}

// heals waits until of the event's own records those that can't be known are left,
// and checks that who reads the shared ones says so.
func (y *junkyard) heals(kind string, rows map[string][]spoilable) {
	y.t.Helper()
	metricKind := strings.Replace(kind, "deleted", wire.SpoiledEmpty, 1)
	for _, s := range rows["shared-"+event(kind)] {
		for _, service := range s.notices {
			until(y.t, fmt.Sprintf("%s shows %s %s", service, s.bucket, metricKind), func() bool { return y.metric(service, s.bucket, metricKind) })
		}
	}
	own := "own-" + event(kind)
	until(y.t, "the log of "+own+" is put back", func() bool {
		m, err := y.js.Conn().RequestWithContext(deadline(y.t), wire.OperatorSubject("inventory", "restore-log", own), []byte(`{"n":1,"why":"junk"}`))
		return err == nil && m.Header.Get("Nats-Service-Error-Code") == ""
	})
	until(y.t, "what can be known of "+own+" is right again", func() bool { return slices.Equal(y.named(own), left(rows[own], kind)) })
	if kind != wire.SpoiledNewer {
		y.sells(own, 200)
	}
}

// left are the names of those that don't heal.
func left(rows []spoilable, kind string) (names []string) {
	for _, s := range rows {
		if !s.always && (!s.heals || kind == wire.SpoiledNewer) {
			names = append(names, s.bucket+" "+s.key)
		}
	}
	slices.Sort(names)
	return names
}

// repaired applies an event again whose record is spoiled. One of a later version
// is refused.
func (y *junkyard) repaired(kind, file string, rows []spoilable, from int) {
	y.t.Helper()
	cmd := frontrow("event", "apply", "-f", file)
	cmd.Env = y.d.env
	out, err := cmd.CombinedOutput()
	if kind == wire.SpoiledNewer {
		if err == nil || !strings.Contains(string(out), "later version") {
			y.t.Errorf("apply over a later version: %v: %s", err, out)
		}
		return
	}
	if err != nil {
		y.t.Fatalf("apply over %s: %v: %s", kind, err, out)
	}
	name := "shared-" + event(kind)
	y.sells(name, from)
	want := slices.DeleteFunc(left(rows, kind), func(s string) bool { return strings.HasPrefix(s, wire.EventsBucket) })
	until(y.t, "what can be known of "+name+" is right again", func() bool { return slices.Equal(y.named(name), want) })
}
