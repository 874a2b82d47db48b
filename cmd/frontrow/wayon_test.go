package main

import (
	"context"
	"fmt"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

const (
	walkers  = 40 // fans, at once
	wayOnMax = 10 // requests, without those that only say "not yet"
)

// misfortunes are what may become of a fan, in any order.
func misfortunes() []string {
	return []string{"goes on", "goes on", "comes back", "hold", "pay", "pass ends", "new device", "cookie lost", "storage lost"}
}

// Fans with passes of seconds walk into every state that there is. From each, doing
// what the last answer says, they come to seats again.
func TestEveryStateHasAWayOn(t *testing.T) {
	t.Parallel()
	event := strings.Replace(theatreOf(t, "show", "2s"), "admission: {", "admission: {pass_ttl: 2s, window: 2s, ", 1)
	r := start(t, dataDir(t), eventFileOf(t, event))
	plan := rapid.SliceOfN(rapid.SampledFrom(misfortunes()), 2, 7)
	ctx := deadline(t)
	var all sync.WaitGroup
	for n := range walkers {
		all.Go(func() {
			f, walked := newFan(t, r.http, "show", n), plan.Example(n)
			for i, m := range walked {
				if err := f.suffer(ctx, m); err != nil {
					t.Errorf("fan %d, %v: %v", n, walked[:i+1], err)
					return
				}
			}
			if err := f.goOn(ctx); err != nil {
				t.Errorf("fan %d, after %v: %v", n, walked, err)
			}
		})
	}
	all.Wait()
	r.audit("show")
}

// suffer lets something happen to a fan, wherever they are.
func (f *fan) suffer(ctx context.Context, misfortune string) error {
	switch misfortune {
	case "goes on":
		return f.goOn(ctx)
	case "comes back":
		if err := f.join(ctx, map[string]any{}); err != nil {
			return err
		}
		a, err := f.redeem(ctx)
		if err == nil && a.Status != 201 && a.text("type") != "/problems/join-again" { // with passes of seconds, they may be too late
			err = fmt.Errorf("redeem: %d %v", a.Status, a.Body)
		}
		return err
	case "hold":
		_, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 1}})
		return err
	case "pay":
		a, err := f.hold(ctx, map[string]any{"best": map[string]any{"count": 1}})
		if err == nil && a.Status == 201 {
			_, err = f.buy(ctx, a.text("hold"), "tok_visa")
		}
		return err
	case "pass ends":
		for f.place != "" && f.pass != "" {
			a, err := f.insist(ctx, "POST", "/v1/events/show/passes", map[string]any{"place": f.place})
			if err != nil || a.Status >= 400 && a.Status != 425 {
				return err
			}
			breathe(ctx)
		}
	case "new device", "cookie lost":
		base, err := url.Parse(f.base)
		if err != nil {
			return err
		}
		jar, err := cookiejar.New(nil)
		for _, c := range f.http.Jar.Cookies(base) {
			if misfortune == "new device" && !strings.Contains(c.Name, "dev") {
				jar.SetCookies(base, append(jar.Cookies(base), c))
			}
		}
		f.http.Jar = jar
		return err
	case "storage lost":
		f.place, f.pass = "", ""
	}
	return nil
}

// goOn does what a page would, until it holds a seat or is told that it has what it may.
func (f *fan) goOn(ctx context.Context) error {
	var said []string
	for len(said) < wayOnMax {
		var a answer
		var err error
		switch {
		case f.pass != "":
			if a, err = f.hold(ctx, map[string]any{"best": map[string]any{"count": 1}}); err != nil {
				return err
			}
			switch {
			case a.Status == 201, a.Status == 409:
				return nil
			case a.Status == 401, a.Status == 403:
				f.pass = ""
			}
		case f.place != "":
			if a, err = f.insist(ctx, "POST", "/v1/events/show/passes", map[string]any{"place": f.place}); err != nil {
				return err
			}
			switch {
			case a.Status == 201:
				f.pass = a.text("pass")
			case a.Status == 425:
				breathe(ctx)
				continue
			case a.Status == 401, a.Status == 403, a.text("type") == "/problems/join-again":
				f.place = ""
			}
		default:
			if a, err = f.insist(ctx, "POST", "/v1/events/show/places", map[string]any{}); err != nil {
				return err
			}
			f.place = a.text("place")
		}
		said = append(said, fmt.Sprint(a.Status, " ", a.text("type")))
	}
	return fmt.Errorf("no way on: they heard %q", said)
}
