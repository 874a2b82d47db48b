package rehearse

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"frontrow/gateway/abuse/risk"
)

// TestLooks scores what visitors send as a gateway does: an honest fan scores nothing,
// and pretenders are recognised.
func TestLooks(t *testing.T) {
	t.Parallel()
	var got http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer srv.Close()
	base, _ := url.Parse(srv.URL)
	client := newClient(base, 1, time.Minute, &trying{})
	score := func(l *looks, of route, s risk.Signals) risk.Assessment {
		t.Helper()
		if _, err := client.send(t.Context(), newTally(), request{route: of, method: http.MethodGet, path: "/", from: "11.2.3.4", looks: l}); err != nil {
			t.Fatal(err)
		}
		s.Headers, s.Secure = risk.HeadersOf(got), got.Get("X-Forwarded-Proto") == "https"
		return risk.Weights().Score(s)
	}
	all := wardrobe()
	for i := range all {
		l := &all[i]
		page := score(l, routePage, risk.Signals{})
		join := score(l, routeJoin, risk.Signals{FanKnown: true, FanAge: 3 * time.Second})
		switch l.guise {
		case genuine:
			if join.Score != 0 || page.Score != 10 { // no visitor has a cookie before the page
				t.Errorf("%s: page %v, join %v", l.name, page, join)
			}
		case program:
			if join.Score == 0 || join.Score >= 50 {
				t.Errorf("%s: %v", l.name, join)
			}
		default:
			if join.Score < 40 {
				t.Errorf("%s: %v", l.name, join)
			}
		}
	}
}

func TestPick(t *testing.T) {
	all := wardrobe()
	n := map[int]int{}
	const of = 1000
	for i := range of {
		at := pick(all, genuine, float64(i)/of)
		if all[at].guise != genuine {
			t.Fatalf("a fan looks like %s", all[at].name)
		}
		n[at]++
	}
	for i, l := range all {
		if l.guise == genuine && (n[i] < 10*l.weight-1 || n[i] > 10*l.weight+1) {
			t.Errorf("%s: %d of %d, its weight is %d of 100", l.name, n[i], of, l.weight)
		}
	}
}
