package identity

import (
	"net/http"
	"strings"
	"time"

	"frontrow/wire"
)

// How long a browser keeps its cookies, but for that of its session.
const (
	deviceAge = wire.SessionLife
	placeAge  = 90 * 24 * time.Hour // longer than any queue stands
)

// secure reports whether the fan of a request has us over HTTPS.
func (id *Identity) secure(r *http.Request) bool {
	return strings.HasPrefix(id.cfg.Origin(r), "https://")
}

// cookie is the value of a request's cookie; empty if it has none. Where fans come
// over HTTPS, one that anybody else could have planted is none.
func (id *Identity) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(wire.CookieName(name, id.secure(r)))
	if err != nil {
		return ""
	}
	return c.Value
}

// give lets a browser keep a cookie so long, in the form in which cookie reads it.
func (id *Identity) give(w http.ResponseWriter, r *http.Request, name, value string, age time.Duration) {
	secure := id.secure(r)
	http.SetCookie(w, &http.Cookie{Name: wire.CookieName(name, secure), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode})
}

// clear lets a browser drop a cookie of a name, with the prefix that it has.
func (id *Identity) clear(w http.ResponseWriter, name string, secure bool) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode})
}
