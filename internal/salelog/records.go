package salelog

import (
	"context"
	"strconv"

	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"
)

// maxReadings bounds how often the records are read on, while rounds of the writer come in
// between.
const maxReadings = 8

// seen is a seat's record, as a round has found it.
type seen struct {
	state   wire.State
	version Version
	sum     uint64   // what it adds to that of a checkpoint
	entry   kv.Entry // of one that can't be read
	there   bool
	junk    bool
}

// records reads the seats' records and the checkpoint that is of them, and returns the
// position of the last. If they are not as a writer left them, the checkpoint is zero: then
// the log counts, all of it, and a record alone for a seat of which that says nothing.
func (f *Follower) records(ctx context.Context) (at kv.Position, point wire.Checkpoint, err error) {
	at, point, revision, err := f.checkpoint(ctx)
	if err != nil {
		return at, point, err
	}
	f.begin(at.Made)
	at.Revision = 0
	for reading := 0; reading < maxReadings; reading++ {
		if at, err = f.cfg.Seats.ReadBehind(ctx, wire.SeatPrefix+">", at, f.find); err != nil {
			return at, point, err
		}
		was := revision
		if _, point, revision, err = f.checkpoint(ctx); err != nil {
			return at, point, err
		}
		if revision == was {
			break
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if point.Flush > 0 && point.Sum != f.sum() {
		f.cfg.Logger.Warn("the seats' records are not as a writer left them: all of the log is read", "bucket", f.cfg.Seats.Name())
		point = wire.Checkpoint{}
	}
	f.n, f.old = point.Flush, point.Flush == 0 // until the log says otherwise
	if point.Flush > 0 {
		f.count(ctx, true)
	}
	return at, point, nil
}

// checkpoint reads the checkpoint, which is zero if there is none that can be believed.
func (f *Follower) checkpoint(ctx context.Context) (at kv.Position, c wire.Checkpoint, revision kv.Revision, err error) {
	at, err = f.cfg.Seats.ReadBehind(ctx, wire.CheckpointKey, kv.Position{}, func(e kv.Entry) {
		c, revision = readCheckpoint(f.cfg.Spoiled, f.cfg.Seats, e), e.Revision
	})
	return at, c, revision, err
}

// readCheckpoint reads a checkpoint, which is zero if it can't be read, or names a log record
// that can't have been stored before it.
func readCheckpoint(s *records.Spoiled, seats *kv.Bucket, e kv.Entry) wire.Checkpoint {
	c, err := records.Read[wire.Checkpoint](s, seats.Name(), e)
	if err != nil || kv.Revision(c.Revision) >= e.Revision {
		return wire.Checkpoint{}
	}
	return c
}

// find takes a seat's record before anything is handed out.
func (f *Follower) find(e kv.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = max(f.at, e.Revision)
	if i, ok := f.place(e); ok {
		r := f.see(e)
		r.sum = wire.SumOf(e.Key, e.Value)
		f.found[i] = r
	}
}

func (f *Follower) place(e kv.Entry) (int, bool) {
	id, _ := wire.SeatOfKey(e.Key)
	return f.cfg.Index.Lookup(id)
}

// see reads a seat's record.
func (f *Follower) see(e kv.Entry) seen {
	state, version, err := readSeat(e)
	f.cfg.Spoiled.Note(f.cfg.Seats.Name(), e.Key, wire.SpoiledKind(err))
	if err != nil {
		return seen{entry: e, there: true, junk: true}
	}
	return seen{state: state, version: version, there: true}
}

// sum is that of the records found, as a checkpoint states it.
func (f *Follower) sum() string {
	sum := uint64(0)
	for _, r := range f.found {
		sum += r.sum
	}
	return strconv.FormatUint(sum, 16)
}

// count notes what the records found say; unless all of them count, of the seats alone of
// which nothing else is known.
func (f *Follower) count(ctx context.Context, all bool) {
	for i, r := range f.found {
		unknown := f.known[i] == (Version{})
		switch {
		case !r.there:
		case !r.junk && (all || unknown):
			f.note(i, r.state, r.version)
		case r.junk && unknown:
			f.note(i, wire.Blocked, Version{})
			if was, err := f.before(ctx, r.entry); err == nil {
				if state, v, err := readSeat(was); err == nil {
					f.note(i, state, v)
				}
			}
		}
	}
}
