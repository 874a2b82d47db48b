package salelog

import (
	"context"
	"errors"

	"frontrow/kv"
	"frontrow/wire"
)

// maxCopies bounds the copies that LastCopy looks at: behind the last record there are only
// junk, and records that were put back.
const maxCopies = 64

// Copy is what the sale log has of a log record. JetStream copies each, a moment after it was
// stored: the sale log may lack the last ones, and never has one that was not stored.
type Copy struct {
	wire.Flush
	Raw []byte
}

// LastCopy returns the last copy of an event's log records that is numbered from or above,
// and what was copied last of all, which may be junk. Both are zero if nothing was; the copy
// is if there is none such among the last few.
func LastCopy(ctx context.Context, store kv.Store, event string, from uint64) (c Copy, last []byte, err error) {
	log, key := kv.NewStream(store, wire.SaleLogStream), wire.LogSubject(event, wire.LogSeats)
	e, err := log.Get(ctx, key)
	last = e.Value
	for look := 0; err == nil && look < maxCopies; look++ {
		if c, ok := readCopy(e.Value); ok && c.N >= from {
			return c, last, nil
		}
		e, err = log.Before(ctx, key, e.Revision)
	}
	if errors.Is(err, kv.ErrNotFound) {
		err = nil
	}
	return Copy{}, last, err
}

// Copies gives take all copies of an event's log records that can be read, in the order in
// which they were made: a record that was stored again comes again.
func Copies(ctx context.Context, store kv.Store, event string, take func(Copy)) error {
	return Each(ctx, store, wire.LogSubject(event, wire.LogSeats), func(e kv.Entry) {
		if c, ok := readCopy(e.Value); ok {
			take(c)
		}
	})
}

// Each gives take the records that the sale log has under a key, in their order: all that
// were stored when it was called.
func Each(ctx context.Context, store kv.Store, key string, take func(kv.Entry)) error {
	log := kv.NewStream(store, wire.SaleLogStream)
	first, at, err := begin(ctx, store, log, key)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	take(first)
	_, err = log.ReadBehind(ctx, key, at, take)
	return err
}

// Tail gives w the records that the sale log has under a key, in their order, all that were
// stored and then each new one, until ctx ends. There must be one already: the error is
// kv.ErrNotFound if there isn't, and kv.ErrAnew once the stream has been made anew.
func Tail(ctx context.Context, store kv.Store, key string, w kv.Watcher) error {
	log := kv.NewStream(store, wire.SaleLogStream)
	first, at, err := begin(ctx, store, log, key)
	if err != nil {
		return err
	}
	w.Entry(first)
	return log.WatchBehind(ctx, key, at, w)
}

// begin returns the first record under a key and its position, from which those that follow
// can be read; the error is kv.ErrNotFound if there is none. The life of the stream is asked
// for before the record, so that what is read behind it is of the same life or refused.
func begin(ctx context.Context, store kv.Store, log *kv.Stream, key string) (first kv.Entry, at kv.Position, err error) {
	from, err := log.ReadBehind(ctx, key, kv.Position{}, func(kv.Entry) {}) // the last one alone
	if err != nil {
		return first, at, err
	}
	first, err = store.Get(ctx, log.Name(), kv.Query{Subject: key, Revision: 1})
	return first, kv.Position{Made: from.Made, Revision: first.Revision}, err
}

func readCopy(raw []byte) (Copy, bool) {
	f, err := wire.Read[wire.Flush](wire.LogKey(NumberOf(raw)), raw)
	return Copy{f, raw}, err == nil
}
