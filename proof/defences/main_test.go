//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontrow/rehearse"
	"frontrow/wire"

	"github.com/goccy/go-yaml"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o, err := parse([]string{"-only", "on,off-draw", "-seats", "500", "-event", "../../deploy/demo/rush.yaml", "-dir", dir})
	if err != nil || len(o.settings) != 2 || o.settings[0].draw || !o.settings[1].draw {
		t.Fatalf("%+v, %v", o, err)
	}
	for _, s := range o.settings {
		file := filepath.Join(dir, s.name)
		id, err := s.event(o, file)
		raw, err2 := os.ReadFile(file)
		var e struct {
			wire.Spec `yaml:",inline"`
			Generate  struct{ Seats, Standing int }
		}
		if err3 := yaml.Unmarshal(raw, &e); err != nil || err2 != nil || err3 != nil {
			t.Fatal(err, err2, err3)
		}
		if id != "rush" || e.ID != id || e.Generate.Seats != 500 || e.Generate.Standing != 100 || e.Admission.Lottery != s.draw || !e.Admission.Slow || e.OpensAt.Before(time.Now()) {
			t.Errorf("%s: %s", id, raw)
		}
	}
	if _, err := parse([]string{"-only", "walls"}); err == nil {
		t.Error("a setting that is not there was taken")
	}
}

func TestRow(t *testing.T) {
	t.Parallel()
	r := &rehearse.Report{OK: true, PlacesBots: 0.3, ShareBots: 0.5, Took: "3m0s",
		Fans: rehearse.Crowd{Visitors: 70, Places: 70, Hindered: rehearse.Hindered{Visitors: 2, Delay: rehearse.Latency{P50: 1000, P99: 2500}}},
		Bots: map[string]rehearse.Crowd{"scalper": {Visitors: 20, Places: 20, Hindered: rehearse.Hindered{Slow: 20, Challenged: 20}},
			"mimic": {Visitors: 10, Places: 10}}}
	want := "| on | draw | 30.0 %, 12.5 % | 50.0 % | 0 / 20 / 0 (0) / 20 of 30 | 2 of 70 | 1.0 / 2.5 s | 3m0s | hold, clean |"
	s := setting{"on-draw", "on", true}
	if got := s.row(r, true); got != want {
		t.Errorf("%s", got)
	}
	if got := s.row(r, false); !strings.Contains(got, "BROKEN") {
		t.Errorf("%s", got)
	}
	if strings.Count(want, "|") != strings.Count(strings.Split(head, "\n")[1], "|") {
		t.Error("a row is not as wide as the table")
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	for text, want := range map[string]string{"": "", "level=INFO msg=x\nready http=a": "", "level=INFO msg=x\nready http=a nats=b\nmore\n": "a b"} {
		if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if at, err := addresses(log); (err == nil) != (want != "") || err == nil && at["http"]+" "+at["nats"] != want {
			t.Errorf("%q: %v, %v", text, at, err)
		}
	}
}
