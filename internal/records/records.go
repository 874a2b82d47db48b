package records

import (
	"context"
	"errors"

	"frontrow/kv"
	"frontrow/wire"
)

// Read decodes the record in e. It notes a spoiled record, and its repair; the error is
// then a *wire.Spoiled. bucket may be the name of its stream.
func Read[T any, P wire.Record[T]](s *Spoiled, bucket string, e kv.Entry) (T, error) {
	record, err := wire.Read[T, P](e.Key, e.Value)
	s.Note(bucket, e.Key, wire.SpoiledKind(err))
	return record, err
}

// Last is Read that looks behind junk: it returns what the record last said when it could
// be read. The error is a *wire.Spoiled if the bucket keeps no readable value, or if a
// later version comes first; else a read error.
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
