package identity

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"frontrow/gateway/proof"
	"frontrow/gateway/recent"
	"frontrow/wire"
)

// Config configures an Identity. Keys, Origin and Now are required.
type Config struct {
	Keys *wire.Keyring
	// Origin is where the fan of a request has us, like https://tickets.example.com. Over
	// HTTPS cookies are for HTTPS and this host alone.
	Origin func(*http.Request) string
	// AllowedOrigins may act for a fan besides our own.
	AllowedOrigins []string
	// Named is told of each request that a new fan is named for, and says in which
	// network, and whether that is one more than it may have for nothing; nil: nobody is.
	Named func(*http.Request) (net string, owes bool)
	// SignedOut is told of each fan of whom sessions have just ended; nil: nobody is.
	SignedOut func(fan string)
	Now       func() time.Time
}

// Identity tells who a request speaks for. A fan is named by the signed cookie
// fr_fan, their admission by a pass that must be theirs, on the device it was given to.
type Identity struct {
	cfg      Config
	origins  origins
	proofs   *proof.Checker
	verified *recent.Memory[[sha256.Size]byte, verified] // by the hash of the token

	// Revoked is asked about every pass, and must be told of REVOKED.
	Revoked *Revocations
	// SignOuts is asked about every cookie, and must be told of SIGNEDOUT.
	SignOuts *SignOuts
}

// New fails on an origin that is none.
func New(cfg Config) (*Identity, error) {
	id := &Identity{cfg: cfg, origins: origins{own: cfg.Origin, trusted: map[string]bool{}}, proofs: proof.New(cfg.Now),
		verified: recent.New[[sha256.Size]byte, verified](maxVerified), Revoked: newRevocations(cfg.Now), SignOuts: newSignOuts(cfg.Now, cfg.SignedOut)}
	for _, o := range cfg.AllowedOrigins {
		if err := id.origins.trust(o); err != nil {
			return nil, err
		}
	}
	return id, nil
}

// SameOrigin refuses a request that another site made a browser send: by
// Sec-Fetch-Site, else by Origin, which must be ours or one of the allowed
// origins. Without both headers it is no browser's request, and is
// let through: whoever can forge headers has no use for somebody else's browser.
//
// A live socket is opened with GET, yet its frames can be read by the page that
// opened it. So the rule applies to it too, and a cookie without an Origin,
// which no browser sends, is refused.
func (id *Identity) SameOrigin(r *http.Request, socket bool) error {
	if socket {
		if id.cookie(r, wire.FanCookie) != "" && r.Header.Get("Origin") == "" {
			return wire.Refuse(wire.CodeForbidden, "Send an Origin header with the cookie.")
		}
	}
	if !socket && (r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions) {
		return nil
	}
	if !id.origins.allow(r) {
		return wire.Refuse(wire.CodeForbidden, "Another site may not act for you. Open the shop's own page.")
	}
	return nil
}

// ErrNoFan means that a request has no cookie of a fan.
var ErrNoFan = errors.New("no fan cookie")

// Presented is the fan of the request's cookie; errors as of Face.
func (id *Identity) Presented(r *http.Request) (string, error) {
	f, err := id.Face(r)
	return f.Fan, err
}

// Face is what the request's cookie says; ErrNoFan, or a refusal: of one that is not
// ours or has had its time, or of a session that was ended.
func (id *Identity) Face(r *http.Request) (wire.Face, error) {
	c := id.cookie(r, wire.FanCookie)
	if c == "" {
		return wire.Face{}, ErrNoFan
	}
	f, err := id.cfg.Keys.VerifyFace(c)
	if err != nil || !id.cfg.Now().Before(f.Ends()) {
		return wire.Face{}, unknown()
	}
	if p := id.SignOuts.of(f); p != nil {
		return wire.Face{}, p
	}
	return f, nil
}

// Fan is the fan of the request, who must have a cookie of ours.
func (id *Identity) Fan(r *http.Request) (string, error) {
	fan, err := id.Presented(r)
	if errors.Is(err, ErrNoFan) {
		err = unknown()
	}
	return fan, err
}

func unknown() *wire.Problem {
	return wire.Refuse(wire.CodeUnauthorized, "We don't know this browser. Open the event's page again.")
}

// Meet is the fan of the request; a stranger, or one with a cookie that is not
// ours, becomes a new fan. Who was signed out is told so first.
func (id *Identity) Meet(w http.ResponseWriter, r *http.Request) (string, error) {
	fan, err := id.Presented(r)
	var p *wire.Problem
	if err == nil || errors.As(err, &p) && p.Code != wire.CodeUnauthorized {
		return fan, err
	}
	face := wire.Face{Fan: wire.NewFan(), At: id.cfg.Now(), Session: wire.NewSession()}
	if id.cfg.Named != nil {
		face.Net, face.Owes = id.cfg.Named(r)
	}
	id.Show(w, r, face)
	return face.Fan, nil
}

// Become makes a device the fan's, for a while. What they have shown elsewhere does
// not count there.
func (id *Identity) Become(w http.ResponseWriter, r *http.Request, fan string) {
	id.Show(w, r, wire.Face{Fan: fan, At: id.cfg.Now(), Session: wire.NewSession(), Carried: true})
}

// Forget lets a browser forget whose it is. Which device it is it keeps.
func (id *Identity) Forget(w http.ResponseWriter, r *http.Request) {
	secure := id.secure(r)
	for _, c := range r.Cookies() {
		if c.Name == wire.CookieName(wire.FanCookie, secure) || strings.HasPrefix(c.Name, wire.CookieName(wire.PlaceCookie, secure)) {
			id.clear(w, c.Name, secure)
		}
	}
}

// Show gives a browser its cookie, or what it has shown since.
func (id *Identity) Show(w http.ResponseWriter, r *http.Request, f wire.Face) {
	id.give(w, r, wire.FanCookie, id.cfg.Keys.SignFace(f), f.Ends().Sub(id.cfg.Now()))
}

// Device is what a pass says of the request's device, which gets a cookie if it
// has none of ours.
func (id *Identity) Device(w http.ResponseWriter, r *http.Request) string {
	if d := id.PresentedDevice(r); d != "" {
		return d
	}
	device := wire.NewDevice()
	id.give(w, r, wire.DeviceCookie, id.cfg.Keys.SignDevice(device), deviceAge)
	return wire.Hash([]byte(device))
}

// PresentedDevice is what a pass would say of the request's device; empty if it
// has no cookie of ours.
func (id *Identity) PresentedDevice(r *http.Request) string {
	device, err := id.cfg.Keys.VerifyDevice(id.cookie(r, wire.DeviceCookie))
	if err != nil {
		return ""
	}
	return wire.Hash([]byte(device))
}

// KeepPlace lets a device come back to a place that joining alone would not
// find, and asks nobody.
func (id *Identity) KeepPlace(w http.ResponseWriter, r *http.Request, p wire.Place) {
	if p.Lane == wire.LanePriority || p.Grant != (wire.Grant{}) {
		id.give(w, r, wire.PlaceCookie+p.Event, id.cfg.Keys.SignReceipt(p), placeAge)
	}
}

// KeptPlace is the place of the cookie that KeepPlace gave, if it is the fan's.
func (id *Identity) KeptPlace(r *http.Request, event, fan string) (p wire.Place, ok bool) {
	p, err := id.cfg.Keys.VerifyReceipt(id.cookie(r, wire.PlaceCookie+event))
	return p, err == nil && p.Event == event && p.Fan == fan
}
