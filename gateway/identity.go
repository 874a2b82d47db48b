package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"frontrow/gateway/recent"
	"frontrow/wire"
)

const (
	fanCookie    = "fr_fan"   // who: sealed
	deviceCookie = "fr_dev"   // with which device: random, known to nobody else
	placeCookie  = "fr_place" // a receipt: a place of an event that was not had by just joining
	cookieAge    = 365 * 24 * time.Hour
	maxDevice    = 64 // bytes of a fr_dev

	// maxPass bounds a pass before anything of it is decoded.
	maxPass = 2048
	// maxVerified bounds each generation of the passes that are remembered as verified.
	maxVerified = 65536
)

// identity tells who a request speaks for. A fan is named by the signed cookie
// fr_fan, his admission by a pass that must be his, on the device it was given to.
type identity struct {
	keys   *wire.Keyring
	secure bool
	now    func() time.Time

	named func(*http.Request) // is told of each request that a new fan was named for; nil: nobody is

	origins  *http.CrossOriginProtection
	verified *recent.Memory[[sha256.Size]byte, verified] // by the hash of the token
	revoked  *revocations
}

// verified is a pass, and the keys by which it was found to be good.
type verified struct {
	*wire.Pass
	by *wire.PublicKeys
}

func newIdentity(cfg *Config) (*identity, error) {
	id := &identity{keys: cfg.Keys, secure: cfg.Secure, now: cfg.Now, origins: http.NewCrossOriginProtection(),
		verified: recent.New[[sha256.Size]byte, verified](maxVerified), revoked: newRevocations(cfg.Now)}
	for _, o := range cfg.AllowedOrigins {
		if err := id.origins.AddTrustedOrigin(o); err != nil {
			return nil, err
		}
	}
	return id, nil
}

// sameOrigin refuses a request that another site made a browser send: by
// Sec-Fetch-Site, else by Origin, which must be the request's host or one of
// the allowed origins. Without both headers it is no browser's request, and is
// let through: whoever can forge headers has no use for somebody else's browser.
//
// A live socket is opened with GET, yet its frames can be read by the page that
// opened it. So the rule applies to it too, and a cookie without an Origin,
// which no browser sends, is refused.
func (id *identity) sameOrigin(r *http.Request, socket bool) error {
	if socket {
		if _, err := r.Cookie(fanCookie); err == nil && r.Header.Get("Origin") == "" {
			return wire.Refuse(wire.CodeForbidden, "Send an Origin with the cookie.")
		}
		asPost := *r
		asPost.Method = http.MethodPost
		r = &asPost
	}
	if id.origins.Check(r) != nil {
		return wire.Refuse(wire.CodeForbidden, "This site may not act for you. Open the shop's own page.")
	}
	return nil
}

var errNoFan = errors.New("no fan cookie")

// presented is the fan of the request's cookie, errNoFan or wire.ErrToken.
func (id *identity) presented(r *http.Request) (string, error) {
	c, err := r.Cookie(fanCookie)
	if err != nil {
		return "", errNoFan
	}
	fan, _, err := id.keys.VerifyFan(c.Value)
	return fan, err
}

// age is how long ago the request's cookie was issued, at least a nanosecond; 0 if
// that was never noted. Known is false without a cookie of ours.
func (id *identity) age(r *http.Request) (age time.Duration, known bool) {
	c, err := r.Cookie(fanCookie)
	if err != nil {
		return 0, false
	}
	_, at, err := id.keys.VerifyFan(c.Value)
	if err != nil || at.IsZero() {
		return 0, err == nil
	}
	return max(id.now().Sub(at), 1), true
}

// fan is the fan of the request, who must have a cookie of ours.
func (id *identity) fan(r *http.Request) (string, error) {
	fan, err := id.presented(r)
	if err != nil {
		return "", wire.Refuse(wire.CodeUnauthorized, "We don't know this browser. Open the event's page again.")
	}
	return fan, nil
}

// meet is the fan of the request; a stranger, or one with a cookie that is not
// ours, becomes a new fan.
func (id *identity) meet(w http.ResponseWriter, r *http.Request) string {
	fan, err := id.presented(r)
	if err != nil {
		fan = wire.NewFan()
		if id.named != nil {
			id.named(r)
		}
		id.become(w, fan)
	}
	return fan
}

// become makes a device the fan's.
func (id *identity) become(w http.ResponseWriter, fan string) {
	id.give(w, fanCookie, id.keys.SignFan(fan, id.now()), "/")
}

