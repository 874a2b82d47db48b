package visitor

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"frontrow/wire"
)

// How long a browser keeps its cookies, except that of its session.
const (
	deviceAge = wire.SessionLife
	placeAge  = 90 * 24 * time.Hour // longer than any queue stands
)

// overHTTPS reports whether the visitor reaches us over HTTPS.
func (v *Visitor) overHTTPS() bool { return strings.HasPrefix(v.Origin, "https://") }

// cookieName returns a cookie's name as the visitor's browser has it.
func (v *Visitor) cookieName(name string) string { return wire.CookieName(name, v.overHTTPS()) }

// cookie returns the value of the visitor's first cookie of a name, empty if there is none.
// Over HTTPS it ignores a cookie that anybody else could have planted.
func (v *Visitor) cookie(name string) string {
	name = v.cookieName(name)
	for _, c := range v.cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// give sets a cookie for the given age, in the form that cookie reads. It writes what
// http.SetCookie would: name and value are ours, and have nothing that must be escaped.
func (v *Visitor) give(w http.ResponseWriter, name, value string, age time.Duration) {
	var room [512]byte
	line := append(room[:0], v.cookieName(name)...)
	line = append(append(append(line, '='), value...), "; Path=/; Max-Age="...)
	line = append(strconv.AppendInt(line, int64(age.Seconds()), 10), "; HttpOnly"...)
	if v.overHTTPS() {
		line = append(line, "; Secure"...)
	}
	w.Header().Add("Set-Cookie", string(append(line, "; SameSite=Lax"...)))
}

// clear makes the browser drop the cookie of a name, with its prefix.
func (v *Visitor) clear(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, HttpOnly: true, Secure: v.overHTTPS(), SameSite: http.SameSiteLaxMode})
}
