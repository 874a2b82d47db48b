package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// A session is a fan's cookie on one device. It ends with the cookie, or before:
//
//	POST /sign-out where=here sure=yes   this one: the browser forgets, and SIGNEDOUT has its end
//	POST /sign-out where=elsewhere       all others that began until now
//
// Gateways learn of it by a watch. The cookie of an ended session is refused once, with the
// reason, and cleared: from then on the browser is a stranger's.

const (
	signOutHere      = "here"
	signOutElsewhere = "elsewhere"

	// signedOutMark tells the orders page what was done.
	signedOutMark = "signed-out"

	signOutWrite = 5 * time.Second
)

// signOut answers POST /sign-out, a form on the orders page.
func (g *Gateway) signOut(w http.ResponseWriter, r *request) (err error) {
	face := r.visitor.Face
	if r.visitor.Refused != nil {
		return r.visitor.Refused
	} else if face.Fan == "" {
		return wire.Refuse(wire.CodeUnauthorized, "Nobody is signed in here.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	where := r.PostFormValue("where")
	switch where {
	case signOutHere:
		if r.PostFormValue("sure") != "yes" {
			return wire.Refuse(wire.CodeInvalid, "Go back and confirm that you no longer need your orders and tickets here.")
		}
		if face.Session != "" {
			err = g.endSessions(r.Context(), wire.SignOutKey(face.Fan, face.Session), wire.SignOut{At: g.cfg.Now().UTC()})
		}
		if err == nil {
			g.visitors.SignOut(w, r.visitor)
		}
	case signOutElsewhere:
		if face.Session == "" { // from an earlier version
			face.Session = wire.NewSession()
			g.visitors.Update(w, r.visitor, face)
		}
		err = g.endSessions(r.Context(), wire.SignOutKey(face.Fan, wire.SignOutAll), wire.SignOut{At: g.cfg.Now().UTC(), Keep: face.Session})
	default:
		return wire.Refuse(wire.CodeInvalid, "Choose whether to sign out here or elsewhere.")
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/orders?"+signedOutMark+"="+where)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// endSessions stores the end of sessions in the home region, which all others mirror.
func (g *Gateway) endSessions(ctx context.Context, key string, end wire.SignOut) error {
	raw, err := json.Marshal(end)
	if err != nil {
		return fmt.Errorf("encode sign-out: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, signOutWrite)
	defer cancel()
	subject := wire.InDomain(g.cfg.HomeDomain, wire.KVSubject(wire.SignedOutBucket, key))
	if _, err := kv.Publish(ctx, g.cfg.NATS, []kv.Msg{{Subject: subject, Data: raw}}); err != nil {
		g.cfg.Logger.Warn("sign-out could not be stored", "err", err)
		return wire.Busy("We could not sign you out right now. Please try again.")
	}
	return nil
}
