// Package visitor establishes who sends a request and for whom: from which address, which
// fan, on which device, with which pass, and whether a page of ours made it.
//
//	connection, X-Forwarded-*  Of            address, network, exempt?, HTTPS?, where they have us, TLS fingerprint
//	Origin, Sec-Fetch-Site     SameOrigin    a page of ours, or of an allowed origin
//	cookie fr_fan              Recognize     the fan, or why not; Enroll: a stranger becomes one
//	cookie fr_dev              RecognizeDevice   the device, which a pass names
//	cookie fr_place-<event>    KeptPlace     a place that joining alone would not find
//	Authorization: Bearer      Pass          signature, event, life ─► the fan's? ─► revoked? ─► this device?
//	DPoP                                     ─► if the pass names a key: proven with it, for this request? (package proof)
//
// A Visitor is resolved once per request, by the gateway's route table, and then read by
// handlers, limits, score and challenges. Nobody else looks at a cookie.
//
// Over HTTPS the names of cookies begin with __Host-, and others are ignored. Cookies and
// passes are sealed or signed with the keys of a keyring.Keyring. Nothing is stored, so
// every gateway knows every fan. Only passes and sessions that ended early must be learned,
// by watches of REVOKED and SIGNEDOUT.
//
// # Invariants
//
//  1. Nobody is a fan except by their own cookie. SignIn makes a device a fan's; its
//     callers ensure that its user wants that.
//  2. A pass is good only if it was verified here for the event, belongs to the fan of
//     the request's cookie, is used on the device it was given to, with the key that it
//     names, and is not known to be revoked. Until REVOKED has been read, no pass is good.
//  3. What is remembered of a pass outlives neither the pass nor the keys that verified it.
//     Revocations are checked each time.
//  4. Only a cookie made here says which device a request comes from; a client can't make
//     one up.
//  5. A session that was ended or has expired speaks for nobody. Until SIGNEDOUT has been
//     read, no session is good.
//  6. A request that another site made a browser send is refused.
package visitor
