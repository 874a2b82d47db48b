package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/audit"
	"frontrow/rehearse"
)

// shortSale is an event of 600 places that is sold out in seconds: holds and
// windows are short, so that what fans abandon is soon on sale again.
const shortSale = `
id: show
name: A short sale
venue: Test Theatre
currency: EUR
generate: {kind: theatre, seats: 600, standing: 100}
levels:
  - {id: all, name: All seats, categories: [%s], base: 5000, service_fee: 500, facility_fee: 100}
limits: {per_fan: 4}
hold: {ttl: 5s, checkout: 60s}
admission: {tick: 1s, ceiling: 400, pass_ttl: 30s, window: 3s}
`

func shortSaleFile(t *testing.T) string {
	t.Helper()
	return eventFileOf(t, fmt.Sprintf(shortSale, theatreCategories(t, 600, 100)))
}

// rehearsal runs frontrow rehearse against a dev and returns its report.
func (r *running) rehearsal(args ...string) (report struct {
	rehearse.Report
	Audit audit.Report `json:"audit"`
}) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "report.json")
	cmd := frontrow(append([]string{"rehearse", "--url", r.http, "--event", "show", "--report", file,
		"--audit", "--nats", r.nats, "--postgres", r.postgres}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("frontrow rehearse: %v\n%s", err, out)
	}
	raw, err := os.ReadFile(file)
	must(r.t, err)
	must(r.t, json.Unmarshal(raw, &report))
	if !report.OK || !report.Audit.OK || !strings.Contains(string(out), "audit: ok true") {
		r.t.Errorf("%s", out)
	}
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Logf("%s", out)
		}
	})
	return report
}

// A whole on-sale with 300 fans and 10 bots, one of each kind but those who keep seats
// for minutes, over HTTP and live sockets.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	r := start(t, dataDir(t), shortSaleFile(t))
	report := r.rehearsal("--fans", "300", "--bots", "0.0334", "--ramp", "4s", "--think", "300ms", "--sockets", "0.3",
		"--share", "decline=0.2", "--share", "double-click=0.3", "--share", "second-tab=0.3")
	ended := 0
	for _, n := range report.Fans.Outcomes {
		ended += n
	}
	if ended != 300 || report.Fans.Persons != 300 || report.Fans.Places != 300 {
		t.Errorf("%d fans ended, %d have places", ended, report.Fans.Places)
	}
	// How many are sold depends on how fast the machine is; that both count the same does not.
	if sold := report.Audit.Stock.Sold; sold == 0 || report.Seats != sold || report.Fans.Seats+report.SeatsBots != sold {
		t.Errorf("sold %d by the audit, %d to fans, %d to bots", report.Audit.Stock.Sold, report.Fans.Seats, report.SeatsBots)
	}
	if report.SeatsBots == 0 || report.Bots["forger"].Routes["redeem"].Problems["/problems/forbidden"] == 0 {
		t.Errorf("bots: %+v", report.Bots)
	}
	if report.Fans.Latency["age of a board on a live socket"].Count == 0 {
		t.Error("no board came over a live socket")
	}
	for _, c := range report.Checks {
		if c.Looked == 0 {
			t.Errorf("nothing was looked at for: %s", c.Rule)
		}
	}
}

// A draw and a slow lane: who is there before the opening is called by lot, who
// won't prove that they are no robot after all others. Few enough come that the slow
// lane is reached, and nobody honest is kept.
func TestRehearsalOfTheRoom(t *testing.T) {
	t.Parallel()
	event := strings.Replace(fmt.Sprintf(shortSale, theatreCategories(t, 600, 100)), "admission: {", "admission: {slow: true, ", 1)
	r := start(t, dataDir(t), eventFileOf(t, withDraw(event, time.Now().Add(20*time.Second))), "--strong-challenge-at", "101")
	// So many places are wanted by scalpers, mimics, solver, script and rotator; who comes after them proves for minutes.
	report := r.rehearsal("--fans", "40", "--bot-places", "0.757", "--ramp", "25s", "--think", "300ms", "--sockets", "0.3")
	if h := report.Fans.Hindered; h.Visitors > 0 || report.Fans.Places != 40 {
		t.Errorf("of the fans %d have places, hindered: %+v", report.Fans.Places, h)
	}
	if solvers := report.Bots["solver"]; solvers.Hindered.Proofs == 0 || solvers.Places == 0 {
		t.Errorf("solvers: %+v", solvers)
	}
	if slow := report.Bots["scalper"]; slow.Hindered.Slow == 0 || slow.Passes == 0 {
		t.Errorf("%d of %d scalpers are in the slow lane, %d were called", slow.Hindered.Slow, slow.Visitors, slow.Passes)
	}
	if never := report.Bots["rotator"]; never.Hindered.GaveUp == 0 || never.Places >= never.Visitors {
		t.Errorf("of %d rotators %d gave up, %d have places", never.Visitors, never.Hindered.GaveUp, never.Places)
	}
	for _, c := range report.Checks {
		if c.Invariant == "I6" && c.Looked == 0 {
			t.Errorf("nothing was looked at for: %s", c.Rule)
		}
	}
}
