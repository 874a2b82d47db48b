package visitor

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/keyring"
	"frontrow/wire"
)

// A place that was kept is its fan's, at its event.
func TestKeptPlaceIsOnesOwn(t *testing.T) {
	t.Parallel()
	keys, now := keyring.New(), time.Unix(1_900_000_000, 0).UTC()
	vs, err := New(Config{Keys: keys, PublicURL: "http://shop", Now: func() time.Time { return now }})
	must(t, err)
	vs.SignOuts.Arrived()
	owner := wire.NewFan()
	for _, c := range []struct {
		fan, event string
		theirs     bool
	}{{owner, show, true}, {owner, "other", false}, {wire.NewFan(), show, false}} {
		face := keyring.Face{Fan: c.fan, At: now, Session: wire.NewSession()}
		place := wire.Place{Event: c.event, Lane: wire.LanePriority, Region: "home", Number: 7, Fan: owner, At: now}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://shop", nil)
		must(t, err)
		r.Header.Set("Cookie", wire.FanCookie+"="+keys.SignFace(face)+"; "+wire.PlaceCookie+show+"="+keys.SignReceipt(place))
		v := vs.Of(r)
		vs.Recognize(v, r)
		if _, ok := vs.KeptPlace(v, show); v.Fan() != c.fan || ok != c.theirs {
			t.Errorf("fan %s with a place of %s at %s: %t", v.Fan(), owner, c.event, ok)
		}
	}
}

// A cookie is given as net/http would write it.
func TestGivenCookies(t *testing.T) {
	t.Parallel()
	keys := keyring.New()
	value := keys.SignFace(keyring.Face{Fan: wire.NewFan(), At: time.Now(), Net: "10.1", Session: wire.NewSession()})
	for origin, secure := range map[string]bool{"http://shop": false, "https://shop": true} {
		got, want := httptest.NewRecorder(), httptest.NewRecorder()
		v := &Visitor{Origin: origin}
		for _, name := range []string{wire.FanCookie, wire.PlaceCookie + show} {
			v.give(got, name, value, deviceAge)
			http.SetCookie(want, &http.Cookie{Name: wire.CookieName(name, secure), Value: value, Path: "/", MaxAge: int(deviceAge.Seconds()),
				HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode})
		}
		if g, w := got.Header()["Set-Cookie"], want.Header()["Set-Cookie"]; !slices.Equal(g, w) {
			t.Errorf("got %q\nwant %q", g, w)
		}
	}
}

// A browser is who its cookies say, to the letter, whatever else stands around them;
// and over HTTPS only by those that no other host can plant.
func FuzzCookies(f *testing.F) {
	keys, now := keyring.New(), time.Unix(1_900_000_000, 0).UTC()
	face := keyring.Face{Fan: wire.NewFan(), At: now, Net: "10.1", Used: true, Session: wire.NewSession()}
	place := wire.Place{Event: show, Lane: wire.LanePriority, Region: "home~2", Number: 7, Fan: face.Fan, At: now, Grant: wire.Grant{Code: "c1"}}
	fan, device, receipt := keys.SignFace(face), keys.SignDevice(keyring.NewDevice()), keys.SignReceipt(place)
	for _, prefix := range []string{"", "__Host-"} {
		f.Add(prefix + wire.FanCookie + "=" + fan + "; " + prefix + wire.DeviceCookie + "=" + device + "; " + prefix + wire.PlaceCookie + show + "=" + receipt)
		f.Add(prefix + wire.FanCookie + "=" + fan[:len(fan)-1] + "B; " + prefix + wire.DeviceCookie + "=\"" + device + "\"; " + prefix + wire.PlaceCookie + show + "=" + receipt + "=")
		f.Add(prefix + wire.FanCookie + "=x; " + prefix + wire.FanCookie + "=" + fan + ";\r\n" + prefix + wire.DeviceCookie + "=" + receipt)
	}
	f.Fuzz(func(t *testing.T, header string) {
		for origin, prefix := range map[string]string{"http://shop": "", "https://shop": "__Host-"} {
			vs, err := New(Config{Keys: keys, PublicURL: origin, Now: func() time.Time { return now }})
			must(t, err)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin, nil)
			must(t, err)
			r.Header.Set("Cookie", header)
			vs.SignOuts.Arrived()
			v := vs.Of(r)
			vs.Recognize(v, r)
			vs.RecognizeDevice(v)
			shown := func(name, token string) bool {
				return strings.Contains(header, prefix+name+"="+token) || strings.Contains(header, prefix+name+"=\""+token+"\"")
			}
			if got := v.Face; v.Fan() != "" && (got != face || !shown(wire.FanCookie, fan)) {
				t.Fatalf("%s: %q is %+v", origin, header, got)
			}
			if v.Device != "" && !shown(wire.DeviceCookie, device) {
				t.Fatalf("%s: %q is a device", origin, header)
			}
			if got, ok := vs.KeptPlace(v, show); ok && (got != place || !shown(wire.PlaceCookie+show, receipt)) {
				t.Fatalf("%s: %q has the place %+v", origin, header, got)
			}
		}
	})
}
