// Package siteverify asks Cloudflare Turnstile or hCaptcha whether a token that
// a widget in the fan's browser produced is good. Both speak the same protocol:
// a form of secret and token goes to an address, a JSON object with success and
// error codes comes back.
//
//	token ─► too long? ─► breaker open? ─► POST secret, response, remoteip ─┬─ success, cdata ours ─► nil
//	             │             │            (timeout; Turnstile: once more   ├─ the token's fault ───► ErrRefused
//	             ▼             ▼             under the same idempotency key) └─ anything else ───────► ErrUnavailable
//	        ErrRefused   ErrUnavailable
//
// # Invariants
//
//  1. Nothing but an explicit success lets anybody in: a timeout, a status other
//     than 200, a body that isn't understood and our own wrong secret are
//     ErrUnavailable, and the fan is given a proof of work to do instead.
//  2. A call ends within Config.Timeout, at most maxCalls are under way, and a
//     provider that has failed breakerTrips times in a row is not asked for breakerRest.
//  3. hCaptcha refuses a token that it has seen. Turnstile is asked under a key made
//     from the token, and so says the same again; that a token opens one act is the
//     caller's part.
//  4. The secret is in no error and no log.
//
// Sources: developers.cloudflare.com/turnstile/get-started/server-side-validation,
// docs.hcaptcha.com (as of November 2026).
package siteverify
