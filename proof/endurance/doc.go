//go:build linux

// Command endurance sells out an event to synthetic fans while everything that
// sells it is killed, one component after the other, and checks what is left.
//
//	go build -o .bin/frontrow ./cmd/frontrow && go run ./proof/endurance [flags]      (make endurance)
//
//	rehearse (in this process)
//	   │ 512 connections, live sockets
//	   ▼
//	balancer (in this process) ──► gateway ×2 ─┐
//	                                           │      nats ×3, clustered, R3, every write fsynced
//	              admission ×2 ── pricing ×1 ──┼────►  ▲
//	                                           │       │
//	              inventory ×2 ────────────────┘───────┘
//	                 │     └──► payments (sandbox, journal on disk)
//	                 └──► postgres
//
// Each is a process of its own. Each is killed with SIGKILL in its turn: of two
// the one that is at work (the writer, the admitter), of the NATS servers the
// leader of the seats. It comes back after a moment, as a supervisor would have
// it; a NATS server after ten seconds.
//
// The timeline says what happened and what fans were acknowledged in between. In
// the end the report of the rehearsal must be clean, every seat sold, sold to
// the fans who say so, and the audit clean; exit status 1 otherwise.
//
//	main.go       flags, the run, the verdict
//	stage.go      what is put up
//	postgres.go   the process that runs PostgreSQL
//	roles.go      this program as a NATS server, PostgreSQL, the payment sandbox
//	balancer.go   TCP to whichever gateway takes the connection
//	faults.go     who is killed when, and what else goes wrong
//	timeline.go   what was acknowledged between two faults
package main
