package visitor

import (
	"net/http"

	"frontrow/gateway/client"
	"frontrow/keyring"
	"frontrow/wire"
)

// Visitor is the sender of a request: resolved once, then read by everything that needs it.
// It belongs to one request, and is not safe for concurrent use.
type Visitor struct {
	client.Client
	Address string      // theirs alone: an IPv4 /32 or an IPv6 /64; empty: unknown
	Network string      // the /24 or /48 around it
	Exempt  bool        // neither limited nor scored
	Secure  bool        // the request came over HTTPS
	Origin  string      // where they reach us, like https://tickets.example.com
	JA4     string      // their TLS fingerprint; empty: unknown
	Header  http.Header // how their program describes itself
	asked   string      // the host they asked for

	// Set by Recognize.
	Face    keyring.Face  // what their cookie says; zero: they have none, or it is Refused
	New     bool          // they had none, and Face was just given to them
	Refused *wire.Problem // why their cookie is refused; nil: it isn't, or they have none
	cookies []*http.Cookie

	// Device is how passes name their device; empty: it has no cookie of ours, or
	// RecognizeDevice was not called.
	Device string

	// NetTag stands for their network in what is stored about the request's event; empty if
	// they are exempt, or the route has no event.
	NetTag string
}

// Fan returns the fan's id; empty: a stranger.
func (v *Visitor) Fan() string { return v.Face.Fan }

// MustBeFan refuses a stranger.
func (v *Visitor) MustBeFan() error {
	switch {
	case v.Refused != nil:
		return v.Refused
	case v.Fan() == "":
		return unknown()
	}
	return nil
}

// MayEnroll refuses a visitor who can't become a new fan: one who was signed out is told so
// first, once. A cookie that isn't ours is as good as none.
func (v *Visitor) MayEnroll() error {
	if v.Refused != nil && v.Refused.Code != wire.CodeUnauthorized {
		return v.Refused
	}
	return nil
}
