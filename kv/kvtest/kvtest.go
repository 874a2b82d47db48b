package kvtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/kv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// limit ends whatever a test waits for.
const limit = 60 * time.Second

// Run runs the suite on env. The subtests that stop servers come last.
func Run(t *testing.T, env *natstest.Env) {
	s := &suite{env: env}
	for _, test := range []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"Register", testRegister},
		{"CreateOnce", testCreateOnce},
		{"Instants", testInstants},
		{"UpdateConflicts", testUpdateConflicts},
		{"Latest", testLatest},
		{"Before", testBefore},
		{"BatchAllOrNothing", testBatchAllOrNothing},
		{"BatchContiguous", testBatchContiguous},
		{"FenceBefore", testFenceBefore},
		{"FenceInFlight", testFenceInFlight},
		{"GuardTerms", testGuardTerms},
		{"GuardSpoilt", testGuardSpoilt},
		{"CommitEach", testCommitEach},
		{"CommitSameKey", testCommitSameKey},
		{"CommitSubjects", testCommitSubjects},
		{"CommitGuarded", testCommitGuarded},
		{"CommitRace", testCommitRace},
		{"CommitPoison", testCommitPoison},
		{"LeaseExclusive", testLeaseExclusive},
		{"LeaseRelease", testLeaseRelease},
		{"LeaseBelowGuard", testLeaseBelowGuard},
		{"LeaseBucketMadeAgain", testLeaseBucketMadeAgain},
		{"LeaseBucketFromABackup", testLeaseBucketFromABackup},
		{"LeaseCrash", testLeaseCrash},
		{"LeaseCut", testLeaseCut},
		{"LeaseMany", testLeaseMany},
		{"WatchSnapshotAndTail", testWatchSnapshotAndTail},
		{"AllWhileWritten", testAllWhileWritten},
		{"ConnectionCut", testConnectionCut},
		{"GuardedUnknown", testGuardedUnknown},
		{"WatchFaults", testWatchFaults},
		{"Faults", testFaults},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

type suite struct{ env *natstest.Env }

// bounded is a context that ends the test rather than let it hang.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// config is a bucket as kv asks for.
func (s *suite) config(name string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"},
		MaxMsgsPerSubject: 1, AllowAtomicPublish: true, AllowDirect: true, AllowRollup: true,
		DenyDelete: true, Discard: jetstream.DiscardNew, MaxMsgs: -1, MaxBytes: -1,
		Storage: jetstream.FileStorage, Replicas: s.env.Replicas,
	}
}

func (s *suite) connect(t testing.TB, opts ...nats.Option) jetstream.JetStream {
	return s.env.JetStream(t, append([]nats.Option{nats.ReconnectBufSize(-1)}, opts...)...)
}

// bucket makes the bucket of this test. Open gives it over another connection.
func (s *suite) bucket(t testing.TB) *kv.Bucket {
	t.Helper()
	b, err := kv.Create(bounded(t), s.connect(t), s.config(bucketName(t)))
	if err != nil {
		t.Fatal(err)
	}
	// Tests use other servers than the one that made it, and don't ask twice.
	s.env.WaitRouted(b.Subject("key"), "$JS.API.DIRECT.GET."+b.Name())
	return b
}

func bucketName(t testing.TB) string {
	return strings.NewReplacer("/", "_", "#", "_").Replace(t.Name())
}

func (s *suite) open(t testing.TB, opts ...nats.Option) *kv.Bucket {
	return kv.Open(s.connect(t, opts...), bucketName(t))
}

// commit runs a Committer until the test ends.
func commit(t testing.TB, cfg kv.CommitterConfig) *kv.Committer {
	c := kv.NewCommitter(cfg)
	background(t, c.Run)
	return c
}

// background runs f until the test ends.
func background(t testing.TB, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = f(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(limit):
		t.Fatalf("%s: not within %s", what, limit)
		panic("unreachable")
	}
}

func key(i int) string        { return fmt.Sprintf("k.%d", i) }
func bytesOf(a ...any) []byte { return fmt.Append(nil, a...) }
