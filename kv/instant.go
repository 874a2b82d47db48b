package kv

import (
	"context"
	"fmt"
	"time"
)

// At asks the leader for the record that was stored as revision r, or ErrNotFound.
func (s *Stream) At(ctx context.Context, r Revision) (Entry, error) {
	e, err := s.ask(ctx, Query{Revision: r})
	if err != nil {
		return Entry{}, fmt.Errorf("get revision %d of %s: %w", r, s.name, err)
	}
	return e, nil
}

// Since asks the leader for the first record that was stored at t or later, or
// ErrNotFound. Revisions and instants grow together, as far as the leaders' clocks agree.
func (s *Stream) Since(ctx context.Context, t time.Time) (Entry, error) {
	e, err := s.ask(ctx, Query{Since: t})
	if err != nil {
		return Entry{}, fmt.Errorf("get from %s since %v: %w", s.name, t.UTC(), err)
	}
	return e, nil
}
