package identity

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/wire"
)

// A browser is who its cookies say, to the letter, whatever else stands around them;
// and over HTTPS only by those that no other host can plant.
func FuzzCookies(f *testing.F) {
	keys, now := wire.NewKeyring(), time.Unix(1_900_000_000, 0).UTC()
	face := wire.Face{Fan: wire.NewFan(), At: now, Net: "10.1", Used: true, Session: wire.NewSession()}
	place := wire.Place{Event: show, Lane: wire.LanePriority, Region: "home~2", Number: 7, Fan: face.Fan, At: now, Grant: wire.Grant{Code: "c1"}}
	fan, device, receipt := keys.SignFace(face), keys.SignDevice(wire.NewDevice()), keys.SignReceipt(place)
	for _, prefix := range []string{"", "__Host-"} {
		f.Add(prefix + wire.FanCookie + "=" + fan + "; " + prefix + wire.DeviceCookie + "=" + device + "; " + prefix + wire.PlaceCookie + show + "=" + receipt)
		f.Add(prefix + wire.FanCookie + "=" + fan[:len(fan)-1] + "B; " + prefix + wire.DeviceCookie + "=\"" + device + "\"; " + prefix + wire.PlaceCookie + show + "=" + receipt + "=")
		f.Add(prefix + wire.FanCookie + "=x; " + prefix + wire.FanCookie + "=" + fan + ";\r\n" + prefix + wire.DeviceCookie + "=" + receipt)
	}
	f.Fuzz(func(t *testing.T, header string) {
		for origin, prefix := range map[string]string{"http://shop": "", "https://shop": "__Host-"} {
			id, err := New(Config{Keys: keys, Origin: func(*http.Request) string { return origin }, Now: func() time.Time { return now }})
			must(t, err)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin, nil)
			must(t, err)
			r.Header.Set("Cookie", header)
			shown := func(name, token string) bool {
				return strings.Contains(header, prefix+name+"="+token) || strings.Contains(header, prefix+name+"=\""+token+"\"")
			}
			if got, err := id.Face(r); err == nil && (got != face || !shown(wire.FanCookie, fan)) {
				t.Fatalf("%s: %q is %+v", origin, header, got)
			}
			if id.PresentedDevice(r) != "" && !shown(wire.DeviceCookie, device) {
				t.Fatalf("%s: %q is a device", origin, header)
			}
			if got, ok := id.KeptPlace(r, show, face.Fan); ok && (got != place || !shown(wire.PlaceCookie+show, receipt)) {
				t.Fatalf("%s: %q has the place %+v", origin, header, got)
			}
		}
	})
}
