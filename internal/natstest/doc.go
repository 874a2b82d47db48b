// Package natstest gives tests real nats-servers: a single one, or a cluster
// of three in this process, both with the settings of package natsd and so
// with an fsync before every acknowledgement.
//
// The two differ where it matters (a compare-and-swap refused with code 10071 on one is
// refused with 10164 on the other, batches cost differently, a leader can change), so
// everything that decides by compare-and-swap is tested on both:
//
//	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
//		js := env.JetStream(t)
//		js.CreateStream(ctx, jetstream.StreamConfig{Replicas: env.Replicas, …})
//	})
//
// A single server is ready in some milliseconds, a cluster in about half a
// second (the election of its meta leader); share a cluster between subtests
// by giving each its own stream names.
package natstest
