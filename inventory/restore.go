package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"frontrow/internal/operator"
	"frontrow/internal/salelog"
	"frontrow/kv"
	"frontrow/wire"
)

// A log record that isn't as its writer left it stops the sale. What it was the bucket may
// still keep under it, and the sale log has a copy of each. Which of these is right the
// records beside it say: the one that follows names it, as the checkpoint does the one that
// it is of, and it names the one before.

// maxRestored bounds the records put back by one request.
const maxRestored = 1000

// restoreLog puts a log record back as its writer left it, and those behind it that aren't
// either.
func (s *Service) restoreLog(ctx context.Context, r operator.Request) (any, error) {
	asked := wire.LogRequest{By: "operator"}
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	if asked.N == 0 {
		return nil, wire.Refuse(wire.CodeInvalid, "Name the record by its number.")
	}
	l := &restorer{bucket: kv.NewBucket(s.store, wire.SeatsBucket(r.Event)), copies: map[uint64][]kv.Entry{}}
	from, before, err := l.from(ctx, asked.N)
	if err == nil {
		err = l.read(ctx, s.store, r.Event, from)
	}
	if err != nil {
		return nil, err
	}
	return l.restore(ctx, from, asked.N, before)
}

// restorer puts the log records of one event back.
type restorer struct {
	bucket *kv.Bucket
	copies map[uint64][]kv.Entry // by number: what the sale log has, as the bucket would
	point  wire.Checkpoint       // zero: none
}

// from returns where to begin to put record n back: behind the last record before it that can
// be read, which has this digest.
func (l *restorer) from(ctx context.Context, n uint64) (from uint64, before string, err error) {
	for from = n; from > 1; from-- {
		e, err := l.stored(ctx, wire.LogKey(from-1))
		if err != nil {
			return 0, "", err
		}
		if _, err := wire.Read[wire.Flush](e.Key, e.Value); err == nil {
			return from, wire.Digest(e.Value), nil
		}
		if n-from == maxRestored/2 {
			return 0, "", wire.Refuse(wire.CodeInvalid, fmt.Sprintf("Put %s back first: %v.", wire.LogKey(from-1), err))
		}
	}
	return from, "", nil
}

// read reads what may be put back from a number on, and the checkpoint.
func (l *restorer) read(ctx context.Context, store kv.Store, event string, from uint64) error {
	err := salelog.Copies(ctx, store, event, func(c salelog.Copy) {
		if c.N >= from && c.N-from < maxRestored {
			l.copies[c.N] = append(l.copies[c.N], kv.Entry{Key: wire.LogKey(c.N), Value: c.Raw})
		}
	})
	if err != nil {
		return err
	}
	e, err := l.stored(ctx, wire.CheckpointKey)
	if err != nil {
		return err
	}
	l.point, _ = wire.Read[wire.Checkpoint](e.Key, e.Value) // else it says nothing
	return nil
}

// restore puts record n back, and those around it: it begins where it is told, behind a record
// of a digest, and goes on until one is as it was and the next names it.
func (l *restorer) restore(ctx context.Context, from, n uint64, before string) (reply wire.LogReply, err error) {
	for k := from; k-from < maxRestored; k++ {
		now, err := l.stored(ctx, wire.LogKey(k))
		if err != nil {
			return reply, err
		}
		next, err := l.stored(ctx, wire.LogKey(k+1))
		if err != nil {
			return reply, err
		}
		right, err := l.right(ctx, now, next, before)
		switch {
		case err != nil:
			return reply, err
		case right == nil && k <= n:
			return reply, wire.Refuse(wire.CodeNotFound, "Neither the bucket nor the sale log has what "+wire.LogKey(k)+" was. Restore the stream from a backup.")
		case right == nil:
			return reply, nil
		}
		before = wire.Digest(right)
		if !bytes.Equal(right, now.Value) {
			if _, err := l.bucket.Update(ctx, now.Key, right, now.Revision); err != nil {
				return reply, err
			}
			reply.Restored++
		} else if k >= n && (next.Value == nil || follows(next, before)) {
			break
		}
	}
	if reply.Restored == 0 {
		return reply, wire.Refuse(wire.CodeInvalid, wire.LogKey(n)+" is as its writer left it.")
	}
	return reply, nil
}

// stored is a key's entry; without a value if there is none.
func (l *restorer) stored(ctx context.Context, key string) (kv.Entry, error) {
	e, err := l.bucket.Get(ctx, key)
	if errors.Is(err, kv.ErrNotFound) {
		return kv.Entry{Key: key}, nil
	}
	return e, err
}

// right returns what a record was, nil if nothing has it: what is named, of all that can be
// found under its key and follows the record before it; else what is stored, what was stored
// first of all that the bucket keeps, and the sale log's last copy, in this order.
func (l *restorer) right(ctx context.Context, now, next kv.Entry, before string) ([]byte, error) {
	n := wire.LogNumber(now.Key)
	named := []string{}
	if f, err := wire.Read[wire.Flush](next.Key, next.Value); err == nil {
		named = append(named, f.Prev)
	}
	if l.point.Flush == n {
		named = append(named, l.point.Digest)
	}
	kept, err := l.bucket.Kept(ctx, now)
	if err != nil {
		return nil, err
	}
	not := func(e kv.Entry) bool { return !follows(e, before) }
	kept, copies := slices.DeleteFunc(kept, not), slices.DeleteFunc(slices.Clone(l.copies[n]), not)
	for _, e := range slices.Concat(kept, copies) {
		if slices.Contains(named, wire.Digest(e.Value)) {
			return e.Value, nil
		}
	}
	switch {
	case follows(now, before):
		return now.Value, nil
	case len(kept) > 0:
		return kept[len(kept)-1].Value, nil
	case len(copies) > 0:
		return copies[len(copies)-1].Value, nil
	}
	return nil, nil
}

// follows reports whether a log record can be read and names the one before it, as it must
// but in the version before.
func follows(e kv.Entry, before string) bool {
	f, err := wire.Read[wire.Flush](e.Key, e.Value)
	return err == nil && (f.Prev == before || f.Old())
}
