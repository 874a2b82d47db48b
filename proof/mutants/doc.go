// Mutants seeds mistakes into a copy of the module, one at a time, and runs
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
// The copy is the working tree as git sees it, with what is not committed yet.
// It is built with -trimpath, so that the build cache serves every run.
package main
