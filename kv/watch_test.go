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

// A watch that is always a little behind its key isn't current without it.
func TestCurrentHasWhatIsOverwritten(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	store := memory.New(time.Now)
	store.Create(jetstream.StreamConfig{Name: "KV_THINGS", Subjects: []string{"$KV.THINGS.>"}, MaxMsgsPerSubject: 1})
	plain := kv.NewBucket(store, "THINGS")
	for _, key := range []string{"hot", "warm"} {
		if _, err := plain.Create(ctx, key, nil); err != nil {
			t.Fatal(err)
		}
	}
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
