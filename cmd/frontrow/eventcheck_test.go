package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const tour = `id: tour
name: The tour
venue: Test Theatre
timezone: Europe/Berlin
starts_at: 2040-06-19 20:00
opens_at: 2040-05-01 10:00
currency: EUR
generate: {kind: theatre, seats: 400}
levels:
  - {id: stalls, name: Stalls, categories: [Premium, Band A], base: EUR 80.00, service_fee: 800}
  - {id: circle, name: Circle, categories: [Band B, Band C, Band D], base: 5000}
limits: {per_fan: 4}
hold: {ttl: 5m}
admission: {ceiling: 3000}
`

// changed is tour with some of its text replaced.
func changed(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(tour) }

// said runs a command and returns what it prints and how it ends.
func said(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = run(t.Context(), args, &out, io.Discard)
	return out.String(), err
}

// A file is checked without a server, and all faults are told with their positions, those
// of rules, of the plan and of what it names too.
func TestEventCheck(t *testing.T) {
	t.Parallel()
	sound := eventFileOf(t, tour)
	const understood = `tour: 400 places
  on sale    Tue 1 May 2040, 10:00 (Berlin time) (2040-05-01T08:00:00Z)
  starts     Tue 19 Jun 2040, 20:00 (Berlin time) (2040-06-19T18:00:00Z)
  sale ends  Tue 19 Jun 2040, 20:00 (Berlin time) (2040-06-19T18:00:00Z)
  stalls     EUR 88.00, all fees included
  circle     EUR 50.00, all fees included
`
	if out, err := said(t, "event", "check", "-f", sound); err != nil || out != understood {
		t.Errorf("%v\n%s", err, out)
	}
	spoiled := filepath.Join(t.TempDir(), "spoiled.json")
	must(t, os.WriteFile(spoiled, []byte("{"), 0o600))
	for name, c := range map[string]struct{ raw, want string }{
		"rules": {changed("opens_at: 2040-05-01 10:00", "opens_at: 2040-06-20 10:00", "base: 5000", "base: -1", "[Band B, Band C, Band D]", "[Band B, Band C, Band E]", "5m", "5h"),
			`:6:1: opens_at: Wed 20 Jun 2040, 10:00 (Berlin time) is not before starts_at, Tue 19 Jun 2040, 20:00 (Berlin time)
:9:1: levels: the plan's category "Band D" is in none of them
:11:61: levels[1].categories[2]: the plan has no category "Band E": it has Premium, Band A, Band B, Band C, Band D
:11:70: levels[1].base: -1: write between 0 and 100000000 minor units
:13:8: hold.ttl: 5h0m0s: write a time between 1s and 2h0m0s`},
		"a section": {changed("base: 5000", `base: 5000}
  - {id: pit, name: Pit, categories: [Premium], sections: [S, nowhere], base: 9000`), `:12:63: levels[2].sections[1]: the plan has no section or area "nowhere": write its id`},
		"too small": {changed("seats: 400", "seats: 40"), ":8:27: generate.seats: 40 places are not between 200 and 80000"},
		"no kind":   {changed("kind: theatre", "kind: circus"), `:8:12: generate.kind: "circus" is not arena, theatre or stadium`},
		"no plan":   {changed("generate: {kind: theatre, seats: 400}", "plan: nowhere.json"), ":8:1: plan: open "},
		"bad plan":  {changed("generate: {kind: theatre, seats: 400}", "plan: "+spoiled), ":8:1: plan: " + spoiled},
		"both":      {tour + "plan: x.json\n", ":15:1: plan: name either a plan or what to generate"},
		"neither":   {changed("generate: {kind: theatre, seats: 400}", ""), ":1:1: plan: name either a plan or what to generate"},
		"unread":    {changed("seats: 400", "seats: many", "Band D", "Band E"), ":8:34: generate.seats: want a whole number"},
	} {
		file := eventFileOf(t, c.raw)
		_, err := said(t, "event", "check", "-f", file, "-f", sound)
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), file, "")
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

