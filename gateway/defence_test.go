package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/gateway/abuse"
	"frontrow/gateway/abuse/challenge"
	"frontrow/gateway/abuse/limit"
	"frontrow/gateway/client"
	"frontrow/gateway/listener"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
)

// guarded starts a shop whose defences look at everybody; this machine is a
// trusted proxy, so that a test may speak for any address.
func guarded(t *testing.T, change ...func(*Config)) *shop {
	t.Helper()
	return open(t, append([]func(*Config){func(c *Config) {
		c.Defences.Exempt, c.Defences.Proxies = nil, client.Loopback()
	}}, change...)...)
}

func budgets(t *testing.T, text string) func(*Config) {
	t.Helper()
	b, err := limit.ParseBudgets(text)
	must(t, err)
	return func(c *Config) { c.Defences.Budgets = b }
}

// suspicious makes every program a suspect.
func suspicious(c *Config) { c.Defences.Thresholds = challenge.Thresholds{Standard: 5, Strong: 90} }

// unscored leaves the limits alone with their work: small budgets are soon used by half.
func unscored(c *Config) { c.Defences.Off = []abuse.Part{abuse.Risk} }

// slowLane gives the show a slow lane.
func (s *shop) slowLane() {
	s.t.Helper()
	rec := *s.event(show).Record()
	rec.Spec.Admission.Slow = true
	s.put(wire.EventsBucket, show, rec)
	s.until("the slow lane", func() bool { return s.event(show).Record().Spec.Admission.Slow })
}

const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"

// human is what a browser sends over HTTP, from an address.
func human(address string) []string {
	return []string{"X-Forwarded-For", address, "User-Agent", chrome, "Accept", "*/*", "Accept-Language", "en", "Accept-Encoding", "gzip, br"}
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	s := guarded(t, unscored, budgets(t, "join.address=5-H join.network=12-H join.fan=3-H"))
	join := func(f *fan, address string) answered { return f.send("POST", places, "", human(address)...) }
	for range 5 {
		into[joinReply](t, join(s.fan(), "192.0.2.1"), http.StatusCreated)
	}
	r := join(s.fan(), "192.0.2.1")
	p := r.problem(t)
	if p.Status != http.StatusTooManyRequests || p.Type != "/problems/slow-down" || p.RetryAfterMS < 1000 || r.Header.Get("Retry-After") == "" || !strings.Contains(p.Detail, "network") {
		t.Fatalf("%+v, Retry-After %q", p, r.Header.Get("Retry-After"))
	}
	for range 5 {
		into[joinReply](t, join(s.fan(), "192.0.2.2"), http.StatusCreated)
	}
	for i := range 2 {
		into[joinReply](t, join(s.fan(), fmt.Sprint("192.0.2.", 3+i)), http.StatusCreated)
	}
	if p := join(s.fan(), "192.0.2.5").problem(t); p.Status != http.StatusTooManyRequests {
		t.Errorf("the thirteenth of a /24: %+v", p)
	}
	f := s.fan()
	for i := range 3 {
		join(f, fmt.Sprint("198.51.100.", i))
	}
	if p := join(f, "198.51.100.9").problem(t); p.Status != http.StatusTooManyRequests || strings.Contains(p.Detail, "network") {
		t.Errorf("the fourth of a fan: %+v", p)
	}
	if p := s.send("POST", places, "", human("203.0.113.1, 192.0.2.1")...).problem(t); p.Status != http.StatusTooManyRequests {
		t.Errorf("an address that lies to the left: %+v", p)
	}
	if s.limited() < 4 {
		t.Error("the metric doesn't know of them")
	}
}

