package visitor

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"frontrow/gateway/client"
	"frontrow/gateway/client/ja4"
	"frontrow/gateway/listener"
	"frontrow/gateway/visitor/proof"
	"frontrow/keyring"
	"frontrow/wire"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Config configures Visitors. Keys and Now are required.
type Config struct {
	Keys *keyring.Keyring
	// PublicURL is where fans reach us, like https://tickets.example.com. With https,
	// cookies are for HTTPS and this host alone. Empty: what each request says.
	PublicURL string
	// AllowedOrigins may act for a fan, besides our own.
	AllowedOrigins []string
	// Proxies are trusted: what they say about a request is believed.
	Proxies *client.Networks
	// JA4Header is the header in which they send the client's JA4; empty: none.
	JA4Header string
	// Exempt addresses are neither limited nor scored.
	Exempt *client.Networks
	// SignedOut, if not nil, is called with each fan whose sessions have just ended.
	SignedOut func(fan string)
	Now       func() time.Time
}

// Visitors identifies who sends requests. The signed cookie fr_fan names the fan; a pass,
// which must be theirs and on the device it was given to, admits them.
type Visitors struct {
	cfg      Config
	host     string          // of PublicURL, without port
	trusted  map[string]bool // origins
	mint     wire.Mint
	proofs   *proof.Checker
	verified *lru.Cache[[sha256.Size]byte, verified] // by the hash of the token

	// Revoked is asked about every pass, and must be fed from REVOKED.
	Revoked *Revocations
	// SignOuts is asked about every cookie, and must be fed from SIGNEDOUT.
	SignOuts *SignOuts
}

// New fails if an origin is invalid.
func New(cfg Config) (*Visitors, error) {
	remembered, _ := lru.New[[sha256.Size]byte, verified](maxVerified) // fails only on a size below 1
	vs := &Visitors{cfg: cfg, trusted: map[string]bool{}, proofs: proof.New(cfg.Now), verified: remembered,
		Revoked: newRevocations(cfg.Now), SignOuts: newSignOuts(cfg.Now, cfg.SignedOut)}
	if cfg.PublicURL != "" {
		u, err := url.Parse(cfg.PublicURL)
		if err != nil {
			return nil, fmt.Errorf("public address: %w", err)
		}
		vs.host = u.Hostname()
	}
	for _, o := range cfg.AllowedOrigins {
		scheme, host, ok := originOf(o)
		if !ok {
			return nil, fmt.Errorf("allowed origin %q: write it like https://tickets.example.com", o)
		}
		vs.trusted[scheme+"://"+host] = true
	}
	return vs, nil
}

// connKey is the context key of a request's *listener.Conn.
type connKey struct{}

// WithConn is for http.Server.ConnContext: it gives a request its connection's fingerprint.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	if own := listener.Of(c); own != nil {
		return context.WithValue(ctx, connKey{}, own)
	}
	return ctx
}

// Of returns who sent a request, as far as its connection and its proxies tell. Cookies are
// read by Recognize.
func (vs *Visitors) Of(r *http.Request) *Visitor {
	cfg := &vs.cfg
	c := client.OfRequest(r, cfg.Proxies)
	v := &Visitor{Client: c, Header: r.Header, Secure: c.Secure(r), asked: c.Asked(r), Origin: cfg.PublicURL,
		Exempt: !c.Garbled && cfg.Exempt.Contain(c.Addr)}
	if c.Addr.IsValid() {
		v.Address, v.Network = text(c.Host()), text(c.Network())
	}
	if v.Origin == "" && v.Secure {
		v.Origin = "https://" + v.asked
	} else if v.Origin == "" {
		v.Origin = "http://" + v.asked
	}
	if c.Trusted {
		if print := r.Header.Get(cfg.JA4Header); cfg.JA4Header != "" && ja4.Valid(print) {
			v.JA4 = print
		}
	} else if conn, ok := r.Context().Value(connKey{}).(*listener.Conn); ok {
		v.JA4 = conn.JA4()
	}
	return v
}

// text is p.String() in one allocation.
func text(p netip.Prefix) string {
	var room [64]byte
	return string(p.AppendTo(room[:0]))
}

