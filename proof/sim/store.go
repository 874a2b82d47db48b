package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"frontrow/kv"
	"frontrow/kv/memory"

	"github.com/nats-io/nats.go/jetstream"
)

// storeLimit is how long a process waits for the store whose caller sets no deadline.
const storeLimit = 5 * time.Second

// storeOf is the store as one process reaches it: memory.Store behind the network.
type storeOf struct{ *process }

// replicas are how far a replica may be behind, and a leader that is none any more: so
// many revisions.
const (
	lagging = 40
	deposed = 8
)

// Publish implements kv.Store.
func (s storeOf) Publish(ctx context.Context, msgs []kv.Msg) (kv.Ack, error) {
	own := make([]kv.Msg, len(msgs)) // the caller may give up and use its bytes again
	for i, m := range msgs {
		own[i] = m
		own[i].Data = bytes.Clone(m.Data)
	}
	last := msgs[len(msgs)-1].Subject
	ack, err := ask(ctx, s.process, storeLimit, "store", last, func() (kv.Ack, error) { return s.w.publish(s.process, own) })
	if errors.Is(err, errNoAnswer) {
		err = fmt.Errorf("%w: %w", kv.ErrUnknown, err)
	}
	return ack, err
}

// publish is a batch's arrival at the leader.
func (w *world) publish(from *process, msgs []kv.Msg) (kv.Ack, error) {
	if w.faulty() {
		switch x := w.Float64(); {
		case x < 0.005:
			return kv.Ack{}, kv.ErrBusy
		case x < 0.008: // another write to it is in flight, as replicated streams say
			return kv.Ack{}, fmt.Errorf("%w: %w", kv.ErrConflict, &jetstream.APIError{ErrorCode: jetstream.JSErrCodeStreamWrongLastSequenceConstant})
		}
	}
	if w.cfg.Bugs.NoFence {
		msgs = unfenced(msgs)
	}
	ack, err := w.memory.Publish(context.Background(), msgs)
	if err != nil {
		w.note("refused: %v", err)
		return ack, err
	}
	w.observer.published(from, ack, msgs)
	for _, f := range w.followers {
		f.news(ack.Stream, msgs)
	}
	return ack, nil
}

// Get implements kv.Store.
func (s storeOf) Get(ctx context.Context, stream string, q kv.Query) (kv.Entry, error) {
	return ask(ctx, s.process, storeLimit, "store", "get "+q.Subject, func() (kv.Entry, error) {
		if plain := q.Since.IsZero() && q.Revision == 0 && !strings.ContainsAny(q.Subject, "*>"); plain && s.w.faulty() && s.w.chance(0.005) {
			found, _, err := s.w.memory.Latest(context.Background(), stream, []string{q.Subject}, s.w.asOf(stream, deposed))
			if len(found) > 0 && err == nil {
				return found[0], nil
			}
		}
		return s.w.memory.Get(context.Background(), stream, q)
	})
}

// asOf is a revision that somebody who is behind has got to.
func (w *world) asOf(stream string, behind int) kv.Revision {
	last := w.memory.Last(stream)
	return last - min(last, kv.Revision(w.IntN(behind)))
}

// Latest implements kv.Store.
func (s storeOf) Latest(ctx context.Context, stream string, subjects []string, upTo kv.Revision) (found []kv.Entry, applied kv.Revision, err error) {
	type latest struct {
		found   []kv.Entry
		applied kv.Revision
	}
	r, err := ask(ctx, s.process, storeLimit, "store", "latest "+subjects[0], func() (r latest, err error) {
		at := upTo
		if s.w.faulty() && s.w.chance(0.1) {
			at = s.w.asOf(stream, lagging)
			if upTo != 0 {
				at = min(at, upTo)
			}
			if at == 0 {
				return latest{}, nil
			}
		}
		r.found, r.applied, err = s.w.memory.Latest(context.Background(), stream, subjects, at)
		return r, err
	})
	return r.found, r.applied, err
}

// Follow implements kv.Store.
func (s storeOf) Follow(ctx context.Context, stream string, filters []string, behind kv.Position) (kv.Follower, kv.Position, error) {
	type following struct {
		*follower
		from kv.Position
	}
	r, err := ask(ctx, s.process, storeLimit, "store", "follow "+filters[0], func() (following, error) {
		mf, from, err := s.w.memory.Follow(context.Background(), stream, filters, behind)
		if err != nil {
			return following{}, err
		}
		f := &follower{mailbox: newMailbox[kv.Entry](errBroken), p: s.process, stream: stream, filters: filters, from: mf.(*memory.Follower)}
		s.w.followers = append(slices.DeleteFunc(s.w.followers, func(f *follower) bool { return f.hasEnded() || f.p.isDead() }), f)
		f.schedule()
		return following{f, from}, nil
	})
	if err != nil {
		return nil, behind, err
	}
	return r.follower, r.from, nil
}

// follower is what a Follow tells a process: in order, in gulps, some time later.
type follower struct {
	*mailbox[kv.Entry]
	p       *process
	stream  string
	filters []string
	from    *memory.Follower
	due     bool // a gulp is on its way
}

var errBroken = errors.New("the connection broke")

// news has a gulp brought if one of msgs is for it.
func (f *follower) news(stream string, msgs []kv.Msg) {
	if f.due || stream != f.stream || f.hasEnded() {
		return
	}
	for _, m := range msgs {
		for _, filter := range f.filters {
			if memory.Matches(filter, m.Subject) {
				f.schedule()
				return
			}
		}
	}
}

// schedule brings all there is by then.
func (f *follower) schedule() {
	f.due = true
	w := f.p.w
	delay := w.between(time.Millisecond, 20*time.Millisecond)
	if w.faulty() && w.chance(0.03) {
		delay = w.between(0, 3*time.Second)
	}
	w.after(delay, f.p.name, "is told of "+f.filters[0], func() {
		f.p.awake("is told of "+f.filters[0], func() {
			f.due = false
			if f.hasEnded() {
				return
			}
			if during(f.p.cut) || w.faulty() && w.chance(0.003) {
				f.end()
			}
			f.gulp()
		})
	})
}

func (f *follower) gulp() {
	var gulp []kv.Entry
	for !f.hasEnded() {
		e, err := f.from.Ready()
		if err != nil || e.Key == "" {
			break
		}
		gulp = append(gulp, e)
	}
	f.put(gulp...)
}

// Next implements kv.Follower.
func (f *follower) Next(ctx context.Context) (kv.Entry, error) { return f.next(ctx, f.p.dead) }

// Stop implements kv.Follower: its connection ends.
func (f *follower) Stop() { f.end() }

// last is the last entry of a subject.
func (w *world) last(stream, subject string) kv.Entry {
	e, _ := w.memory.Get(context.Background(), stream, kv.Query{Subject: subject})
	return e
}
