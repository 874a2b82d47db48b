package records

import (
	"context"

	"frontrow/kv"
	"frontrow/wire"
)

// Watch calls set with the records of the keys that match filter, first those stored, then
// new ones, until ctx ends; it returns ctx's error (see kv.Stream.Watch). A spoiled record
// is noted and skipped: the previous one stays in force. current is called when set has got
// what was stored, and may be called again.
func Watch[T any, P wire.Record[T]](ctx context.Context, s *Spoiled, b *kv.Bucket, filter string, set func(key string, record T), current func()) error {
	return b.Watch(ctx, filter, kv.Watcher{
		Entry: func(e kv.Entry) {
			if record, err := Read[T, P](s, b.Name(), e); err == nil {
				set(e.Key, record)
			}
		},
		Current: current,
	})
}
