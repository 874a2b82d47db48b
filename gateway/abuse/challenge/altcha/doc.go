// Package altcha makes and checks the proof of work of the ALTCHA protocol,
// version 2 (altcha.org), with scrypt: puzzles that cost a client some seconds
// and the server microseconds to check. It is pure but for randomness.
//
//	server                                         client
//	  secret counter c, nonce, salt
//	  key = scrypt(nonce ‖ c, salt)
//	  parameters: nonce, salt, key's first half,
//	    HMAC(key), act, whom for, expiry
//	  signature = HMAC(parameters) ───────────────►  tries c = 0, 1, 2, … until
//	                                                 scrypt(nonce ‖ c, salt) begins so
//	  signature ours? expired? for this fan and  ◄── parameters, signature, key
//	    act? HMAC(key) as signed? ─► Proof
//
// # Why scrypt
//
// A plain hash is a thousand times faster on a graphics card than in a phone's browser.
// scrypt needs 128 KiB of memory for each try, so such hardware helps less, and it needs no
// WebAssembly: in JavaScript it is about as fast as anywhere (docs/capacity.md). PBKDF2,
// the protocol's default, could use the browser's WebCrypto, but that exists on HTTPS
// alone.
//
// # Invariants
//
//  1. Making a challenge costs one try, checking an answer none: two HMACs.
//  2. The signature covers the canonical JSON of exactly the parameters that are used, so
//     parts of two challenges can't be spliced (as in version 1 of the protocol,
//     CVE-2025-68113).
//  3. An answer is good for the act and the fan that the challenge was made for,
//     until it expires by the server's clock. The caller, who is given its id, sees to it
//     that it is used once.
//  4. The work is bounded: at most Task.Tries, on average half of it.
//
// ALTCHA's own Go module checks in the same way. This package exists because we need
// signatures by a keyring with several keys, and parameters of fixed types instead of maps.
package altcha