const pricedTour = tour + `pricing:
  mode: demand
  quiet_after: 30m
  spread: true
  rails:
    - {level: stalls, floor: EUR 70.00, ceiling: EUR 120.00, step: EUR 2.50, round: .50}
`

// What prices will do is said in plain words, and rules that contradict each other are told
// with their positions.
func TestEventCheckExplainsPrices(t *testing.T) {
	t.Parallel()
	tiers := tour + `pricing:
  mode: tiers
  rails:
    - level: circle
      tiers:
        - {from: 2040-05-08 10:00, total: EUR 60.00}
        - {sold: 80, total: 6500}
`
	for name, c := range map[string]struct{ raw, want string }{
		"demand": {pricedTour, `
  what prices will do
    stalls (Stalls) may rise from EUR 88.00 to at most EUR 120.00, and fall from EUR 88.00 to no less than EUR 70.00, in steps of at most EUR 2.50 every 2 minutes; its prices end in whole or half units
    circle (Circle) stays at EUR 50.00
    no level ever costs more than one that stands before it
    nothing changes for 30 minutes after the opening
    the sale is compared with this plan: evenly from the opening to Tue 19 Jun 2040, 20:00 (Berlin time)
    prices follow sales (100 %), pace (100 %), queue (100 %), lapsed (100 %), supply (100 %), time (100 %); what joins or holds without buying moves them by at most a step an hour
`},
		"comparable": {pricedTour + `  comparable:
    sales:
      - {event: last-year, venue: Test Theatre, starts_at: 2039-06-21 20:00, places: 360}
      - {event: tour-38, venue: test theatre, starts_at: 2038-06-22 20:00, places: 420}
    curve:
      - {after: 10m, basis_points: 1250}
      - {after: 240h, basis_points: 9000}
`, `
    and with how these sold: last-year (Test Theatre, Tue 21 Jun 2039, 20:00 (Berlin time), 360 places), then tour-38 (test theatre, Tue 22 Jun 2038, 20:00 (Berlin time), 420 places)
    prices follow sales (100 %), pace (100 %), comparable (100 %), queue (100 %), lapsed (100 %), supply (100 %), time (100 %); what joins or holds without buying moves them by at most a step an hour
`},
		"distances": {strings.Replace(strings.Replace(pricedTour, "spread: true", "least_apart: EUR 10.00\n  promise: join", 1), "  quiet_after: 30m\n", "", 1), `
    circle (Circle) stays at EUR 50.00
    a level always costs at least EUR 10.00 less than the one that stands before it
    nobody pays more for a level than the board showed when they joined the queue, however long they wait: who joins before the opening pays the price of then at most
    the sale is compared with this plan: evenly from the opening to Tue 19 Jun 2040, 20:00 (Berlin time)
    prices follow sales (100 %), pace (100 %), queue (100 %), lapsed (100 %), supply (100 %), time (100 %); what joins or holds without buying moves them by at most a step an hour
`},
		"tiers": {tiers, `
  what prices will do
    stalls (Stalls) stays at EUR 88.00
    circle (Circle) costs EUR 50.00, then EUR 60.00 from Tue 8 May 2040, 10:00 (Berlin time), then EUR 65.00 once 80 % are sold; a tier that was reached stays so
`},
	} {
		if out, err := said(t, "event", "check", "-f", eventFileOf(t, c.raw)); err != nil || !strings.HasSuffix(out, c.want) {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, out, c.want)
		}
	}
	for name, c := range map[string]struct{ raw, want string }{
		"contradiction": {strings.Replace(pricedTour, "round: .50", "round: .50, direction: up", 1), `:20:23: pricing.rails[0].floor: a price that only rises never comes below the opening's, EUR 88.00`},
		"another size":  {pricedTour + "  comparable:\n    sales: [{event: past, venue: Test Theatre, starts_at: 2039-06-21 20:00, places: 299}]\n    curve: [{after: 1h, basis_points: 1}]\n", `:22:77: pricing.comparable.sales[0].places: past had 299 places, and this event has 400: they may differ by a quarter`},
		"fixed":         {strings.Replace(pricedTour, "mode: demand", "mode: fixed", 1), `:16:3: pricing.mode: prices are fixed, so no other rule does anything`},
		"misspelt":      {strings.Replace(pricedTour, "ceiling: EUR", "celing: EUR", 1), `:20:41: pricing.rails[0].celing: no such key: did you mean ceiling?`},
		"cents":         {strings.Replace(pricedTour, "EUR 2.50", "2.50", 1), `:20:68: pricing.rails[0].step: 2.50 could mean two things`},
	} {
		file := eventFileOf(t, c.raw)
		_, err := said(t, "event", "check", "-f", file)
		if got := strings.ReplaceAll(fmt.Sprint(err), file, ""); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// migrated runs NATS with all streams, and connects to it.
func migrated(t *testing.T) (url string, nc *nats.Conn) {
	t.Helper()
	url = natstest.Run(t).URL()
	nc, err := natsFlags{NATS: url}.connect("test")
	must(t, err)
	t.Cleanup(nc.Close)
	must(t, terminal{io.Discard, io.Discard}.migrateStreams(deadline(t), nc, 1, false))
	return url, nc
}

// A dry run says what would change and what fans would notice, ends as diff does, and
// writes nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	url, nc := migrated(t)
	js, err := jetstream.New(nc)
	must(t, err)
	events := kv.Open(js, wire.EventsBucket)
	put := func(id, text string) {
		t.Helper()
		value := []byte(text)
		if text != "" && text[0] != '{' {
			f, err := terminal{io.Discard, io.Discard}.readEvent(eventFileOf(t, text))
			must(t, err)
			record := f.record()
			record.State = wire.EventOpen
			value, _ = json.Marshal(record)
		}
		_, err := js.Publish(deadline(t), "$KV."+wire.EventsBucket+"."+id, value)
		must(t, err)
	}
	dry := func(text string) (out, refused string, code int) {
		t.Helper()
		file := eventFileOf(t, text)
		out, err := said(t, "event", "apply", "--dry-run", "--nats", url, "-f", file)
		if err == nil {
			return out, "", 0
		}
		var end status
		if !errors.As(err, &end) {
			t.Fatalf("%v", err)
		}
		if end.cause != nil {
			refused = strings.ReplaceAll(end.cause.Error(), file, "")
		}
		return out, refused, end.code
	}
	if out, _, code := dry(tour); code != exitDiffers || !strings.HasPrefix(out, "tour is not on the bus. It would be put up:\ntour: 400 places\n") {
		t.Errorf("a new one: %d\n%s", code, out)
	}
	put("tour", tour)
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"nothing":       {tour, "tour: nothing would change\n"},
		"another order": {changed("[Premium, Band A]", "[Band A, Premium]", `EUR 80.00`, "8000"), "tour: nothing would change\n"},
		"much": {changed(`EUR 80.00`, `EUR 85.00`, "service_fee: 800", "service_fee: 700", "base: 5000", "base: 4500", "The tour", "The last tour", "per_fan: 4", "per_fan: 2", "20:00", "19:30",
			"opens_at: 2040-05-01 10:00", "opens_at: 2040-05-02 10:00", "3000", "2500", "ttl: 5m", "ttl: 4m, more_time: 1m"), `tour (open): what would change
  name                        The tour → The last tour                                         fans notice: pages show it
  starts_at                   Tue 2040-06-19 20:00:00 +02:00 → Tue 2040-06-19 19:30:00 +02:00  fans notice: pages show it
  opens_at                    Tue 2040-05-01 10:00:00 +02:00 → Wed 2040-05-02 10:00:00 +02:00  fans notice: the sale opens later
  sale_ends_at                Tue 2040-06-19 20:00:00 +02:00 → Tue 2040-06-19 19:30:00 +02:00  fans notice: the sale ends earlier
  levels[stalls].base         EUR 80.00 → EUR 85.00
  levels[stalls].service_fee  EUR 8.00 → EUR 7.00
  levels[stalls] in all       EUR 88.00 → EUR 92.00  fans notice: the price rises by EUR 4.00; who holds seats pays what they were quoted
  levels[circle].base         EUR 50.00 → EUR 45.00
  levels[circle] in all       EUR 50.00 → EUR 45.00  fans notice: the price falls by EUR 5.00; who holds seats pays what they were quoted
  limits.per_fan              4 → 2                  fans notice: who gets a pass from now on may buy fewer
  hold.ttl                    5m0s → 4m0s            fans notice: seats held from now on are kept for less time
  hold.more_time              0s → 1m0s              fans notice: who asks for more time gets more
  admission.ceiling           3000 → 2500            fans notice: the queue may move slower
Fans will notice 10 of 13. Nothing was written.
`},
	} {
		out, refused, code := dry(c.text)
		if want := strings.Contains(c.want, "→"); out != c.want || refused != "" || (code == exitDiffers) != want {
			t.Errorf("%s: %d %s\n%s\nwant\n%s", name, code, refused, out, c.want)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"a bad file":     {changed("5m", "soon"), `:13:13: hold.ttl: duration "soon": write it`},
		"what must stay": {changed("EUR", "USD", "id: circle", "id: balcony", "seats: 400", "seats: 500"), ":7:1: currency: that of \"tour\" is EUR and can't change. Put it up as another event.\n:8:1: generate: the plan of \"tour\" can't change"},
		"sections":       {changed("base: 5000", "sections: [S], base: 5000"), ":9:1: levels: the levels of \"tour\", their categories and sections can't change"},
		"over":           {changed("2040", "2020", "id: tour", "id: past"), ":5:1: starts_at: the event is over before it is put up"},
	} {
		if out, refused, code := dry(c.text); out != "" || code != exitTrouble || !strings.HasPrefix(refused, c.want) {
			t.Errorf("%s: %d %s\n%s", name, code, refused, out)
		}
	}
	put("tour", "{")
	if _, refused, code := dry(tour); code != exitTrouble || !strings.Contains(refused, "event tour: ") {
		t.Errorf("a spoiled record: %d %s", code, refused)
	}
	nothingIsWritten(t, js, events)
}

