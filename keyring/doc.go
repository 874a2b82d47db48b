// Package keyring signs what frontrow gives out and verifies what comes back:
// receipts, cookies, access codes, links, passes and barcodes.
//
//	Ed25519       pass.go     the admission pass, a JWT
//	              barcode.go  what opens the gate, checked offline
//	HMAC-SHA256   receipt.go  a place in the queue
//	  (seal.go)   fan.go      the cookie that says who a browser is
//	              device.go   the cookie that says which browser it is
//	              code.go     access codes
//	              promotion.go  what stands for the code of a promotion
//	              carry.go    links that take a place to another device
//	              network.go  tags that stand for networks in records
//
//	keyring.go    the keys in force
//	rotate.go     which key signs when, and which may go
//	split.go      which service is given which keys
//	file.go       the keyring's file, and following it
//
// # Invariants
//
//  1. A token of one kind is never taken for one of another: each kind has a context
//     that is sealed with it, or a type that is signed.
//  2. A token has one spelling: no other text verifies as the same.
//  3. All keys of a list verify, and exactly one signs. A key verifies at once, and
//     signs from the instant that it names.
//  4. A gateway's part of the keyring signs neither passes nor barcodes.
//  5. Keys that are not well-formed, or fewer than a service needs, change nothing:
//     the keys in force stay.
//  6. No error quotes a secret.
package keyring