func (id *identity) give(w http.ResponseWriter, name, value, path string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: path, MaxAge: int(cookieAge.Seconds()),
		HttpOnly: true, Secure: id.secure, SameSite: http.SameSiteLaxMode})
}

// device is what a pass says of the request's device, which gets a cookie if it
// has none.
func (id *identity) device(w http.ResponseWriter, r *http.Request) string {
	if d := presentedDevice(r); d != "" {
		return d
	}
	value := rand.Text()
	id.give(w, deviceCookie, value, "/")
	return wire.Hash([]byte(value))
}

// presentedDevice is device for a request that is given no cookie; empty if it has none.
func presentedDevice(r *http.Request) string {
	c, err := r.Cookie(deviceCookie)
	if err != nil || c.Value == "" || len(c.Value) > maxDevice {
		return ""
	}
	return wire.Hash([]byte(c.Value))
}

// keepPlace lets a device come back to a place that joining alone would not
// find: the cookie is sent with joins of this event only, and asks nobody.
func (id *identity) keepPlace(w http.ResponseWriter, p wire.Place) {
	if p.Lane == wire.LanePriority || p.Grant != (wire.Grant{}) {
		id.give(w, placeCookie, id.keys.SignReceipt(p), "/v1/events/"+p.Event+"/places")
	}
}

// keptPlace is the place of such a cookie, if it is the fan's.
func (id *identity) keptPlace(r *http.Request, event, fan string) (p wire.Place, ok bool) {
	c, err := r.Cookie(placeCookie)
	if err != nil {
		return p, false
	}
	p, err = id.keys.VerifyReceipt(c.Value)
	return p, err == nil && p.Event == event && p.Fan == fan
}

// bearer is the request's pass, unverified; empty if it has none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// passEvent is the event that a pass says it is for. Nothing is verified: it
// only tells which event to verify the pass for.
func passEvent(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(token) > maxPass || len(parts) != 3 {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var p wire.Pass
	if json.Unmarshal(payload, &p) != nil || len(p.Audience) != 1 {
		return "", false
	}
	return p.Audience[0], wire.IsName(p.Audience[0])
}

// pass verifies the request's pass for event. It must be the fan's own, on the
// device it was given to, and not withdrawn. Grace extends its life for steps
// that only finish what a live pass began.
func (id *identity) pass(r *http.Request, event string, grace time.Duration) (*wire.Pass, error) {
	p, err := id.verify(bearer(r), event, grace)
	switch {
	case errors.Is(err, wire.ErrPassExpired):
		return nil, wire.Refuse(wire.CodeUnauthorized, "Your pass has expired.")
	case errors.Is(err, wire.ErrPassEvent):
		return nil, wire.Refuse(wire.CodeForbidden, "Your pass is for another event.")
	case err != nil:
		return nil, wire.Refuse(wire.CodeUnauthorized, "This step needs a pass. Join the queue to get one.")
	}
	fan, err := id.fan(r)
	if err != nil {
		return nil, err
	}
	if fan != p.Subject {
		return nil, wire.Refuse(wire.CodeForbidden, "This pass was given to another browser.")
	}
	if problem := id.revoked.of(event, p); problem != nil {
		return nil, problem
	}
	if p.Device != "" && p.Device != presentedDevice(r) {
		return nil, otherDevice()
	}
	return p, nil
}

func otherDevice() *wire.Problem {
	return wire.Refuse(wire.CodeOtherDevice, "You go on with another device. To go on here instead, take your place back in the waiting room.")
}

// verify is VerifyPass, remembering what it has verified: a fan sends the same
// pass many times, and a signature costs more than everything around it. What
// was verified with keys that are not in force any more is verified again.
func (id *identity) verify(token, event string, grace time.Duration) (*wire.Pass, error) {
	if token == "" || len(token) > maxPass {
		return nil, wire.ErrPass
	}
	key, now, keys := sha256.Sum256([]byte(token)), id.now(), id.keys.Public()
	if p, ok := id.verified.Get(key); ok && p.by == keys && p.Audience[0] == event && now.Before(p.ExpiresAt.Add(grace)) {
		return p.Pass, nil
	}
	p, err := keys.VerifyPass(token, event, now, grace)
	if err != nil {
		return nil, err
	}
	id.verified.Put(key, verified{p, keys})
	return p, nil
}