// Ours reports whether a visitor asked for our public name, on any port, or for a bare
// address, as probes do. A name that somebody else points at us must not become part of our
// pages.
func (vs *Visitors) Ours(v *Visitor) bool {
	host := v.asked
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return vs.host == "" || host == "" || strings.EqualFold(host, vs.host) || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// Recognize reads who the visitor is from their cookies. It is called once.
func (vs *Visitors) Recognize(v *Visitor, r *http.Request) {
	v.cookies = r.Cookies()
	v.Face, v.Refused = vs.face(v)
}

// RecognizeDevice sets the device of a recognized visitor.
func (vs *Visitors) RecognizeDevice(v *Visitor) {
	if id, err := vs.cfg.Keys.VerifyDevice(v.cookie(wire.DeviceCookie)); err == nil {
		v.Device = wire.Hash([]byte(id))
	}
}

// face returns what the cookie says, or why it is refused: it is not ours, has expired, or
// its session was ended. Without a cookie both are zero.
func (vs *Visitors) face(v *Visitor) (keyring.Face, *wire.Problem) {
	c := v.cookie(wire.FanCookie)
	if c == "" {
		return keyring.Face{}, nil
	}
	f, err := vs.cfg.Keys.VerifyFace(c)
	if err != nil || !vs.cfg.Now().Before(f.Ends()) {
		return keyring.Face{}, unknown()
	}
	if p := vs.SignOuts.of(f); p != nil {
		return keyring.Face{}, p
	}
	return f, nil
}

func unknown() *wire.Problem {
	return wire.Refuse(wire.CodeUnauthorized, "We don't know this browser. Open the event's page again.")
}

// Enroll makes a stranger a new fan. net is the network where they were first seen; owes
// says that they owe a proof.
func (vs *Visitors) Enroll(w http.ResponseWriter, v *Visitor, net string, owes bool) {
	v.New = true
	vs.Update(w, v, keyring.Face{Fan: vs.mint.Fan(), At: vs.cfg.Now(), Session: vs.mint.Session(), Net: net, Owes: owes})
}

// SignIn makes the visitor's device a fan's, for a while. What the fan has proven elsewhere
// does not count there.
func (vs *Visitors) SignIn(w http.ResponseWriter, v *Visitor, fan string) {
	vs.Update(w, v, keyring.Face{Fan: fan, At: vs.cfg.Now(), Session: wire.NewSession(), Carried: true})
}

// Update sets the visitor's cookie to f.
func (vs *Visitors) Update(w http.ResponseWriter, v *Visitor, f keyring.Face) {
	v.Face, v.Refused = f, nil
	v.give(w, wire.FanCookie, vs.cfg.Keys.SignFace(f), f.Ends().Sub(vs.cfg.Now()))
}

// SignOut makes the visitor's browser forget whose it is. It keeps the device's cookie.
func (vs *Visitors) SignOut(w http.ResponseWriter, v *Visitor) {
	for _, c := range v.cookies {
		if c.Name == v.cookieName(wire.FanCookie) || strings.HasPrefix(c.Name, v.cookieName(wire.PlaceCookie)) {
			v.clear(w, c.Name)
		}
	}
}

// GiveDevice gives the visitor's device a cookie by which it is recognized, if it has none
// of ours.
func (vs *Visitors) GiveDevice(w http.ResponseWriter, v *Visitor) {
	if v.Device != "" {
		return
	}
	device := vs.mint.Device()
	v.give(w, wire.DeviceCookie, vs.cfg.Keys.SignDevice(device), deviceAge)
	v.Device = wire.Hash([]byte(device))
}

// KeepPlace lets the visitor's device come back to a place that joining alone would not
// find. It asks nobody.
func (vs *Visitors) KeepPlace(w http.ResponseWriter, v *Visitor, p wire.Place) {
	if p.Lane == wire.LanePriority || p.Grant != (wire.Grant{}) {
		v.give(w, wire.PlaceCookie+p.Event, vs.cfg.Keys.SignReceipt(p), placeAge)
	}
}

// KeptPlace returns the place in the cookie that KeepPlace gave, if it is the visitor's.
func (vs *Visitors) KeptPlace(v *Visitor, event string) (p wire.Place, ok bool) {
	receipt := v.cookie(wire.PlaceCookie + event)
	if receipt == "" {
		return p, false
	}
	p, err := vs.cfg.Keys.VerifyReceipt(receipt)
	return p, err == nil && p.Event == event && p.Fan == v.Fan()
}
