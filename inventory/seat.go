package inventory

import (
	"context"
	"fmt"
	"slices"

	"frontrow/internal/operator"
	"frontrow/kv"
	"frontrow/wire"
)

const maxActs = 10 // of a seat, in an answer

// seat answers what a seat is now, by its writer, and what was done to it last. Each change
// in the log names the flush that changed the seat before.
func (s *Service) seat(ctx context.Context, r operator.Request) (any, error) {
	var asked wire.SeatRequest
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	var reply wire.SeatReply
	if err := s.ask(ctx, r, wire.ActSeat, asked, &reply); err != nil {
		return nil, err
	}
	bucket := kv.NewBucket(s.store, wire.SeatsBucket(r.Event))
	for n := reply.Seat.Flush; n > 0 && len(reply.Acts) < maxActs; {
		e, err := bucket.Get(ctx, wire.LogKey(n))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", wire.LogKey(n), err)
		}
		f, err := wire.Read[wire.Flush](e.Key, e.Value)
		if err != nil {
			break // the audit reports it
		}
		for _, a := range slices.Backward(f.Acts) {
			if slices.Contains(a.Seats, asked.Seat) {
				reply.Acts = append(reply.Acts, wire.SeatAct{Flush: n, Writer: f.Writer, At: f.At, Act: a})
			}
		}
		before := f.Before(asked.Seat)
		if before >= n {
			break
		}
		n = before
	}
	return reply, nil
}
