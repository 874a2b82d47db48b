package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/keyring"
	"frontrow/wire"

	"pgregory.net/rapid"
)

func TestRegistrations(t *testing.T) {
	fan := wire.NewFan()
	list, err := readRegistrations(strings.NewReader("\xef\xbb\xbfScore, Email ,fan,limit,channel\r\n7.5,Ann@example.org,,2,presale\r\n" +
		"-1, bob@example.org ," + fan + ",,\r\n0,\"cleo@example.org\",,50,\r\n"))
	want := []registration{{line: 2, email: "Ann@example.org", score: 7.5, limit: 2, channel: "presale"},
		{line: 3, email: "bob@example.org", fan: fan, score: -1}, {line: 4, email: "cleo@example.org", limit: 50}}
	if err != nil || !slices.Equal(list, want) {
		t.Fatalf("%+v, %v", list, err)
	}
	for name, c := range map[string]struct {
		csv  string
		want []string
	}{
		"nothing":           {"", []string{"line 1"}},
		"no score":          {"email\na@example.org\n", []string{"line 1", "score"}},
		"nobody":            {"score\n1\n", []string{"line 1", "email or fan"}},
		"a column misspelt": {"email,score,chanel\n", []string{"line 1", `"chanel"`}},
		"a column twice":    {"email,score,email\n", []string{"line 1", "twice"}},
		"several lines": {"email,fan,score,limit,channel\na@example.org,,x,,\n,,1,,\nnowhere,,1,,\n,f_x,1,,\nb@example.org,,NaN,,\nc@example.org,,1,51,\nd@example.org,,1,,Pre Sale\n" +
			"e@example.org,,1\nf@example.org,,1,,\nF@example.org,,2,,\n", []string{"line 2: score", "line 3: neither", "line 4: email", "line 5: fan", "line 6: score", "line 7: limit", "line 8: channel",
			"line 9: has 3 fields", "line 11: f@example.org stands in line 10"}},
		"a quote left open":            {"email,score\na@example.org,x\n\"b@example.org,1\n", []string{"line 2: score", "line 3"}},
		"an address that is a command": {"email,score\n=1+1@example.org,1\n", []string{"line 2: email"}},
		"a thousand bad lines":         {"email,score\n" + strings.Repeat("x,1\n", 1000), []string{"line 2", "line 21", "980 lines more"}},
	} {
		_, err := readRegistrations(strings.NewReader(c.csv))
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: want %q in %v", name, want, err)
			}
		}
	}
}

// TestChoice: nobody is left out for somebody with a lower score; and among
// equals neither the order of the list nor the name decides, but the seed alone.
func TestChoice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []registration
		for i := range rapid.IntRange(0, 30).Draw(t, "n") {
			list = append(list, registration{email: fmt.Sprint(i, "@example.org"), score: float64(rapid.IntRange(0, 4).Draw(t, "score"))})
		}
		least, top := float64(rapid.IntRange(0, 5).Draw(t, "least")), rapid.IntRange(0, 12).Draw(t, "top")
		c := choose(list, least, top, "seed")
		var fit int
		for _, r := range list {
			if r.score >= least {
				fit++
			}
		}
		want := fit
		if top > 0 {
			want = min(top, fit)
		}
		if len(c.chosen) != want {
			t.Fatalf("%d chosen of %d, at most %d", len(c.chosen), fit, top)
		}
		for _, r := range list {
			in := slices.Contains(c.chosen, r)
			if r.score < least && in {
				t.Fatalf("%+v is below %v", r, least)
			}
			if n := len(c.chosen); !in && n > 0 && r.score >= least && r.score > c.chosen[n-1].score {
				t.Fatalf("%+v was left out for %+v", r, c.chosen[n-1])
			}
		}
		shuffled := rapid.Permutation(list).Draw(t, "order")
		if again := choose(shuffled, least, top, "seed"); !slices.Equal(again.chosen, c.chosen) || again.drawn != c.drawn || again.among != c.among {
			t.Fatalf("another order of the list, another choice: %+v, %+v", c, again)
		}
	})
	var equal []registration
	for i := range 100 {
		equal = append(equal, registration{email: fmt.Sprint(i, "@example.org")})
	}
	one, other := choose(equal, 0, 10, "one"), choose(equal, 0, 10, "other")
	if slices.Equal(one.chosen, other.chosen) || one.drawn != 10 || one.among != 100 {
		t.Errorf("the seed doesn't decide: %+v", one)
	}
}

