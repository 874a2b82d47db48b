package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/keyring"
	"frontrow/wire"
)

// form sends a form as a browser does from our own page.
func (s *shop) form(path, body, cookies string, header ...string) answered {
	all := append([]string{"Content-Type", "application/x-www-form-urlencoded", "Origin", s.url, "Sec-Fetch-Site", "same-origin"}, header...)
	if cookies != "" {
		all = append(all, "Cookie", cookies)
	}
	return s.send("POST", path, body, all...)
}

// opens sends the form of a link's page, with the digits that belong to it.
func (s *shop) opens(path, body, cookies string, header ...string) answered {
	token, _, _ := strings.Cut(strings.TrimPrefix(path, "/c/"), "?")
	return s.form(path, body+"&digits="+s.cfg.Keys.CarryDigits(token), cookies, header...)
}

// carry joins f and makes a link to another device; the path of it.
func (f *fan) carry(body string) (path string, place joinReply) {
	f.t.Helper()
	r := f.send("POST", places, body)
	place = into[joinReply](f.t, r, r.StatusCode)
	reply := into[carryReply](f.t, f.send("POST", "/v1/carry", fmt.Sprintf(`{"place":%q}`, place.Place)), http.StatusOK)
	link, err := url.Parse(reply.Link)
	must(f.t, err)
	if link.Scheme+"://"+link.Host != f.url || !strings.HasPrefix(link.Path, "/c/") || reply.QRSize < 21+2*quietZone || !strings.HasPrefix(reply.QR, "M4 4h7v1h-7z") ||
		len(reply.Digits) != 6 || reply.Digits != f.cfg.Keys.CarryDigits(strings.TrimPrefix(link.Path, "/c/")) {
		f.t.Fatalf("%+v", reply)
	}
	if left := time.Until(reply.Expires); left > keyring.CarryTTL || left < keyring.CarryTTL-time.Minute {
		f.t.Errorf("the link works for %v", left)
	}
	return link.Path, place
}

func TestCarryAPlaceToAnotherDevice(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, body := range map[string]string{"general": "{}", "priority": joinWith(s.issue(nil), "ann@example.org")} {
		f := s.fan()
		f.pass = ""
		path, place := f.carry(body)
		before := s.written()

		page := s.send("GET", path, "")
		if page.StatusCode != http.StatusOK || len(page.Cookies()) != 0 || page.Header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(string(page.body), fmt.Sprintf("The &lt;Band&gt; %d this=false other=false", place.Number)) {
			t.Fatalf("%s: %d %v %s", name, page.StatusCode, page.Header, page.body)
		}
		r := s.opens(path, "", "")
		if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/e/show#carried" || cookieOf(r, fanCookie) == nil || cookieOf(r, deviceCookie) == nil {
			t.Fatalf("%s: %d %v", name, r.StatusCode, r.Header)
		}
		if fan, _, err := s.cfg.Keys.VerifyFan(cookieOf(r, fanCookie).Value); err != nil || fan != f.id {
			t.Errorf("%s: the device is %s, %v", name, fan, err)
		}
		var cookies []string
		for _, c := range r.Cookies() {
			cookies = append(cookies, c.Name+"="+c.Value)
		}
		there := into[joinReply](t, s.send("POST", places, "{}", "Cookie", strings.Join(cookies, "; ")), http.StatusOK)
		if there.Number != place.Number || there.Lane != place.Lane {
			t.Errorf("%s: there the place is %+v, here %+v", name, there, place)
		}
		mine, err1 := s.cfg.Keys.VerifyReceipt(place.Place)
		theirs, err2 := s.cfg.Keys.VerifyReceipt(there.Place)
		if err1 != nil || err2 != nil || mine.Grant != theirs.Grant {
			t.Errorf("%s: granted %+v here, %+v there", name, mine.Grant, theirs.Grant)
		}
		if s.written() != before {
			t.Errorf("%s: carrying wrote something", name)
		}

		// This device is theirs already: nothing to ask, and the same cookie stays.
		page = s.send("GET", path, "", "Cookie", fanCookie+"="+f.cookie)
		r = s.opens(path, "", fanCookie+"="+f.cookie+"; "+deviceCookie+"="+s.device("d"))
		if !strings.Contains(string(page.body), "this=true other=false") || r.StatusCode != http.StatusSeeOther || cookieOf(r, fanCookie) != nil || cookieOf(r, deviceCookie) != nil {
			t.Errorf("%s: %s, %d %v", name, page.body, r.StatusCode, r.Cookies())
		}
		// Another fan's device is told, and must agree.
		other := fanCookie + "=" + s.fan().cookie
		page = s.send("GET", path, "", "Cookie", other)
		r = s.opens(path, "", other)
		if !strings.Contains(string(page.body), "this=false other=true") || r.StatusCode != http.StatusConflict || len(r.Cookies()) != 0 {
			t.Errorf("%s: %s, %d %v", name, page.body, r.StatusCode, r.Cookies())
		}
		if r = s.opens(path, "replace=yes", other); r.StatusCode != http.StatusGone {
			t.Errorf("%s: the link opens twice: %d", name, r.StatusCode)
		}
		g := s.fan()
		g.pass = ""
		path, _ = g.carry("{}")
		if r = s.opens(path, "replace=yes", other); r.StatusCode != http.StatusSeeOther || cookieOf(r, fanCookie) == nil {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.body)
		}
	}
}

