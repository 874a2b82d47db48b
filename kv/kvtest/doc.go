// Package kvtest is the conformance suite of package kv: what must hold on a
// single server and on a replicated stream, with servers stopping, leaders
// changing and connections breaking meanwhile.
package kvtest
