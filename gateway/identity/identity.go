package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"frontrow/gateway/recent"
	"frontrow/wire"
)

// Cookies that a browser is given.
const (
	FanCookie    = "fr_fan"   // who: sealed
	DeviceCookie = "fr_dev"   // with which device: random, known to nobody else
	PlaceCookie  = "fr_place" // a receipt: a place of an event that was not had by just joining
)

const (
	cookieAge = 365 * 24 * time.Hour
	maxDevice = 64 // bytes of a fr_dev
)

// Config configures an Identity. Keys and Now are required.
type Config struct {
	Keys *wire.Keyring
	// Secure marks the cookies as for HTTPS alone.
	Secure bool
	// AllowedOrigins may act for a fan besides the request's own host.
	AllowedOrigins []string
	// Named is told of each request that a new fan is named for, and says in which
	// network, and whether that is one more than it may have for nothing; nil: nobody is.
	Named func(*http.Request) (net string, owes bool)
	Now   func() time.Time
}

// Identity tells who a request speaks for. A fan is named by the signed cookie
// fr_fan, his admission by a pass that must be his, on the device it was given to.
type Identity struct {
	cfg      Config
	origins  origins
	verified *recent.Memory[[sha256.Size]byte, verified] // by the hash of the token

	// Revoked is asked about every pass, and must be told of REVOKED.
	Revoked *Revocations
}

// New fails on an origin that is none.
func New(cfg Config) (*Identity, error) {
	id := &Identity{cfg: cfg, origins: origins{secure: cfg.Secure, trusted: map[string]bool{}},
		verified: recent.New[[sha256.Size]byte, verified](maxVerified), Revoked: newRevocations(cfg.Now)}
	for _, o := range cfg.AllowedOrigins {
		if err := id.origins.trust(o); err != nil {
			return nil, err
		}
	}
	return id, nil
}

// SameOrigin refuses a request that another site made a browser send: by
// Sec-Fetch-Site, else by Origin, which must be the request's host or one of
// the allowed origins. Without both headers it is no browser's request, and is
// let through: whoever can forge headers has no use for somebody else's browser.
//
// A live socket is opened with GET, yet its frames can be read by the page that
// opened it. So the rule applies to it too, and a cookie without an Origin,
// which no browser sends, is refused.
func (id *Identity) SameOrigin(r *http.Request, socket bool) error {
	if socket {
		if _, err := r.Cookie(FanCookie); err == nil && r.Header.Get("Origin") == "" {
			return wire.Refuse(wire.CodeForbidden, "Send an Origin with the cookie.")
		}
	}
	if !socket && (r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions) {
		return nil
	}
	if !id.origins.allow(r) {
		return wire.Refuse(wire.CodeForbidden, "This site may not act for you. Open the shop's own page.")
	}
	return nil
}

// ErrNoFan means that a request has no cookie of a fan.
var ErrNoFan = errors.New("no fan cookie")

// Presented is the fan of the request's cookie, ErrNoFan or wire.ErrToken.
func (id *Identity) Presented(r *http.Request) (string, error) {
	c, err := r.Cookie(FanCookie)
	if err != nil {
		return "", ErrNoFan
	}
	fan, _, err := id.cfg.Keys.VerifyFan(c.Value)
	return fan, err
}

// Face is what the request's cookie says; ErrNoFan or wire.ErrToken.
func (id *Identity) Face(r *http.Request) (wire.Face, error) {
	c, err := r.Cookie(FanCookie)
	if err != nil {
		return wire.Face{}, ErrNoFan
	}
	return id.cfg.Keys.VerifyFace(c.Value)
}

// Fan is the fan of the request, who must have a cookie of ours.
func (id *Identity) Fan(r *http.Request) (string, error) {
	fan, err := id.Presented(r)
	if err != nil {
		return "", wire.Refuse(wire.CodeUnauthorized, "We don't know this browser. Open the event's page again.")
	}
	return fan, nil
}

// Meet is the fan of the request; a stranger, or one with a cookie that is not
// ours, becomes a new fan.
func (id *Identity) Meet(w http.ResponseWriter, r *http.Request) string {
	fan, err := id.Presented(r)
	if err != nil {
		fan = wire.NewFan()
		face := wire.Face{Fan: fan, At: id.cfg.Now()}
		if id.cfg.Named != nil {
			face.Net, face.Owes = id.cfg.Named(r)
		}
		id.Show(w, face)
	}
	return fan
}

// Become makes a device the fan's. What they have shown elsewhere does not count there.
func (id *Identity) Become(w http.ResponseWriter, fan string) {
	id.Show(w, wire.Face{Fan: fan, At: id.cfg.Now()})
}

// Show gives a browser its cookie, or what it has shown since.
func (id *Identity) Show(w http.ResponseWriter, f wire.Face) {
	id.give(w, FanCookie, id.cfg.Keys.SignFace(f), "/")
}

func (id *Identity) give(w http.ResponseWriter, name, value, path string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: path, MaxAge: int(cookieAge.Seconds()),
		HttpOnly: true, Secure: id.cfg.Secure, SameSite: http.SameSiteLaxMode})
}

// Device is what a pass says of the request's device, which gets a cookie if it
// has none.
func (id *Identity) Device(w http.ResponseWriter, r *http.Request) string {
	if d := presentedDevice(r); d != "" {
		return d
	}
	value := rand.Text()
	id.give(w, DeviceCookie, value, "/")
	return wire.Hash([]byte(value))
}

// PresentedDevice is what a pass would say of the request's device; empty if it
// has no cookie of one.
func (id *Identity) PresentedDevice(r *http.Request) string { return presentedDevice(r) }

// presentedDevice is device for a request that is given no cookie; empty if it has none.
func presentedDevice(r *http.Request) string {
	c, err := r.Cookie(DeviceCookie)
	if err != nil || c.Value == "" || len(c.Value) > maxDevice {
		return ""
	}
	return wire.Hash([]byte(c.Value))
}

// KeepPlace lets a device come back to a place that joining alone would not
// find: the cookie is sent with joins of this event only, and asks nobody.
func (id *Identity) KeepPlace(w http.ResponseWriter, p wire.Place) {
	if p.Lane == wire.LanePriority || p.Grant != (wire.Grant{}) {
		id.give(w, PlaceCookie, id.cfg.Keys.SignReceipt(p), "/v1/events/"+p.Event+"/places")
	}
}

// KeptPlace is the place of the cookie that KeepPlace gave, if it is the fan's.
func (id *Identity) KeptPlace(r *http.Request, event, fan string) (p wire.Place, ok bool) {
	c, err := r.Cookie(PlaceCookie)
	if err != nil {
		return p, false
	}
	p, err = id.cfg.Keys.VerifyReceipt(c.Value)
	return p, err == nil && p.Event == event && p.Fan == fan
}