// TestCarryIsRefused: a link is had with cookie and receipt alone, and is good
// for its time, unspoiled, and from our own page.
func TestCarryIsRefused(t *testing.T) {
	t.Parallel()
	var late atomic.Int64
	s := open(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) } })
	f, other := s.fan(), s.fan()
	path, place := f.carry("{}")
	for name, c := range map[string]struct {
		fan  *fan
		body string
		want int
	}{
		"no cookie":           {&fan{shop: s}, fmt.Sprintf(`{"place":%q}`, place.Place), 401},
		"another fan":         {other, fmt.Sprintf(`{"place":%q}`, place.Place), 403},
		"no receipt":          {f, `{}`, 400},
		"a tampered receipt":  {f, fmt.Sprintf(`{"place":"%sA"}`, place.Place), 403},
		"a foreign receipt":   {f, fmt.Sprintf(`{"place":%q}`, keyring.New().SignReceipt(wire.Place{Event: show, Fan: f.id, Number: 1})), 403},
		"of no event of ours": {f, fmt.Sprintf(`{"place":%q}`, s.cfg.Keys.SignReceipt(wire.Place{Event: "gone", Fan: f.id, Number: 1})), 404},
	} {
		if p := c.fan.send("POST", "/v1/carry", c.body).problem(t); p.Status != c.want {
			t.Errorf("%s: %+v", name, p)
		}
	}
	foreign := "/c/" + keyring.New().SignCarry(wire.Place{Event: show, Lane: wire.LaneGeneral, Region: "home", Number: 1, Fan: f.id}, time.Now().Add(time.Hour))
	elsewhere := "/c/" + s.cfg.Keys.SignCarry(wire.Place{Event: "gone", Lane: wire.LaneGeneral, Region: "home", Number: 1, Fan: f.id}, time.Now().Add(time.Hour))
	for name, bad := range map[string]string{"tampered": path[:len(path)-4] + "AAAA", "cut": path[:len(path)-4], "foreign": foreign, "a receipt": "/c/" + place.Place,
		"a cookie": "/c/" + f.cookie, "nothing": "/c/x", "of another event": elsewhere} {
		for _, r := range []answered{s.send("GET", bad, ""), s.opens(bad, "replace=yes", "")} {
			if r.StatusCode != http.StatusNotFound || len(r.Cookies()) != 0 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
				t.Errorf("%s: %d %v", name, r.StatusCode, r.Cookies())
			}
		}
	}
	// Login CSRF: another site can send a browser here, but not agree for it.
	for name, header := range map[string][]string{
		"another site's form": {"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"},
		"an old browser":      {"Origin", "https://evil.example", "Sec-Fetch-Site", ""},
		"a sandboxed frame":   {"Origin", "null", "Sec-Fetch-Site", "cross-site"},
		"a neighbour":         {"Origin", "http://evil." + s.Addr(), "Sec-Fetch-Site", "same-site"},
	} {
		if r := s.opens(path, "replace=yes", "", header...); r.StatusCode != http.StatusForbidden || len(r.Cookies()) != 0 {
			t.Errorf("%s: %d %v", name, r.StatusCode, r.Cookies())
		}
	}
	if r := s.send("GET", path+"?replace=yes", "", "Sec-Fetch-Site", "cross-site"); r.StatusCode != http.StatusOK || len(r.Cookies()) != 0 {
		t.Errorf("a link on another site: %d %v", r.StatusCode, r.Cookies())
	}
	if r := s.opens(path+"?replace=yes", "", fanCookie+"="+other.cookie); r.StatusCode != http.StatusConflict {
		t.Errorf("agreeing by the address: %d", r.StatusCode)
	}
	// A receipt alone shows nobody's orders, and its place to its fan alone.
	if p := other.send("POST", "/v1/events/show/passes", fmt.Sprintf(`{"place":%q}`, place.Place)).problem(t); p.Status != http.StatusForbidden {
		t.Errorf("%+v", p)
	}
	late.Store(int64(keyring.CarryTTL))
	for _, r := range []answered{s.send("GET", path, ""), s.opens(path, "", "")} {
		if r.StatusCode != http.StatusGone || len(r.Cookies()) != 0 || !strings.Contains(string(r.body), "expired") {
			t.Errorf("expired: %d %v %s", r.StatusCode, r.Cookies(), r.body)
		}
	}
}

