package kv_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"frontrow/kv"
	"frontrow/kv/memory"

	"github.com/nats-io/nats.go/jetstream"
)

// blind is a store whose watches show nothing.
type blind struct{ kv.Store }

func (blind) Follow(_ context.Context, _ string, _ []string, behind kv.Position) (kv.Follower, kv.Position, error) {
	return blind{}, behind, nil
}

func (blind) Next(ctx context.Context) (kv.Entry, error) {
	<-ctx.Done()
	return kv.Entry{}, ctx.Err()
}

func (blind) Stop() {}

// A lease's bucket is lost, and made anew, before any watch has shown its record: the
// process that had the lease gives out a later term all the same.
func TestTermOutlivesABucketNobodySaw(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bucket := jetstream.StreamConfig{Name: "KV_LEASES", Subjects: []string{"$KV.LEASES.>"}, MaxMsgsPerSubject: 1}
	store := memory.New(time.Now)
	store.Create(bucket)
	over := make(chan struct{}, 10)
	l, err := kv.NewLeases(kv.LeasesConfig{Bucket: kv.NewBucket(blind{store}, "LEASES"), Holder: "me", TTL: 300 * time.Millisecond,
		Logger: slog.New(message{"lease over", over})})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = l.Run(ctx) })
	terms := make(chan uint64)
	running.Go(func() {
		_ = l.Hold(ctx, "writer.e1", func(ctx context.Context, term uint64) error {
			select {
			case terms <- term:
				store.Delete(bucket.Name)
			case <-ctx.Done():
			}
			return nil
		})
	})
	last := uint64(0)
	for range 3 {
		select {
		case term := <-terms:
			if term <= last {
				t.Fatalf("term %d after %d", term, last)
			}
			last = term
		case <-ctx.Done():
			t.Fatal(errors.Join(ctx.Err(), errors.New("nobody holds the lease")))
		}
		select {
		case <-over: // it could not be released: there was no bucket
			store.Create(bucket)
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
}

// message is a log that tells of one message.
type message struct {
	text string
	seen chan struct{}
}

func (message) Enabled(context.Context, slog.Level) bool { return true }
func (m message) WithAttrs([]slog.Attr) slog.Handler     { return m }
func (m message) WithGroup(string) slog.Handler          { return m }

func (m message) Handle(_ context.Context, r slog.Record) error {
	if r.Message == m.text {
		m.seen <- struct{}{}
	}
	return nil
}
