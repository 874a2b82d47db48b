package kvtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/kv"
	"frontrow/kv/memory"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// limit bounds every wait of a test.
const limit = 60 * time.Second

// tests of the suite; those that stop servers come last. Some need a server: they cut
// connections, or inspect it with another client.
var tests = []struct {
	name   string
	run    func(*testing.T, *suite)
	server bool
}{
	{"Register", testRegister, false},
	{"CreateOnce", testCreateOnce, false},
	{"Instants", testInstants, false},
	{"UpdateConflicts", testUpdateConflicts, false},
	{"Latest", testLatest, false},
	{"Before", testBefore, false},
	{"BatchAllOrNothing", testBatchAllOrNothing, false},
	{"BatchContiguous", testBatchContiguous, false},
	{"FenceBefore", testFenceBefore, false},
	{"FenceInFlight", testFenceInFlight, false},
	{"GuardTerms", testGuardTerms, false},
	{"GuardSpoilt", testGuardSpoilt, false},
	{"CommitEach", testCommitEach, false},
	{"CommitSameKey", testCommitSameKey, false},
	{"CommitSubjects", testCommitSubjects, false},
	{"CommitGuarded", testCommitGuarded, false},
	{"CommitRace", testCommitRace, false},
	{"CommitPoison", testCommitPoison, false},
	{"LeaseExclusive", testLeaseExclusive, false},
	{"LeaseRelease", testLeaseRelease, false},
	{"LeaseBelowGuard", testLeaseBelowGuard, false},
	{"LeaseBucketMadeAgain", testLeaseBucketMadeAgain, false},
	{"LeaseBucketFromABackup", testLeaseBucketFromABackup, false},
	{"LeaseCrash", testLeaseCrash, true},
	{"LeaseCut", testLeaseCut, true},
	{"LeaseMany", testLeaseMany, true},
	{"ReadTo", testReadTo, false},
	{"WatchSnapshotAndTail", testWatchSnapshotAndTail, false},
	{"WatchBehind", testWatchBehind, false},
	{"AllWhileWritten", testAllWhileWritten, false},
	{"ConnectionCut", testConnectionCut, true},
	{"GuardedUnknown", testGuardedUnknown, true},
	{"WatchFaults", testWatchFaults, true},
	{"Faults", testFaults, true},
}

// Run runs the suite on the servers of env.
func Run(t *testing.T, env *natstest.Env) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, &suite{env: env}) })
	}
}

// RunMemory runs the tests that need no server on a memory.Store.
func RunMemory(t *testing.T) {
	s := &suite{memory: memory.New(time.Now)}
	for _, test := range tests {
		if !test.server {
			t.Run(test.name, func(t *testing.T) { t.Parallel(); test.run(t, s) })
		}
	}
}

// suite is where the tests run: on servers, or in memory.
type suite struct {
	env    *natstest.Env
	memory *memory.Store
}

// bounded returns a context that ends the test rather than let it hang.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// config returns a bucket's configuration as kv requires it.
func (s *suite) config(name string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"},
		MaxMsgsPerSubject: 1, AllowAtomicPublish: true, AllowDirect: true, AllowRollup: true,
		DenyDelete: true, Discard: jetstream.DiscardNew, MaxMsgs: -1, MaxBytes: -1,
		Storage: jetstream.FileStorage, Replicas: s.replicas(),
	}
}

func (s *suite) replicas() int {
	if s.env == nil {
		return 1
	}
	return s.env.Replicas
}

func (s *suite) connect(t testing.TB, opts ...nats.Option) jetstream.JetStream {
	return s.env.JetStream(t, append([]nats.Option{nats.ReconnectBufSize(-1)}, opts...)...)
}

// store returns the store under test, over its own connection.
func (s *suite) store(t testing.TB, opts ...nats.Option) kv.Store {
	if s.env == nil {
		return s.memory
	}
	return kv.JetStream(s.connect(t, opts...))
}

// create makes a stream.
func (s *suite) create(t testing.TB, cfg jetstream.StreamConfig) {
	t.Helper()
	if s.env == nil {
		s.memory.Create(cfg)
		return
	}
	if _, err := s.connect(t).CreateOrUpdateStream(bounded(t), cfg); err != nil {
		t.Fatal(err)
	}
	// Tests use servers other than the one that made it, and don't retry.
	s.env.WaitRouted(strings.TrimSuffix(cfg.Subjects[0], ">")+"key", "$JS.API.DIRECT.GET."+cfg.Name)
}

// lose deletes the test's bucket; bucket recreates it, empty.
func (s *suite) lose(t testing.TB) {
	t.Helper()
	name := "KV_" + bucketName(t)
	if s.env == nil {
		s.memory.Delete(name)
		return
	}
	if err := s.connect(t).DeleteStream(bounded(t), name); err != nil {
		t.Fatal(err)
	}
}

// bucket makes the bucket of this test. Open returns it over another connection.
func (s *suite) bucket(t testing.TB) *kv.Bucket {
	t.Helper()
	s.create(t, s.config(bucketName(t)))
	return s.open(t)
}

func (s *suite) open(t testing.TB, opts ...nats.Option) *kv.Bucket {
	return kv.NewBucket(s.store(t, opts...), bucketName(t))
}

func bucketName(t testing.TB) string {
	return strings.NewReplacer("/", "_", "#", "_").Replace(t.Name())
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
