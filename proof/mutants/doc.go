// Mutants seeds mistakes into the module, one at a time, and runs
// the tests that must find each:
//
//	go run ./proof/mutants [-only regexp] [-day 2006-01-02] [-v]
//
// A mutant is a mistake somebody could make in good faith, as a replacement of
// a piece of source that occurs exactly once (list.go). It is found when the
// named tests, which pass without it, fail. A mutant that no longer applies or
// doesn't compile is an error: it would prove nothing.
//
// All take an hour. The tests of this package, and so CI, play a sample of a day:
// some of those whose tests need no servers, chosen by the date alone (sample.go).
//
// The module is the working tree as it is: don't change it meanwhile. Its files stay as they
// are. A mistake is in a copy of its file, which go build takes instead (-overlay).
package main
