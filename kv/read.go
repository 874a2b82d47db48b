package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// maxLatest is the most keys asked for in one request; the server answers at most 1,024.
const maxLatest = 1000

// freshPause is the time between two asks for an answer that is fresh enough.
const freshPause = 5 * time.Millisecond

// Latest reads many keys at once, from whichever replica answers: keys without
// a value are missing from the result. The answer may be old, and the entries
// of more than 1,000 keys are from different moments; so it informs, for
// instance what to expect. Yet records are never deleted and revisions only
// grow: a revision seen here did exist, and an older one will never be current again.
func (s *Stream) Latest(ctx context.Context, keys []string) (map[string]Entry, error) {
	return s.latest(ctx, keys, 0)
}

// latest is Latest from a replica that has applied revision atLeast. With
// atLeast > 0 at least one key of every 1,000 must exist.
func (s *Stream) latest(ctx context.Context, keys []string, atLeast Revision) (map[string]Entry, error) {
	ctx, cancel := whileConnected(ctx, s.nc, readTimeout)
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

// Before reads the value that key had before revision r, or ErrNotFound if the
// stream keeps none that is older. Whichever replica says where to look, the leader
// says that nothing is in between.
func (s *Stream) Before(ctx context.Context, key string, r Revision) (e Entry, err error) {
	ctx, cancel := whileConnected(ctx, s.nc, readTimeout)
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
		next, err := s.ask(ctx, map[string]any{"seq": e.Revision + 1, "next_by_subj": s.Subject(key)})
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

// multiLast puts the last messages of keys, of those up to a revision if that is
// not 0, into found. It returns the sequence up to which the replica that answered
// has looked, 0 if it found nothing.
func (s *Stream) multiLast(ctx context.Context, keys []string, found map[string]Entry, last Revision) (Revision, error) {
	subjects := make([]string, len(keys))
	for i, k := range keys {
		subjects[i] = s.Subject(k)
	}
	req, err := json.Marshal(struct {
		Subjects []string `json:"multi_last"`
		Last     Revision `json:"up_to_seq,omitempty"`
	}{subjects, last})
	if err != nil {
		return 0, err
	}
	inbox := s.nc.NewInbox()
	sub, err := s.nc.SubscribeSync(inbox)
	if err != nil {
		return 0, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := s.nc.PublishRequest(s.api+"DIRECT.GET."+s.name, inbox, req); err != nil {
		return 0, err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return 0, err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
			e, err := s.direct(m)
			if err != nil {
				return 0, err
			}
			found[e.Key] = e
		case "204":
			if m.Header.Get("Nats-Num-Pending") != "0" {
				return 0, errors.New("answer was cut short")
			}
			upTo, err := strconv.ParseUint(m.Header.Get("Nats-UpTo-Sequence"), 10, 64)
			return Revision(upTo), err
		case "404":
			return 0, nil
		case "503":
			return 0, nats.ErrNoResponders
		default:
			return 0, fmt.Errorf("%s %s", status, m.Header.Get("Description"))
		}
	}
}

// direct reads one message of a direct get.
func (s *Stream) direct(m *nats.Msg) (Entry, error) {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return Entry{}, fmt.Errorf("direct get: sequence: %w", err)
	}
	created, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return Entry{}, fmt.Errorf("direct get: time: %w", err)
	}
	key := strings.TrimPrefix(m.Header.Get("Nats-Subject"), s.prefix)
	return Entry{Key: key, Value: m.Data, Revision: Revision(seq), Created: created}, nil
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
