package records

import (
	"context"
	"errors"

	"frontrow/kv"
	"frontrow/wire"
)

// Read reads the record that e is. One that is spoiled is noted, and so is its
// repair; the error then is a *wire.Spoiled. The bucket may be given by its stream.
func Read[T any, P wire.Record[T]](s *Spoiled, bucket string, e kv.Entry) (T, error) {
	record, err := wire.Read[T, P](e.Key, e.Value)
	s.Note(bucket, e.Key, wire.SpoiledKind(err))
	return record, err
}

// Last is Read that looks behind junk: what the record said when it could be read
// last. The error is a *wire.Spoiled where the bucket keeps nothing of before, or
// where a later version comes first; else one of reading.
func Last[T any, P wire.Record[T]](ctx context.Context, s *Spoiled, stream *kv.Stream, e kv.Entry) (T, error) {
	record, err := Read[T, P](s, stream.Name(), e)
	for spoiled := err; err != nil && wire.SpoiledKind(err) != wire.SpoiledNewer; {
		older, gone := stream.Before(ctx, e.Key, e.Revision)
		if errors.Is(gone, kv.ErrNotFound) {
			return record, spoiled
		}
		if gone != nil {
			return record, gone
		}
		e = older
		record, err = wire.Read[T, P](e.Key, e.Value)
	}
	return record, err
}
