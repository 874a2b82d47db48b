// Package siteverify asks Cloudflare Turnstile or hCaptcha whether a token from a widget in
// the fan's browser is good. Both speak the same protocol: a form with secret and token
// goes out, a JSON object with success and error codes comes back.
//
//	token ─► too long? ─► breaker open? ─► POST secret, response, remoteip ─┬─ success, cdata ours ─► nil
//	             │             │            (timeout; Turnstile: once more   ├─ the token's fault ───► ErrRefused
//	             ▼             ▼             under the same idempotency key) └─ anything else ───────► ErrUnavailable
//	        ErrRefused   ErrUnavailable
//
// # Invariants
//
//  1. Only an explicit success lets anybody in: a timeout, a status other than 200, a body
//     that isn't understood and a wrong secret of ours are ErrUnavailable, and the fan gets
//     a proof of work instead.
//  2. A call ends within Config.Timeout, at most maxCalls are under way, and a provider
//     that has failed breakerTrips times in a row is left alone for breakerRest.
//  3. hCaptcha refuses a token that it has seen. Turnstile is asked under a key made from
//     the token, so it repeats its answer; the caller must ensure that a token pays for one
//     act.
//  4. The secret appears in no error and no log.
//
// Sources: developers.cloudflare.com/turnstile/get-started/server-side-validation,
// docs.hcaptcha.com (as of November 2026).
package siteverify
