package kv_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"frontrow/kv"
	"frontrow/kv/memory"

	"github.com/nats-io/nats.go/jetstream"
)

// hurried is a store in which a key is overwritten, for a number of times, whenever the
// leader has been asked where a snapshot ends.
type hurried struct {
	*memory.Store
	bucket *kv.Bucket
	times  int
}

func (h *hurried) Get(ctx context.Context, stream string, q kv.Query) (kv.Entry, error) {
	e, err := h.Store.Get(ctx, stream, q)
	for _, key := range []string{"hot", "warm"} {
		if err == nil && h.times > 0 {
			_, err = h.bucket.Publish(ctx, []kv.Msg{{Subject: h.bucket.Subject(key), Data: []byte("again")}})
		}
	}
	h.times--
	return e, err
}

// things is a bucket in memory with a record under each key.
func things(ctx context.Context, t *testing.T, keys ...string) (*memory.Store, *kv.Bucket) {
	t.Helper()
	store := memory.New(time.Now)
	store.Create(jetstream.StreamConfig{Name: "KV_THINGS", Subjects: []string{"$KV.THINGS.>"}, MaxMsgsPerSubject: 1})
	plain := kv.NewBucket(store, "THINGS")
	for _, key := range keys {
		if _, err := plain.Create(ctx, key, nil); err != nil {
			t.Fatal(err)
		}
	}
	return store, plain
}

// A watch that is always a little behind its key isn't current without it.
func TestCurrentHasWhatIsOverwritten(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	store, plain := things(ctx, t, "hot", "warm")
	entries, err := kv.NewBucket(&hurried{store, plain, 5}, "THINGS").All(ctx, ">")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"hot", "warm"} {
		if !slices.ContainsFunc(entries, func(e kv.Entry) bool { return e.Key == key }) {
			t.Errorf("%s is not among %v", key, entries)
		}
	}
}

// eager is a store whose followers have one more message when the reader is told that it
// has read all, and hand it out whatever the context says.
type eager struct {
	*memory.Store
	log   *kv.Bucket
	asked int
}

func (s *eager) Get(ctx context.Context, stream string, q kv.Query) (kv.Entry, error) {
	e, err := s.Store.Get(ctx, stream, q)
	if s.asked++; err == nil && s.asked == 2 { // before the first message, and after the last
		_, err = s.log.Publish(ctx, []kv.Msg{{Subject: s.log.Subject("log.3"), Data: []byte("3")}})
	}
	return e, err
}

func (s *eager) Follow(ctx context.Context, stream string, filters []string, behind kv.Position) (kv.Follower, kv.Position, error) {
	f, from, err := s.Store.Follow(ctx, stream, filters, behind)
	return &eagerFollower{Follower: f}, from, err
}

type eagerFollower struct {
	kv.Follower
	given int
}

func (f *eagerFollower) Next(ctx context.Context) (kv.Entry, error) {
	if f.given++; f.given <= 3 {
		ctx = context.WithoutCancel(ctx)
	}
	return f.Follower.Next(ctx)
}

// Who goes on from where a reading has ended misses nothing that came at its end.
func TestReadingEndsWhereItSays(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	store, plain := things(ctx, t, "log.1", "log.2")
	var read []string
	note := func(e kv.Entry) { read = append(read, e.Key) }
	at, err := kv.NewBucket(&eager{Store: store, log: plain}, "THINGS").ReadBehind(ctx, "log.*", kv.Position{}, note)
	if err == nil {
		_, err = plain.ReadBehind(ctx, "log.*", at, note)
	}
	if want := []string{"log.1", "log.2", "log.3"}; err != nil || !slices.Equal(read, want) {
		t.Errorf("%v, %v; want %v", read, err, want)
	}
}
