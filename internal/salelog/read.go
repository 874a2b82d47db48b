package salelog

import (
	"context"

	"frontrow/kv"
	"frontrow/wire"
)

// Reader gets what is stored about an event's seats, as it is stored: the checkpoint, then
// the record of each seat, then each log record in the order of revisions. An entry of a key
// may come again, at a later revision.
type Reader struct {
	Checkpoint, Seat, Log func(kv.Entry)
}

// Read reads everything once, and returns the position of the last log record. It is
// kv.ErrAnew if the stream is recreated meanwhile.
func Read(ctx context.Context, seats *kv.Bucket, r Reader) (kv.Position, error) {
	from, err := seats.ReadBehind(ctx, wire.CheckpointKey, kv.Position{}, r.Checkpoint)
	if err != nil {
		return from, err
	}
	if _, err := seats.ReadBehind(ctx, wire.SeatPrefix+">", kv.Position{Made: from.Made}, r.Seat); err != nil {
		return from, err
	}
	return seats.ReadBehind(ctx, wire.LogPrefix+"*", kv.Position{Made: from.Made}, r.Log)
}

// ReadAgain reads each seat's record again, and the log records behind a position.
func ReadAgain(ctx context.Context, seats *kv.Bucket, behind kv.Position, r Reader) (kv.Position, error) {
	if _, err := seats.ReadBehind(ctx, wire.SeatPrefix+">", kv.Position{Made: behind.Made}, r.Seat); err != nil {
		return behind, err
	}
	return seats.ReadBehind(ctx, wire.LogPrefix+"*", behind, r.Log)
}
