package kv

import (
	"context"
	"time"
)

// Store keeps messages in streams. It is all that Stream, Bucket, Guard, Leases and
// Committer need of a server, and the seam to run them on another (package memory).
// Messages are keyed by subject: an Entry of a Store has its subject for Key.
//
// A store never invents and never forgets: revisions of a stream only grow, and a
// message read did exist. But it may be late, and it may be silent.
type Store interface {
	// Publish stores msgs, all or none, in the stream to which their subjects belong,
	// under contiguous revisions. It returns an outcome: nil, ErrConflict, ErrBusy, or
	// ErrUnknown, after which they may be stored, now or later. A conflict that is known
	// to be a wrong revision, and not a write in flight, wraps the jetstream.APIError
	// that says so.
	Publish(ctx context.Context, msgs []Msg) (Ack, error)

	// Get asks the leader of a stream for one message, or returns ErrNotFound. It sees all
	// that was acknowledged before, unless that leader has lost its leadership without
	// noticing.
	Get(ctx context.Context, stream string, q Query) (Entry, error)

	// Latest asks any replica for the last message of each of at most maxLatest subjects,
	// of those up to a revision if upTo is not 0; subjects without one are missing. applied
	// is a revision up to which the replica has looked, 0 if it found nothing; it may be
	// arbitrarily far behind the leader.
	Latest(ctx context.Context, stream string, subjects []string, upTo Revision) (found []Entry, applied Revision, err error)

	// Follow reads the last message of each subject that matches one of the filters, in the
	// order of revisions, and then what comes. With a Position in the same stream it
	// resumes behind that instead, with every message that is still kept; if the stream was
	// recreated or restored since, it begins again, which the returned Position shows. It
	// returns jetstream.ErrStreamNotFound if there is no such stream.
	Follow(ctx context.Context, stream string, filters []string, behind Position) (Follower, Position, error)
}

// Follower hands out what a Store's Follow reads. Between two messages of a subject others
// may be missing that were overwritten, but nothing else.
type Follower interface {
	// Next waits for the next message. An error is final.
	Next(ctx context.Context) (Entry, error)
	// Stop lets the store forget the Follower.
	Stop()
}

// Query names one message of a stream: the last of a Subject, which may be a filter; the
// one stored as a Revision, or with a Subject the first of it from that Revision on; or the
// first stored at an instant or later.
type Query struct {
	Subject  string
	Revision Revision
	Since    time.Time
}

// Position is how far a stream has been read: the stream made then, or whichever there is if
// Made is zero, up to a revision.
type Position struct {
	Made     time.Time
	Revision Revision
}

// In returns where to resume in the stream that was made then and has come to last: at p, or
// at its beginning if it isn't the stream that p is of.
func (p Position) In(made time.Time, last Revision) Position {
	if !p.Made.IsZero() && !p.Made.Equal(made) || last < p.Revision {
		return Position{Made: made}
	}
	return Position{Made: made, Revision: p.Revision}
}
