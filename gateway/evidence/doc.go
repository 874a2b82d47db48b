// Package evidence writes why arrivals were challenged or slowed down into the
// sale log: what an organiser needs who has to show, later, what he enforced.
//
//	Add ─► queue (bounded; full: shed) ─► a batch, at most one every pause ─► log.<event>.risk
//
// It never makes a fan wait, and an attack can't flood the log through it: what is
// beyond the queue or the pace is counted and dropped.
//
// # What a crash leaves
//
// What was queued is lost. The place records keep score and reasons of everybody
// who has a place.
package evidence
