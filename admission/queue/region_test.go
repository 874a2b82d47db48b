package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"frontrow/admission/passes"
	"frontrow/kv"
	"frontrow/kv/memory"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// region is a region's store, which may not answer.
type region struct {
	kv.Store
	away bool
}

func (r *region) Get(ctx context.Context, stream string, q kv.Query) (kv.Entry, error) {
	if r.away {
		return kv.Entry{}, kv.ErrBusy
	}
	return r.Store.Get(ctx, stream, q)
}

// A region that does not answer is waited for by the next admitter too: nobody overtakes its
// fans because whoever heard it is gone.
func TestSilentRegionIsWaitedForFromTheStart(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_000, 0).UTC()
	home, eu := memory.New(func() time.Time { return now }), memory.New(func() time.Time { return now })
	bucket := wire.QueueBucket("demo", wire.LaneGeneral)
	fans := 0
	come := func(m *memory.Store) {
		t.Helper()
		fans++
		now = now.Add(time.Second)
		raw, err := json.Marshal(wire.PlaceRecord{Fan: fmt.Sprint(fans), At: now})
		if err == nil {
			_, err = m.Publish(t.Context(), []kv.Msg{{Subject: wire.KVSubject(bucket, fmt.Sprint("fan.", fans)), Data: raw}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []*memory.Store{home, eu} {
		for _, lane := range wire.Lanes() {
			name := wire.QueueBucket("demo", lane)
			m.Create(jetstream.StreamConfig{Name: wire.KVStream(name), Subjects: []string{wire.KVSubject(name, ">")}})
		}
	}
	away := &region{Store: eu}
	regions := []Region{{Name: "home", Store: home}, {Name: "eu", Store: away}}
	const wait = 10 * time.Second
	var lock sync.Mutex
	called := func(q *Queues) uint64 {
		t.Helper()
		q.Look(t.Context(), func() time.Time { return now }, &lock)
		to, err := q.Plan(t.Context(), 100, func(passes.Line) uint64 { return 0 }, nil, wait, now)
		if err != nil {
			t.Fatal(err)
		}
		return to[passes.Line{Lane: wire.LaneGeneral, Region: "home"}]
	}

	// Never heard: nobody knows who came there before.
	come(eu)
	come(home)
	away.away = true
	fresh := New("demo", regions)
	fresh.Resume(nil, nil, now)
	if n := called(fresh); n != 0 {
		t.Errorf("%d are called before a region was ever heard", n)
	}

	// Heard by the admitter before: whoever came until then is called, and no other.
	away.away = false
	before := New("demo", regions)
	before.Resume(nil, nil, now)
	come(eu)
	if n := called(before); n != 1 {
		t.Errorf("%d are called while all regions answer", n)
	}
	come(home)
	away.away = true
	next := New("demo", regions)
	next.Resume(before.Lives(), nil, now)
	if n := called(next); n != 1 {
		t.Errorf("%d are called, one of whom came when the region was not heard any more", n)
	}
	now = now.Add(wait)
	if n := called(next); n != 2 {
		t.Errorf("%d are called when it was waited for long enough", n)
	}
}
