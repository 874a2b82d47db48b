package web_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"frontrow/wire"

	"github.com/chromedp/chromedp"
	"github.com/evanw/esbuild/pkg/api"
)

// The page's own draw is the server's: commitments and ranks agree, for sizes
// around powers of four, for several regions, and for 14 million.
func TestDrawInTheBrowser(t *testing.T) {
	t.Parallel()
	type asked struct {
		Event, Lane, Secret string
		Entrants            map[string]uint64
		Region              string
		Number              uint64
	}
	var ask []asked
	var want []string
	for i, entrants := range []map[string]uint64{{"home": 1}, {"home": 2}, {"home": 4}, {"home": 5}, {"home": 16}, {"home": 17}, {"home": 40, "eu": 7, "us": 100}, {"home": 14_000_000}} {
		d := wire.Draw{Secret: []byte(fmt.Sprintf("%032d", i)), Event: "show", Lane: wire.LaneGeneral, Entrants: entrants}
		for region, n := range entrants {
			for _, number := range []uint64{1, n / 2, n, n + 1} {
				ask = append(ask, asked{d.Event, d.Lane, base64.RawURLEncoding.EncodeToString(d.Secret), entrants, region, number})
				want = append(want, fmt.Sprint(wire.Commit(d.Event, d.Secret), " ", d.Rank(region, number)))
			}
		}
	}
	raw, _ := json.Marshal(ask)
	got := inBrowser[[]string](t, "draw", string(raw)+`.map((a) => draw.commitment(a.Event, a.Secret) + " " +
		draw.rank({ secret: a.Secret, event: a.Event, lane: a.Lane, entrants: a.Entrants }, a.Region, a.Number))`)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v: the page says %s, want %s", ask[i], got[i], want[i])
		}
	}
}

// inBrowser is the value of an expression in a browser that has loaded a script of
// the page by itself, under its name.
func inBrowser[T any](t *testing.T, script, expression string) T {
	t.Helper()
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	built := api.Build(api.BuildOptions{AbsWorkingDir: dir, EntryPoints: []string{"src/" + script + ".ts"}, Bundle: true, Format: api.FormatIIFE, GlobalName: script, Target: api.ES2022})
	if len(built.Errors) > 0 {
		t.Fatal(built.Errors)
	}
	value, err := chromedp.Run(newTab(t, newBrowser(t), script, 400, 400, false).ctx, chromedp.Evaluate[T](string(built.OutputFiles[0].Contents)+";"+expression))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
