// Package streams makes the JetStream streams and buckets that package wire names,
// and compares those that exist with what they should be.
//
//	streams.go  each stream as a configuration value, and making them
//	drift.go    what differs on the server, and what may be changed there
//
// The same values make them in dev, tests and production. Buckets are made as streams: the
// client's KV calls would turn atomic batches off again.
//
// # Invariants
//
//  1. Creating streams again changes none of them.
//  2. What the operator has set besides (placement, compression, more replicas) stays.
//  3. Only LowerReplicas removes replicas.
//  4. A stream of a later version is left alone.
package streams