// TestCarryNeedsTheDigits: the link alone is not enough, and can't be tried out: five
// tries, whoever makes them, and it is dead for the right ones too.
func TestCarryNeedsTheDigits(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	f.pass = ""
	path, _ := f.carry("{}")
	right := s.cfg.Keys.CarryDigits(strings.TrimPrefix(path, "/c/"))
	wrong := fmt.Sprintf("%06d", (int(right[5]-'0')+1)%10)
	refused := func(name string, r answered, status int, says string) {
		t.Helper()
		if r.StatusCode != status || len(r.Cookies()) != 0 || !strings.Contains(string(r.body), says) {
			t.Errorf("%s: %d %v %s", name, r.StatusCode, r.Cookies(), r.body)
		}
	}
	for range 20 { // what is no try costs none
		refused("none", s.form(path, "digits=+", ""), http.StatusForbidden, "Enter the six digits")
	}
	for i := range 4 {
		refused("wrong", s.form(path, "digits="+wrong+fmt.Sprint(i), ""), http.StatusForbidden, "These digits are wrong")
	}
	if r := s.form(path, "digits="+right[:3]+"+"+right[3:], deviceCookie+"="+s.device("phone")); r.StatusCode != http.StatusSeeOther || cookieOf(r, fanCookie) == nil {
		t.Fatalf("the fifth try is right: %d %s", r.StatusCode, r.body)
	}
	refused("the sixth", s.form(path, "digits="+right, deviceCookie+"="+s.device("phone")), http.StatusGone, "no longer works")

	other, _ := f.carryAgain(path)
	for range 5 {
		refused("wrong", s.form(other, "digits="+right, ""), http.StatusForbidden, "These digits are wrong")
	}
	refused("the right ones, too late", s.opens(other, "", ""), http.StatusGone, "no longer works")
	if r := s.form(other, "", fanCookie+"="+f.cookie); r.StatusCode != http.StatusSeeOther {
		t.Errorf("on a device of the same fan: %d", r.StatusCode)
	}
}

// carryAgain makes a link that is not the one of path.
func (f *fan) carryAgain(path string) (string, joinReply) {
	for {
		other, place := f.carry("{}")
		if other != path && f.cfg.Keys.CarryDigits(other[3:]) != f.cfg.Keys.CarryDigits(path[3:]) {
			return other, place
		}
	}
}