// inProcess runs a command in this process.
func inProcess(args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	err = run(context.Background(), args, &out, &errs)
	return out.String(), errs.String(), err
}

func TestIssueCodes(t *testing.T) {
	dir := t.TempDir()
	in := func(name, content string) string {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	keys, out := filepath.Join(dir, "keys.json"), filepath.Join(dir, "codes.csv")
	_, _, err := inProcess("keys", keys)
	must(t, err)
	fan, soon := wire.NewFan(), time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	good := in("good.csv", "email,fan,score,limit,channel\nann@example.org,,5,,\n,"+fan+",5,3,gold\nbob@example.org,,1,,\n")
	base := []string{"codes", "issue", "--keys", keys, "--event", "show", "--list", good, "--expires", soon.Format(time.RFC3339)}
	args := append(slices.Clone(base), "--min-score", "2", "--channel", "presale", "--limit", "2", "--url", "https://shop.example/")
	stdout, stderr, err := inProcess(append(args, "-o", out)...)
	if err != nil || stdout != "" || !strings.Contains(stderr, "2 of 3 registrations have a code; seed ") {
		t.Fatalf("%q, %q, %v", stdout, stderr, err)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	raw, err := os.ReadFile(out)
	must(t, err)
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%v, %v", rows, err)
	}
	ring, err := keyring.Load(keys, "")
	must(t, err)
	for _, row := range rows[1:] {
		c, err := ring.CheckCode(row[6], "show", row[1], row[0], time.Now())
		want := wire.AccessCode{ID: c.ID, Event: "show", Fan: row[1], Email: c.Email, Lane: wire.LanePriority, Channel: "presale", Limit: 2, Expires: soon}
		if row[1] == fan {
			want.Channel, want.Limit = "gold", 3
		}
		if err != nil || c != want || row[7] != "https://shop.example/e/show?code="+row[6] || len(row[6]) > 1024 {
			t.Errorf("%v: %+v, %v", row, c, err)
		}
	}
	// The same seed gives the same codes, so that sending them again gives nobody two.
	seed := strings.Fields(stderr[strings.Index(stderr, "seed ")+5:])[0]
	again, _, err := inProcess(append(args, "--seed", seed)...)
	if err != nil || again != string(raw) {
		t.Errorf("%v: %s, first %s", err, again, raw)
	}
	if other, _, err := inProcess(args...); err != nil || other == string(raw) {
		t.Errorf("another seed, the same codes: %v", err)
	}
	if _, _, err := inProcess(append(args, "-o", out)...); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("a file was written over: %v", err)
	}
	bad := in("bad.csv", "email,score\nann@example.org,1\nnowhere,1\n")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a bad line":      {append(slices.Clone(base), "--list", bad, "-o", filepath.Join(dir, "none.csv")), "line 3"},
		"no list":         {append(slices.Clone(base), "--list", filepath.Join(dir, "nothing")), "no such file"},
		"no expiry":       {base[:len(base)-2], "usage"},
		"past":            {append(slices.Clone(base), "--expires", "2020-01-01T00:00:00Z"), "future"},
		"too far":         {append(slices.Clone(base), "--expires", "2099-01-01T00:00:00Z"), "365 days"},
		"no instant":      {append(slices.Clone(base), "--expires", "tomorrow"), "tomorrow"},
		"lane":            {append(slices.Clone(base), "--lane", "slow"), "lane"},
		"channel":         {append(slices.Clone(base), "--channel", "A B"), "channel"},
		"limit":           {append(slices.Clone(base), "--limit", "51"), "limit"},
		"event":           {append(slices.Clone(base), "--event", "A B"), "event"},
		"address of shop": {append(slices.Clone(base), "--url", "shop"), "url"},
		"negative":        {append(slices.Clone(base), "--top", "-1"), "top"},
	} {
		stdout, stderr, err := inProcess(c.args...)
		if err == nil || !strings.Contains(err.Error()+stderr, c.want) || strings.Contains(stdout, "code") {
			t.Errorf("%s: %v, %s", name, err, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none.csv")); err == nil {
		t.Error("codes were written for a list with a bad line")
	}
	for name, c := range map[string]struct {
		args       []string
		want, says string
	}{
		"good":          {[]string{rows[1][6], "--email", rows[1][0], "--fan", rows[1][1]}, "", "it is good"},
		"no address":    {[]string{codeOf(rows, "ann@example.org")}, "needs the e-mail address", "lane priority"},
		"made up":       {[]string{"AAAA"}, "not ours", ""},
		"another event": {[]string{rows[1][6], "--event", "other"}, "another event", "of event show"},
	} {
		stdout, stderr, err := inProcess(append(append([]string{"codes", "check", c.args[0]}, "--keys", keys, "--event", "show"), c.args[1:]...)...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || !strings.Contains(stdout, c.says) {
			t.Errorf("%s: %q %q, %v", name, stdout, stderr, err)
		}
	}
	if _, _, err := inProcess("codes"); err == nil || !strings.Contains(err.Error(), "usage") {
		t.Errorf("%v", err)
	}
}

func codeOf(rows [][]string, email string) string {
	for _, row := range rows {
		if row[0] == email {
			return row[6]
		}
	}
	return ""
}

func TestKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	do := func(want string, args ...string) string {
		t.Helper()
		stdout, stderr, err := inProcess(append([]string{"keys"}, args...)...)
		if err != nil || !strings.Contains(stdout+stderr, want) {
			t.Fatalf("keys %v: %q %q, %v", args, stdout, stderr, err)
		}
		return stdout
	}
	do("", file)
	before, err := keyring.Load(file, "")
	must(t, err)
	do("signs from", "rotate", "--keys", file)
	do("is short", "rotate", "--keys", file, "--lead", "0s", "--list", "barcode")
	show := do("LIST", "show", "--keys", file)
	after, err := keyring.Load(file, "")
	must(t, err)
	for list, n := range map[string]int{"pass": 2, "secret": 2, "barcode": 2} {
		if strings.Count(show, "\n"+list) != n {
			t.Errorf("%d %s keys: %s", n, list, show)
		}
	}
	if strings.Count(show, " next ") != 2 || strings.Count(show, " signs ") != 3 || strings.Count(show, " verifies ") != 1 {
		t.Error(show)
	}
	keys := after.Keys()
	for _, k := range slices.Concat(keys.Pass, keys.Barcode) {
		if raw, err := os.ReadFile(file); err != nil || strings.Contains(show, string(k.Seed)) || !bytes.Contains(raw, []byte(k.ID)) {
			t.Errorf("%v: %s", err, show)
		}
	}
	if keyring.Signer(keys.Pass, time.Now()).ID != before.Keys().Pass[0].ID || keyring.Signer(keys.Barcode, time.Now()).ID == before.Keys().Barcode[0].ID {
		t.Error("the lead does not decide which key signs")
	}
	part := filepath.Join(filepath.Dir(file), "gateway.json")
	for range 2 { // again, over what was split before
		do("", "split", "--keys", file, "--role", "gateway", "--out", part)
	}
	if show := do("LIST", "show", "--keys", part); strings.Count(show, "public half") != 4 || strings.Count(show, "all of it") != 2 {
		t.Error(show)
	}
	for service, want := range map[string]string{"admission": "needs pass keys that sign", "inventory": "needs barcode keys that sign"} {
		args := []string{service, "--keys", part, "--nats", "nats://127.0.0.1:1"}
		if service == "inventory" {
			args = append(args, "--postgres", "postgres://127.0.0.1:1", "--payments", "http://127.0.0.1:1")
		}
		if _, _, err := inProcess(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s with the gateway's keys: %v", service, err)
		}
	}
	if _, stderr, _ := inProcess("gateway", "--keys", file, "--nats", "nats://127.0.0.1:1"); !strings.Contains(stderr, "holds more than this service needs") {
		t.Errorf("nobody is told that a gateway has all keys: %s", stderr)
	}
	do("nothing to remove", "prune", "--keys", file)
	do("barcode "+before.Keys().Barcode[0].ID+" removed", "prune", "--keys", file, "--older-barcode", "1ns")
	for want, args := range map[string][]string{
		"no such file": {"rotate", "--keys", file + "x"}, "no list": {"rotate", "--keys", file, "--list", "passes"},
		"between 0 and": {"rotate", "--keys", file, "--lead", "-1s"}, "exists already": {file},
		"holds more than": {"split", "--keys", file, "--role", "gateway", "--out", file}, "is given no keys": {"split", "--keys", file, "--role", "pricing", "--out", part},
		"no pass keys of its own": {"rotate", "--keys", part},
	} {
		if _, stderr, err := inProcess(append([]string{"keys"}, args...)...); err == nil || !strings.Contains(err.Error()+stderr, want) {
			t.Errorf("keys %v: %v", args, err)
		}
	}
}
