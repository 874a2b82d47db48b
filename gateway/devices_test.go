package gateway

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/keyring"
	"frontrow/wire"

	"github.com/coder/websocket"
)

// session is the fan on a device where a session of theirs began an hour ago.
func (f *fan) session(at time.Time) *fan {
	there := *f
	there.cookie = f.cfg.Keys.SignFace(keyring.Face{Fan: f.id, At: at, Session: wire.NewSession()})
	return &there
}

// signOut sends the form of the page of orders.
func (f *fan) signOut(body string) answered {
	f.t.Helper()
	return f.form("/sign-out", body, fanCookie+"="+f.cookie+"; "+placeCookie+"=x; "+deviceCookie+"="+f.device)
}

// out waits until a cookie is refused as that of a session that has ended, by every
// step and page that asks whose it is; it is cleared, with what to do.
func (f *fan) out() {
	f.t.Helper()
	f.until("the session is over", func() bool { return f.send("GET", "/v1/orders", "").StatusCode == http.StatusUnauthorized })
	for _, step := range []string{"GET /v1/orders", "POST " + places, "POST /v1/events/show/holds", "GET /v1/events/show/challenge"} {
		method, path, _ := strings.Cut(step, " ")
		body := ""
		if method == "POST" {
			body = "{}"
			if strings.HasSuffix(path, "holds") {
				body = `{"best":{"count":1}}`
			}
		}
		r := f.send(method, path, body)
		p := r.problem(f.t)
		gone := cookieOf(r, fanCookie)
		if p.Status != http.StatusUnauthorized || p.Type != "/problems/signed-out" || !strings.Contains(p.Detail, "signed out") || gone == nil || gone.MaxAge >= 0 || r.Header.Get("WWW-Authenticate") == "" {
			f.t.Errorf("%s: %+v, %v", step, p, r.Cookies())
		}
	}
	for _, page := range []string{"/", "/e/show", "/orders"} {
		r := f.send("GET", page, "")
		if gone := cookieOf(r, fanCookie); r.StatusCode != http.StatusUnauthorized || gone == nil || gone.MaxAge >= 0 || !strings.Contains(string(r.body), "Take your place with you") {
			f.t.Errorf("%s: %d %v %s", page, r.StatusCode, r.Cookies(), r.body)
		}
	}
}

// in fails if the session has ended.
func (f *fan) in() {
	f.t.Helper()
	if r := f.send("POST", places, "{}"); r.StatusCode >= 300 || cookieOf(r, fanCookie) != nil {
		f.t.Errorf("%d %s %v", r.StatusCode, r.body, r.Cookies())
	}
}

func TestSignOutHere(t *testing.T) {
	t.Parallel()
	s := open(t)
	desk := s.fan().session(time.Now().Add(-time.Hour))
	desk.device = s.device("desk")
	phone := desk.session(time.Now().Add(-time.Minute))
	if r := desk.signOut("where=here"); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without agreeing: %d", r.StatusCode)
	}
	desk.in()
	r := desk.signOut("where=here&sure=yes")
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/orders?signed-out=here" {
		t.Fatalf("%d %v %s", r.StatusCode, r.Header, r.body)
	}
	for name, cleared := range map[string]bool{fanCookie: true, placeCookie: true, deviceCookie: false} {
		if c := cookieOf(r, name); (c != nil && c.MaxAge < 0) != cleared {
			t.Errorf("%s: %v", name, r.Cookies())
		}
	}
	desk.out() // also for who has taken its cookie before
	phone.in()
	// The same cookie at a gateway that starts later.
	desk.at(s.another()).out()
}

func TestSignOutEverywhereElse(t *testing.T) {
	t.Parallel()
	var late atomic.Int64
	s := open(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) } })
	late.Store(-int64(2 * time.Second))
	phone := s.fan().session(time.Now().Add(-time.Hour))
	thief, former := phone.session(time.Now().Add(-time.Minute)), *phone
	former.cookie = s.cfg.Keys.SignFan(phone.id, time.Now().Add(-time.Hour)) // has no session of its own
	other := s.fan().session(time.Now().Add(-time.Minute))
	link, _ := phone.carry("{}")
	socket := s.view("Cookie", fanCookie+"="+thief.cookie, "Origin", s.url)
	if r := phone.signOut("where=elsewhere"); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/orders?signed-out=elsewhere" || len(r.Cookies()) != 0 {
		t.Fatalf("%d %v %s", r.StatusCode, r.Header, r.body)
	}
	thief.out()
	former.out()
	phone.in()
	other.in()
	if code := socket.closed(); code != websocket.StatusGoingAway {
		t.Errorf("the thief's socket: %d", code)
	}
	if r := s.opens(link, "", ""); r.StatusCode != http.StatusGone || !strings.Contains(string(r.body), "signed out") || len(r.Cookies()) != 0 {
		t.Errorf("a link that was made before: %d %s", r.StatusCode, r.body)
	}
	late.Store(0)
	link, _ = phone.carry("{}")
	r := s.opens(link, "", "")
	if r.StatusCode != http.StatusSeeOther {
		t.Fatalf("a link that was made since: %d %s", r.StatusCode, r.body)
	}
	carried := &fan{shop: s, id: phone.id, cookie: cookieOf(r, fanCookie).Value}
	carried.in()
	if life := time.Duration(cookieOf(r, fanCookie).MaxAge) * time.Second; life > wire.CarriedSessionLife || life < wire.CarriedSessionLife-time.Hour {
		t.Errorf("what a link gave is kept for %v", life)
	}
	late.Store(int64(wire.CarriedSessionLife + time.Minute))
	if p := carried.send("GET", "/v1/orders", "").problem(t); p.Status != http.StatusUnauthorized {
		t.Errorf("what a link gave is good for ever: %+v", p)
	}
	phone.in()
	late.Store(int64(wire.SessionLife))
	if p := phone.send("GET", "/v1/orders", "").problem(t); p.Status != http.StatusUnauthorized || p.Type != "/problems/no-pass" {
		t.Errorf("a cookie is good for ever: %+v", p)
	}
}

// TestFormerCookieSignsOutOthers: a cookie without a session gets one, and stays.
func TestFormerCookieSignsOutOthers(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	r := f.signOut("where=elsewhere")
	if r.StatusCode != http.StatusSeeOther || cookieOf(r, fanCookie) == nil {
		t.Fatalf("%d %v", r.StatusCode, r.Cookies())
	}
	f.out()
	f.cookie = cookieOf(r, fanCookie).Value
	f.in()
}

// TestSignOutIsOneOwnAct: it takes the fan's cookie, and our own page.
func TestSignOutIsOneOwnAct(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan().session(time.Now().Add(-time.Hour))
	for name, r := range map[string]answered{
		"nobody":            s.form("/sign-out", "where=elsewhere", ""),
		"forged":            s.form("/sign-out", "where=elsewhere", fanCookie+"="+f.cookie+"x"),
		"another site":      s.form("/sign-out", "where=here&sure=yes", fanCookie+"="+f.cookie, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"),
		"by the address":    s.form("/sign-out?where=here&sure=yes", "", fanCookie+"="+f.cookie),
		"nothing in a link": s.send("GET", "/sign-out?where=here&sure=yes", "", "Cookie", fanCookie+"="+f.cookie),
	} {
		if r.StatusCode < 400 || len(r.Cookies()) != 0 {
			t.Errorf("%s: %d %v", name, r.StatusCode, r.Cookies())
		}
	}
	f.in()
}