// limited is how many requests the metric says were limited.
func (s *shop) limited() (n float64) {
	s.t.Helper()
	families, err := s.cfg.Registerer.(*prometheus.Registry).Gather()
	must(s.t, err)
	for _, f := range families {
		if f.GetName() == "frontrow_gateway_limited_total" {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// TestEveryRouteHasABudget: whatever a route is, it can't be had without end.
func TestEveryRouteHasABudget(t *testing.T) {
	t.Parallel()
	all := []string{"connect.address=60000-M"}
	for _, r := range limit.Routes() {
		if r != limit.Connect {
			all = append(all, string(r)+".address=1-H")
		}
	}
	s := guarded(t, budgets(t, strings.Join(all, " ")))
	path := strings.NewReplacer("{event}", show, "{hold}", wire.NewHold(), "{order}", "o_x", "{ticket}", "t_x", "{name...}", "app.js", "{$}", "")
	for i, r := range s.table() {
		method, pattern, _ := strings.Cut(r.pattern, " ")
		from := human(fmt.Sprint("192.0.2.", i))
		s.send(method, path.Replace(pattern), "", from...)
		if got := s.send(method, path.Replace(pattern), "", from...); got.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s: %d", r.pattern, got.StatusCode)
		}
	}
	if got := s.send("GET", "/nothing", "", human("192.0.2.200")...); got.StatusCode != http.StatusNotFound {
		t.Errorf("%d", got.StatusCode)
	}
	if got := s.send("GET", "/nothing", "", human("192.0.2.200")...); got.StatusCode != http.StatusTooManyRequests {
		t.Errorf("what isn't there: %d", got.StatusCode)
	}
}

// TestUnservedCostsNothing: a fan who repeats what we could not do is not
// refused for it.
func TestUnservedCostsNothing(t *testing.T) {
	t.Parallel()
	s := guarded(t, budgets(t, "hold.fan=3-H hold.address=3-H"))
	f := s.fan()
	for range 10 {
		if p := f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`, human("192.0.2.1")...).problem(t); p.Status != http.StatusServiceUnavailable {
			t.Fatalf("%+v", p)
		}
	}
	s.writer()
	for range 3 {
		into[wire.HoldReply](t, f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`, human("192.0.2.1")...), http.StatusCreated)
	}
	if p := f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`, human("192.0.2.1")...).problem(t); p.Status != http.StatusTooManyRequests {
		t.Errorf("%+v", p)
	}
}

// TestRotatedAddresses: whoever changes their IPv6 address with each request within their
// /48 is asked for a proof, and then refused.
func TestRotatedAddresses(t *testing.T) {
	t.Parallel()
	s := guarded(t, budgets(t, "join.network=80-H rotation.network=64-H"))
	got := map[int]int{}
	for i := range 100 {
		r := s.send("POST", places, "", human(fmt.Sprintf("2001:db8:7:%x::1", i))...)
		got[r.StatusCode]++
	}
	if got[http.StatusCreated] < 3 || got[http.StatusForbidden] < 40 || got[http.StatusTooManyRequests] != 20 {
		t.Errorf("answers %v", got)
	}
	into[joinReply](t, s.send("POST", places, "", human("2001:db8:8:1::1")...), http.StatusCreated)
}

// TestOffice: hundreds of fans of one address, each with a browser of their own,
// come in; then the rest is asked for a proof, and nobody is refused.
func TestOffice(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	got := map[int]int{}
	for range 1200 {
		r := s.fan().send("POST", places, "", human("192.0.2.1")...)
		got[r.StatusCode]++
	}
	if got[http.StatusCreated] < 800 || got[http.StatusForbidden] == 0 || got[http.StatusCreated]+got[http.StatusForbidden] != 1200 {
		t.Errorf("answers %v", got)
	}
	into[joinReply](t, s.fan().send("POST", places, "", human("198.51.100.1")...), http.StatusCreated)
}

// TestStrangers: the API is public, so a few programs of one network may join
// without having opened the page. Then whoever has not is asked for a proof, under
// whatever name, and even with the cookie of a challenge; fans who were there
// before join as ever, and so does the next network.
func TestStrangers(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	program := func(i int) []string { return []string{"X-Forwarded-For", fmt.Sprint("198.51.100.", i%3)} }
	got := map[int]int{}
	for i := range 30 {
		r := s.send("POST", places, "", program(i)...)
		if got[r.StatusCode]++; i < 3 && r.StatusCode != http.StatusCreated {
			t.Errorf("program %d: %d", i, r.StatusCode)
		}
	}
	if n := got[http.StatusForbidden]; n < 20 || n+got[http.StatusCreated] != 30 {
		t.Errorf("answers %v", got)
	}
	fresh := &fan{shop: s, id: wire.NewFan()}
	fresh.cookie = s.cfg.Keys.SignFan(fresh.id, time.Now())
	if p := fresh.send("POST", places, "", program(0)...).problem(t); p.Type != "/problems/challenge-required" {
		t.Errorf("%+v", p)
	}
	if p := s.send("POST", places, "", human("198.51.100.77")...).problem(t); p.Type != "/problems/challenge-required" {
		t.Errorf("a browser that has not opened the page: %+v", p)
	}
	into[joinReply](t, s.fan().send("POST", places, "", human("198.51.100.77")...), http.StatusCreated)
	into[joinReply](t, s.send("POST", places, "", "X-Forwarded-For", "203.0.113.1"), http.StatusCreated)
}

// TestSwitchedOff: each defence can be taken away, and then does nothing.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	tight := budgets(t, "join.address=2-H")
	for name, c := range map[string]struct {
		off  []abuse.Part
		want map[int]int
	}{
		"on":         {nil, map[int]int{http.StatusForbidden: 2, http.StatusTooManyRequests: 4}},
		"limits":     {[]abuse.Part{abuse.Limits}, map[int]int{http.StatusForbidden: 6}},
		"risk":       {[]abuse.Part{abuse.Risk}, map[int]int{http.StatusCreated: 2, http.StatusTooManyRequests: 4}},
		"challenges": {[]abuse.Part{abuse.Challenges}, map[int]int{http.StatusCreated: 2, http.StatusTooManyRequests: 4}},
		"all":        {abuse.Parts(), map[int]int{http.StatusCreated: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := guarded(t, tight, suspicious, func(cfg *Config) { cfg.Defences.Off = c.off })
			got := map[int]int{}
			for range 6 {
				got[s.send("POST", places, "", "X-Forwarded-For", "192.0.2.1").StatusCode]++
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	if err := (&Config{NATS: &nats.Conn{}, Keys: keyring.New(), Defences: abuse.Config{Off: []abuse.Part{"walls"}}}).Validate(); err == nil {
		t.Error("a defence that isn't there was switched off")
	}
	if err := (&Config{NATS: &nats.Conn{}, Keys: keyring.New(), Defences: abuse.Config{Thresholds: challenge.Thresholds{Standard: 80, Strong: 20}}}).Validate(); err == nil {
		t.Error("thresholds upside down")
	}
}

// TestDatacenterAndFingerprint: what the operator's list and a proxy's header say counts, and
// a header of anybody else doesn't.
func TestDatacenterAndFingerprint(t *testing.T) {
	t.Parallel()
	clouds, err := client.ParseNetworks("203.0.113.0/24")
	must(t, err)
	s := guarded(t, func(c *Config) { c.Defences.Datacenters, c.Defences.JA4Header = clouds, "X-JA4" })
	reasons := func(header ...string) []string {
		f := s.fan()
		r := f.send("POST", places, "", header...)
		p := into[joinReply](t, r, http.StatusCreated)
		receipt, err := s.cfg.Keys.VerifyReceipt(p.Place)
		must(t, err)
		stored, err := kv.Open(s.js, wire.QueueBucket(show, wire.LaneGeneral)).Get(t.Context(), wire.PlaceKey(receipt.Fan))
		must(t, err)
		var rec wire.PlaceRecord
		must(t, json.Unmarshal(stored.Value, &rec))
		return rec.Reasons
	}
	const goJA4 = "t13d190900_9dc949149365_97f8aa674fd9"
	if got := reasons(human("203.0.113.7")...); !slices.Equal(got, []string{"datacenter"}) {
		t.Errorf("%v", got)
	}
	if got := reasons(append(human("192.0.2.1"), "X-JA4", goJA4)...); !slices.Equal(got, []string{"tls-mismatch"}) {
		t.Errorf("%v", got)
	}
	if got := reasons(append(human("192.0.2.1"), "X-JA4", "<script>"+strings.Repeat("x", 5000))...); len(got) != 0 {
		t.Errorf("garbage for a fingerprint: %v", got)
	}
	alone := open(t, func(c *Config) { c.Defences.Exempt, c.Defences.JA4Header = nil, "X-JA4" }) // no proxies
	f := alone.fan()
	into[joinReply](t, f.send("POST", places, "", append(human("203.0.113.7"), "X-JA4", goJA4)...), http.StatusCreated)
	stored, err := kv.Open(alone.js, wire.QueueBucket(show, wire.LaneGeneral)).Get(t.Context(), wire.PlaceKey(f.id))
	must(t, err)
	var rec wire.PlaceRecord
	must(t, json.Unmarshal(stored.Value, &rec))
	if rec.Risk != 0 {
		t.Errorf("a stranger's headers count: %+v", rec)
	}
}

// selfSigned writes a certificate for this machine.
func selfSigned(t *testing.T) (*listener.Certificate, *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	c, err := listener.LoadCertificate(cert, key)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return c, roots
}

// TestOverTLS: where we end TLS ourselves, the fingerprint is of the handshake.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	cert, roots := selfSigned(t)
	s := open(t, func(c *Config) { c.Defences.Exempt, c.Certificate = nil, cert })
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}}, DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+s.Addr()+places, nil)
	must(t, err)
	for i, h := 0, human(""); i < len(h); i += 2 {
		req.Header.Set(h[i], h[i+1])
	}
	req.Header.Set("Cookie", wire.CookieName(fanCookie, true)+"="+s.fan().cookie)
	res, err := tr.RoundTrip(req)
	must(t, err)
	defer res.Body.Close()
	var p problemBody
	must(t, json.NewDecoder(res.Body).Decode(&p))
	// Chrome's User-Agent over HTTPS without hints, with a handshake that is not its.
	if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusCreated {
		t.Fatalf("%d %+v", res.StatusCode, p)
	}
	var seen []string
	families, err := s.cfg.Registerer.(*prometheus.Registry).Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == "frontrow_gateway_risk_reasons_total" {
			for _, m := range f.GetMetric() {
				seen = append(seen, m.GetLabel()[0].GetValue())
			}
		}
	}
	if !slices.Contains(seen, "hints-missing") {
		t.Errorf("reasons %v", seen)
	}
}

// TestDefencesAreShown: operators see the state in aggregate, and nobody's id.
func TestDefencesAreShown(t *testing.T) {
	t.Parallel()
	s := guarded(t, suspicious, budgets(t, "join.address=1-H"), func(c *Config) { c.Defences.Off = []abuse.Part{abuse.Edge} })
	s.send("POST", places, "", "X-Forwarded-For", "192.0.2.1")
	s.send("POST", places, "", "X-Forwarded-For", "192.0.2.1")
	m, err := s.nc.Request(statusSubject, nil, waitLimit)
	must(t, err)
	var st status
	must(t, json.Unmarshal(m.Data, &st))
	if d := st.Defences; d.Limited != 1 || d.Asked != 1 || d.Passed != 0 || d.Keys == 0 || d.Keys > d.MaxKeys || d.Conns == 0 || !slices.Equal(d.Off, []abuse.Part{abuse.Edge}) {
		t.Errorf("%s", m.Data)
	}
	if strings.Contains(string(m.Data), "192.0.2.1") {
		t.Errorf("an address is shown: %s", m.Data)
	}
}