// nothingIsWritten: EVENTS has the two records that the test put there, and PLANS none.
func nothingIsWritten(t *testing.T, js jetstream.JetStream, events *kv.Bucket) {
	t.Helper()
	all, err := events.All(deadline(t), ">")
	must(t, err)
	stream, err := js.Stream(deadline(t), wire.KVStream(wire.EventsBucket))
	must(t, err)
	info, err := stream.Info(deadline(t))
	must(t, err)
	plans, err := js.ObjectStore(deadline(t), wire.PlansObjects)
	must(t, err)
	_, err = plans.List(deadline(t))
	if len(all) != 1 || info.State.LastSeq != 2 || !errors.Is(err, jetstream.ErrNoObjectsFound) {
		t.Errorf("a dry run wrote: %d events, %d writes, plans: %v", len(all), info.State.LastSeq, err)
	}
}

// The program's exit status is that of diff, whatever stops it.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	url, _ := migrated(t)
	config := filepath.Join(t.TempDir(), "config.yaml")
	must(t, os.WriteFile(config, []byte("natz: x\n"), 0o600))
	file := eventFileOf(t, tour)
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"new":        {[]string{"--nats", url, "-f", file}, exitDiffers},
		"no file":    {[]string{"--nats", url, "-f", "/nonexistent.yaml"}, exitTrouble},
		"bad file":   {[]string{"--nats", url, "-f", eventFileOf(t, "id: x\n")}, exitTrouble},
		"no bus":     {[]string{"--nats", "nats://127.0.0.1:1", "-f", file}, exitTrouble},
		"bad config": {[]string{"--config", config, "-f", file}, exitTrouble},
		"bad flag":   {[]string{"--natz", "x", "-f", file}, exitTrouble},
		"no such":    {[]string{"-f"}, exitTrouble},
	} {
		cmd := frontrow(append([]string{"event", "apply", "--dry-run"}, c.args...)...)
		out, err := cmd.CombinedOutput()
		var end *exec.ExitError
		if !errors.As(err, &end) || end.ExitCode() != c.want {
			t.Errorf("%s: %v, want %d\n%s", name, err, c.want, out)
		}
	}
	if time.Now().Year() > 2039 {
		t.Error("the events of these tests are over: move them")
	}
}

