// Package kvtest is the conformance suite of package kv: what must hold on a single server
// and on a replicated stream, while servers stop, leaders change and connections break.
package kvtest
