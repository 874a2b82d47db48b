package kv

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxLatest is the most keys asked for in one request; the server answers at most 1,024.
const maxLatest = 1000

// freshPause is the pause between two requests for an answer that is fresh enough.
const freshPause = 5 * time.Millisecond

// Latest reads many keys at once, from whichever replica answers; keys without a value are
// missing from the result. The answer may be old, and the entries of more than 1,000 keys
// are from different moments; so it informs, for instance about what to expect. Yet records
// are never deleted and revisions only grow: a revision seen here did exist, and an older
// one will never be current again.
func (s *Stream) Latest(ctx context.Context, keys []string) (map[string]Entry, error) {
	return s.latest(ctx, keys, 0)
}

// latest is Latest from a replica that has applied revision atLeast. If atLeast > 0, at
// least one key of every 1,000 must exist.
func (s *Stream) latest(ctx context.Context, keys []string, atLeast Revision) (map[string]Entry, error) {
	ctx, cancel := within(ctx, readTimeout)
	defer cancel()
	found := make(map[string]Entry, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), maxLatest)
		for {
			upTo, err := s.multiLast(ctx, keys[:n], found, 0)
			if err != nil {
				return nil, fmt.Errorf("read %d keys of %s: %w", n, s.name, err)
			}
			if upTo >= atLeast {
				break
			}
			if err := pause(ctx, freshPause); err != nil {
				return nil, fmt.Errorf("read %d keys of %s at revision %d: %w", n, s.name, atLeast, err)
			}
		}
		keys = keys[n:]
	}
	return found, nil
}

// Before reads the value that key had before revision r, or returns ErrNotFound if the
// stream keeps none that is older. Any replica may say where to look; the leader confirms
// that nothing is in between.
func (s *Stream) Before(ctx context.Context, key string, r Revision) (e Entry, err error) {
	ctx, cancel := within(ctx, readTimeout)
	defer cancel()
	defer func() {
		if err != nil {
			err = fmt.Errorf("get %s from %s before %d: %w", key, s.name, r, err)
		}
	}()
	found := map[string]Entry{}
	if r > 1 { // 0 would be any revision
		if _, err := s.multiLast(ctx, []string{key}, found, r-1); err != nil {
			return Entry{}, err
		}
	}
	for e = found[key]; ; {
		next, err := s.ask(ctx, Query{Revision: e.Revision + 1, Subject: s.Subject(key)})
		switch {
		case err != nil && !errors.Is(err, ErrNotFound):
			return Entry{}, err
		case err == nil && next.Revision < r:
			e = next
		case e.Revision == 0:
			return Entry{}, ErrNotFound
		default:
			return e, nil
		}
	}
}

// maxKept bounds the values that Kept reads; JetStream keeps at most 64 of a key (ADR-8).
const maxKept = 64

// Kept returns an entry and those that the stream keeps of its key before it, the latest first.
// It returns none of an entry that was not found.
func (s *Stream) Kept(ctx context.Context, e Entry) (kept []Entry, err error) {
	for e.Revision > 0 && len(kept) < maxKept {
		kept = append(kept, e)
		if e, err = s.Before(ctx, e.Key, e.Revision); err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	return kept, nil
}

// multiLast puts the last messages of keys, of those up to a revision if that is not 0,
// into found. It returns the revision up to which the answering replica has looked, 0 if it
// found nothing.
func (s *Stream) multiLast(ctx context.Context, keys []string, found map[string]Entry, last Revision) (Revision, error) {
	subjects := make([]string, len(keys))
	for i, k := range keys {
		subjects[i] = s.Subject(k)
	}
	entries, upTo, err := s.store.Latest(ctx, s.name, subjects, last)
	for _, e := range entries {
		e = s.keyed(e)
		found[e.Key] = e
	}
	return upTo, err
}

// within returns ctx, made to end after limit if it has no deadline.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// pause waits for d, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
