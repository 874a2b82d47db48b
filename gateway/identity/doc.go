// Package identity tells who a request speaks for: which fan, on which device, with
// which pass, and whether a page of ours made it.
//
//	Origin, Sec-Fetch-Site   SameOrigin   a page of ours, or of an allowed origin
//	cookie fr_fan            Fan, Meet    the fan; a stranger becomes one, or is refused
//	cookie fr_dev            Device       the device, which a pass names
//	cookie fr_place-<event>  KeptPlace    a place that joining alone would not find
//	Authorization: Bearer    Pass         signature, event, life ─► the fan's? ─► revoked? ─► this device?
//	DPoP                                  ─► if the pass names a key: proven with it, for this request? (package proof)
//
// Over HTTPS the names of cookies begin with __Host-, and no other is looked at.
// Cookies and passes are sealed or signed with the keys of a wire.Keyring. Nothing is
// stored, so every gateway knows every fan. What it must be told, by watches, is
// REVOKED and SIGNEDOUT: the passes and the sessions that ended before their time.
//
// # Invariants
//
//  1. Nobody is a fan except by their own cookie. Become makes a device a fan's, and its
//     callers see to it that they want it.
//  2. A pass is good only if it was verified here for the event, belongs to the fan of
//     the request's cookie, is used on the device it was given to, with the key that it
//     names, and is not known to be revoked. What is not known yet, because REVOKED was not read, is not taken
//     for good.
//  3. What is remembered of a pass outlives neither the pass nor the keys that it was
//     verified by. Revocations are looked at each time.
//  4. Which device a request comes from is said by a cookie that was made here; one
//     that a client made up is no device.
//  5. A session that was ended, or has had its time, speaks for nobody: what is not
//     known yet, because SIGNEDOUT was not read, is not taken for good.
//  6. A request that another site made a browser send is refused.
package identity
