package streams

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// StreamsVersion is the version of our stream configurations, recorded in each stream's
// metadata. A stream of a later version is left alone.
const StreamsVersion = 1

const streamsVersionKey = "frontrow_streams"

// setting is a setting of a stream that we decide; all others (placement, compression, …)
// are the operator's and stay.
type setting struct {
	name  string
	of    func(*jetstream.StreamConfig) any // a pointer
	fixed bool                              // the server can't change it
}

func settings() []setting {
	return []setting{
		{"subjects", func(c *jetstream.StreamConfig) any { return &c.Subjects }, false},
		{"max_msgs_per_subject", func(c *jetstream.StreamConfig) any { return &c.MaxMsgsPerSubject }, false},
		{"max_msgs", func(c *jetstream.StreamConfig) any { return &c.MaxMsgs }, false},
		{"max_bytes", func(c *jetstream.StreamConfig) any { return &c.MaxBytes }, false},
		{"max_age", func(c *jetstream.StreamConfig) any { return &c.MaxAge }, false},
		{"discard", func(c *jetstream.StreamConfig) any { return &c.Discard }, false},
		{"allow_rollup_hdrs", func(c *jetstream.StreamConfig) any { return &c.AllowRollup }, false},
		{"allow_direct", func(c *jetstream.StreamConfig) any { return &c.AllowDirect }, false},
		{"allow_atomic", func(c *jetstream.StreamConfig) any { return &c.AllowAtomicPublish }, false},
		{"deny_delete", func(c *jetstream.StreamConfig) any { return &c.DenyDelete }, false},
		{"retention", func(c *jetstream.StreamConfig) any { return &c.Retention }, true},
		{"storage", func(c *jetstream.StreamConfig) any { return &c.Storage }, true},
	}
}

// merge returns the configuration for a stream that has was where ours is wanted, and what
// that changes, setting by setting. It never removes replicas.
func merge(was, ours jetstream.StreamConfig) (next jetstream.StreamConfig, changes []string, err error) {
	next = was
	if v, _ := strconv.Atoi(was.Metadata[streamsVersionKey]); v > StreamsVersion {
		return next, nil, fmt.Errorf("stream %s is of a later frontrow (version %d, this is %d) and is left alone: use that one, or a newer binary", was.Name, v, StreamsVersion)
	}
	change := func(name string, from, to any) {
		changes = append(changes, fmt.Sprintf("stream %s: %s is %v, becomes %v", was.Name, name, from, to))
	}
	for _, s := range settings() {
		from, to := reflect.ValueOf(s.of(&next)).Elem(), reflect.ValueOf(s.of(&ours)).Elem()
		switch {
		case same(from.Interface(), to.Interface()):
			continue
		case s.fixed:
			return next, nil, fmt.Errorf("stream %s: %s is %v, must be %v, and no server changes that: move its messages to a stream made by frontrow migrate", was.Name, s.name, from, to)
		}
		change(s.name, from, to)
		from.Set(to)
	}
	if ours.Duplicates > 0 && next.Duplicates != ours.Duplicates {
		change("duplicate_window", next.Duplicates, ours.Duplicates)
		next.Duplicates = ours.Duplicates
	}
	if ours.Replicas > next.Replicas {
		change("num_replicas", next.Replicas, ours.Replicas)
		next.Replicas = ours.Replicas
	}
	if len(ours.Sources) > len(next.Sources) { // of SALELOG, which only gains sources
		next.Sources = ours.Sources
	}
	next.Metadata = marked(was.Metadata)
	return next, changes, nil
}

// same compares two values of a setting; "no limit" has several spellings.
func same(a, b any) bool {
	if x, ok := a.(int64); ok {
		y := b.(int64)
		return x == y || x <= 0 && y <= 0
	}
	if x, ok := a.([]string); ok {
		return slices.Equal(x, b.([]string))
	}
	return a == b
}

// marked returns metadata with our version in it.
func marked(metadata map[string]string) map[string]string {
	with := map[string]string{streamsVersionKey: strconv.Itoa(StreamsVersion)}
	for k, v := range metadata {
		if k != streamsVersionKey {
			with[k] = v
		}
	}
	return with
}

// Drift reports how existing streams differ from configs: what Create would change. It
// fails on a stream that Create would refuse.
func Drift(ctx context.Context, js jetstream.JetStream, configs ...jetstream.StreamConfig) (changes []string, err error) {
	for _, c := range configs {
		now, ok, err := present(ctx, js, c.Name)
		if err != nil {
			return changes, err
		}
		if !ok {
			continue
		}
		_, some, err := merge(now, c)
		if changes = append(changes, some...); err != nil {
			return changes, err
		}
	}
	return changes, nil
}

// present returns the configuration of a stream, and whether the stream exists.
func present(ctx context.Context, js jetstream.JetStream, name string) (jetstream.StreamConfig, bool, error) {
	s, err := js.Stream(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return jetstream.StreamConfig{}, false, nil
	case err != nil:
		return jetstream.StreamConfig{}, false, fmt.Errorf("look at stream %s: %w", name, err)
	}
	return s.CachedInfo().Config, true, nil
}

// All lists the streams that exist once, and those of the events that have any.
func All(ctx context.Context, js jetstream.JetStream, replicas int) ([]jetstream.StreamConfig, error) {
	configs := Core(replicas)
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		if event, ok := strings.CutPrefix(name, wire.KVStream(wire.SeatsBucket(""))); ok {
			configs = append(append(configs, ForEvent(event, replicas)...), ForQueue(event, replicas)...)
		}
	}
	if err := names.Err(); err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	return configs, nil
}

// LowerReplicas removes replicas where there are more, and returns what it changed.
func LowerReplicas(ctx context.Context, js jetstream.JetStream, replicas int) (changes []string, err error) {
	configs, err := All(ctx, js, replicas)
	if err != nil {
		return nil, err
	}
	for _, c := range configs {
		next, ok, err := present(ctx, js, c.Name)
		if err != nil {
			return changes, err
		}
		if !ok || next.Replicas <= replicas {
			continue
		}
		if c.Name == wire.OrdersStream { // its consumer can't have more than it
			if _, err := js.CreateOrUpdateConsumer(ctx, wire.OrdersStream, checkoutConsumer(replicas)); err != nil {
				return changes, fmt.Errorf("consumer %s: %w", wire.CheckoutConsumer, err)
			}
		}
		changes = append(changes, fmt.Sprintf("stream %s: num_replicas is %d, becomes %d", c.Name, next.Replicas, replicas))
		next.Replicas = replicas
		if _, err := js.UpdateStream(ctx, next); err != nil {
			return changes, fmt.Errorf("stream %s: %w", c.Name, err)
		}
	}
	return changes, nil
}
