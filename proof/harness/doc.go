// Package harness is what the programs share that put frontrow up, sell a whole event
// to a rehearsal and judge what is left:
//
//	sale.go     flags, the event's file, the rehearsal, the audit
//	process.go  one process: start, ready, kill, back again
package harness