const reducedTour = tour + `tax:
  mode: exclusive
  rates:
    - {name: VAT, percent: 8.875}
    - {name: City tax, percent: 2, levels: [circle]}
concessions:
  - {id: child, name: Child, percent_off: 50, per_order: 2}
  - {id: companion, name: Companion, levels: [stalls], total: 0, needs_full: true}
promotions:
  - {id: spring, seal: SEAL, amount_off: EUR 10.00, limit: 500, until: 2040-05-08 10:00}
`

// What fans pay less, and which taxes they pay, is said in plain words; what can't be meant
// is told with its position.
func TestEventCheckExplainsReductions(t *testing.T) {
	t.Parallel()
	keys := filepath.Join(t.TempDir(), "keys.json")
	_, err := said(t, "keys", keys)
	must(t, err)
	seal, err := said(t, "codes", "seal", "--keys", keys, "--event", "tour", "--code", "spring 24")
	must(t, err)
	again, err := said(t, "codes", "seal", "--keys", keys, "--event", "tour", "--code", "SPRING24")
	must(t, err)
	other, err := said(t, "codes", "seal", "--keys", keys, "--event", "other", "--code", "SPRING24")
	must(t, err)
	seal = strings.TrimSpace(seal)
	if strings.Contains(strings.ToUpper(seal), "SPRING") || seal != strings.TrimSpace(again) || seal == strings.TrimSpace(other) {
		t.Errorf("seals %s, %s, %s", seal, again, other)
	}
	if _, err := said(t, "codes", "seal", "--keys", keys, "--event", "tour", "--code", "abc"); err == nil {
		t.Error("a code of three letters is sealed")
	}
	sealed := strings.Replace(reducedTour, "SEAL", seal, 1)
	out, err := said(t, "event", "check", "-f", eventFileOf(t, sealed))
	for _, want := range []string{
		"  stalls     EUR 95.81, all fees and taxes included: VAT 8.875 %, EUR 7.81\n",
		"  circle     EUR 55.44, all fees and taxes included: VAT 8.875 %, EUR 4.44; City tax 2 %, EUR 1.00\n",
		"    child (Child): 50 % off, at most 2 in an order\n      stalls (Stalls): EUR 47.90 instead of EUR 95.81\n      circle (Circle): EUR 27.72 instead of EUR 55.44\n",
		"    companion (Companion): EUR 0.00 in all on stalls, only with a full-price ticket each\n",
		"    spring: EUR 10.00 off, once an order, for 500 orders, 1 order of a fan, until Tue 8 May 2040, 10:00 (Berlin time), code sealed …" + seal[len(seal)-6:] + "\n",
		"    concessions count first, then a code on what the seats come to\n",
	} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: no %q in\n%s", err, want, out)
		}
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"percent":    {"percent: 8.875", "percent: 8.8755", ":18:28: tax.rates[0].percent: "},
		"signed":     {"percent: 8.875", "percent: -1", ":18:28: tax.rates[0].percent: "},
		"all of it":  {"percent_off: 50", "percent_off: 101", "concessions[0].percent_off: "},
		"two things": {"EUR 10.00", "10.00", "promotions[0].amount_off: 10.00 could mean two things"},
		"negative":   {"limit: 500", "limit: -5", "promotions[0].limit: -5: "},
		"none":       {"limit: 500", "limit: 0", "promotions[0].limit: 0 would stand for the default"},
		"a level":    {"levels: [stalls]", "levels: [stall]", `concessions[1].levels[0]: "stall" is none of the levels`},
		"no key":     {"needs_full", "needs_ful", "concessions[1].needs_ful: no such key: did you mean needs_full?"},
	} {
		_, err := said(t, "event", "check", "-f", eventFileOf(t, strings.Replace(sealed, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
