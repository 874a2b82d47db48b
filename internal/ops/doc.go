// Package ops serves the operator's listener, apart from the public one:
//
//	/livez         200 while the process serves HTTP at all
//	/readyz        200, or 503 with the failing checks:
//	               {"ready":false,"failing":[{"check":"nats","error":"…"}]}
//	/metrics       Prometheus
//	/version       {"version":"…","revision":"…","go":"…"}
//	/debug/pprof/  profiles
//
// It has no authentication and shows profiles, so it belongs on loopback or on an
// operators' network.
//
// GrowHeap says how much memory a service may use to save time.
//
// Invariants
//
//  1. Liveness never depends on NATS or PostgreSQL: restarting a process because its
//     servers are down makes an outage longer.
//  2. After Drain the process is never ready again, so that load balancers
//     leave it before its connections close.
//  3. A probe is answered within checkLimit, whatever a check waits for.
package ops
