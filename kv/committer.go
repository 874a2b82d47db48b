package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/internal/group"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// CommitterConfig configures a Committer. Stream is required.
type CommitterConfig struct {
	Stream *Stream
	// Guard, if not nil, fences every batch by rewriting the guard's record with it.
	Guard *Guard
	// MaxBatch bounds the writes of one batch; 0 means kv.MaxBatch, which is also the most.
	MaxBatch int
	// MaxQueue bounds the writes waiting for a batch; 0 means group.DefaultMaxQueue.
	MaxQueue int
	// Patience bounds the attempts at one batch without an answer or a leader; 0 means 10
	// s, which outlasts an election.
	Patience time.Duration
	// Registerer for the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Write is one caller's write. Its value should hold an operation id: after an attempt
// without an answer, equal bytes mean "mine".
type Write struct {
	Key    string
	Value  []byte
	Expect Expect // no condition, Absent or At; not While
}

// Committer is the group committer of a stream: while one atomic batch is in flight, the
// next one gathers, and each caller gets its own outcome.
type Committer struct {
	cfg     CommitterConfig
	group   *group.Group[Write, Revision]
	metrics *metrics
	msgs    []Msg // of the batch in flight
}

const defaultPatience = 10 * time.Second

// conflictRounds bounds the attempts at a batch that is refused although nothing read back
// says why: another write may be in flight (10164), or the replica that answered is behind
// the leader.
const conflictRounds = 6

// NewCommitter returns a Committer that commits once Run is called.
func NewCommitter(cfg CommitterConfig) *Committer {
	room := MaxBatch
	if cfg.Guard != nil {
		room-- // for the guard's record
	}
	if cfg.MaxBatch <= 0 || cfg.MaxBatch > room {
		cfg.MaxBatch = room
	}
	if cfg.Patience <= 0 {
		cfg.Patience = defaultPatience
	}
	c := &Committer{cfg: cfg, metrics: newMetrics(cfg.Registerer)}
	c.group = group.New(group.Config[Write, Revision]{Flush: c.flush, MaxBatch: cfg.MaxBatch, MaxQueue: cfg.MaxQueue})
	return c
}

// Run commits until ctx ends; the batch then in flight gets one last attempt.
func (c *Committer) Run(ctx context.Context) error { return c.group.Run(ctx) }

// Do commits w with the next batch and returns its revision. Its errors are the outcomes of
// a write, ErrFull and ErrStopped. If ctx ends while w is in a batch, the error is
// ErrUnknown; if w was not yet in one, ctx's error alone.
func (c *Committer) Do(ctx context.Context, w Write) (Revision, error) {
	if w.Expect.subject != "" {
		return 0, fmt.Errorf("commit %s: a fence would bind the writes of others: use CommitterConfig.Guard", w.Key)
	}
	if !literal(w.Key) {
		return 0, fmt.Errorf("commit %q: %w", w.Key, nats.ErrBadSubject)
	}
	r, err := c.group.Do(ctx, w)
	if err != nil {
		return 0, fmt.Errorf("commit %s to %s: %w", w.Key, c.cfg.Stream.name, left(err))
	}
	return r, nil
}

// pending is a write without an outcome yet.
type pending struct {
	Write
	sent   bool // an attempt got no answer: it may be stored
	result *group.Result[Revision]
}

// overtaken reports whether the condition can never hold again, given that the key is at
// revision r.
func (p *pending) overtaken(r Revision) bool { return p.Expect.set && r > p.Expect.revision }

// flush is one batch of callers on the way to their outcomes.
type flush struct {
	*Committer
	run      context.Context // Run's: after its end there is no further attempt
	ctx      context.Context // ends with the patience
	revision map[string]Revision
}

func (c *Committer) flush(run context.Context, writes []Write, results []group.Result[Revision]) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(run), c.cfg.Patience)
	defer cancel()
	f := &flush{Committer: c, run: run, ctx: ctx, revision: make(map[string]Revision, len(writes))}
	all := make([]pending, len(writes))
	todo := make([]*pending, len(writes))
	for i, w := range writes {
		all[i] = pending{Write: w, result: &results[i]}
		todo[i] = &all[i]
	}
	for len(todo) > 0 {
		batch, later := f.distinct(todo)
		f.resolve(batch)
		todo = later
	}
}

// distinct separates the first write of each key from those that must wait for its outcome,
// and refuses those that an outcome has already overtaken.
func (f *flush) distinct(todo []*pending) (batch, later []*pending) {
	seen := make(map[string]struct{}, len(todo))
	batch = make([]*pending, 0, len(todo))
	for _, p := range todo {
		switch _, again := seen[p.Key]; {
		case p.overtaken(f.revision[p.Key]):
			p.result.Err = ErrConflict
		case again:
			later = append(later, p)
		default:
			seen[p.Key] = struct{}{}
			batch = append(batch, p)
		}
	}
	return batch, later
}

// resolve gives every write of batch its outcome. It sends them all; if that is refused, it
// removes those that a read shows to be the reason and sends the rest; if no reason shows,
// it sends the halves.
func (f *flush) resolve(batch []*pending) {
	wait := minPause
	for stuck := 0; len(batch) > 0; {
		err := f.send(batch)
		switch {
		case err == nil:
			return
		case f.over():
			fail(batch, err)
			return
		case !passing(err), f.plain(batch, err):
			f.refuse(batch, err)
			return
		}
		rest, readErr := f.sift(batch)
		switch {
		case errors.Is(readErr, ErrFenced):
			fail(rest, readErr)
			return
		case len(rest) < len(batch):
			batch, stuck, wait = rest, 0, minPause
			continue
		case errors.Is(err, ErrConflict):
			if stuck++; stuck > conflictRounds || errors.Is(readErr, nats.ErrNoResponders) {
				f.refuse(batch, err)
				return
			}
		}
		if pause(f.ctx, wait) != nil {
			fail(batch, err)
			return
		}
		wait = min(2*wait, maxPause)
	}
}

// over reports whether there is no further attempt.
func (f *flush) over() bool { return f.run.Err() != nil || f.ctx.Err() != nil }

// plain reports whether err is the refusal of a single write and can be understood without
// a read.
func (f *flush) plain(batch []*pending, err error) bool {
	return len(batch) == 1 && !batch[0].sent && f.cfg.Guard == nil && certain(err)
}

// refuse ends a single refused write, and sends several by halves.
func (f *flush) refuse(batch []*pending, err error) {
	if p := batch[0]; len(batch) == 1 {
		if p.Expect.set && certain(err) {
			f.revision[p.Key] = max(f.revision[p.Key], p.Expect.revision+1) // at least
		}
		fail(batch, err)
		return
	}
	f.metrics.splits.Inc()
	f.resolve(batch[:len(batch)/2])
	f.resolve(batch[len(batch)/2:])
}

// fail ends batch with err, unless that would claim more than is known about a caller's
// write.
func fail(batch []*pending, err error) {
	if len(batch) > 1 && errors.Is(err, ErrConflict) {
		err = fmt.Errorf("%w: batch was refused", ErrBusy) // the conflict may be another write's
	}
	for _, p := range batch {
		p.result.Err = p.doubt(err)
	}
}

// doubt adds ErrUnknown to the error of a write that an earlier attempt may have stored.
func (p *pending) doubt(err error) error {
	if p.sent && !errors.Is(err, ErrUnknown) {
		return fmt.Errorf("%w: %w", err, ErrUnknown)
	}
	return err
}

// send publishes batch, behind the guard's record if there is a guard.
func (f *flush) send(batch []*pending) error {
	g := f.cfg.Guard
	f.msgs = f.msgs[:0]
	if g != nil {
		g.lock()
		defer g.unlock()
		f.msgs = append(f.msgs, g.message())
	}
	for _, p := range batch {
		f.msgs = append(f.msgs, Msg{f.cfg.Stream.Subject(p.Key), p.Value, p.Expect})
	}
	ctx, cancel := context.WithTimeout(f.ctx, attemptTimeout)
	defer cancel()
	started := time.Now()
	ack, err := f.cfg.Stream.Publish(ctx, f.msgs)
	clear(f.msgs)
	f.metrics.batch(len(batch), time.Since(started), err)
	if err != nil {
		if errors.Is(err, ErrUnknown) {
			for _, p := range batch {
				p.sent = true
			}
		}
		return err
	}
	failpoint.Here(failpoint.BatchAcknowledged)
	first := ack.Count - len(batch)
	if g != nil {
		g.revision = ack.Revision(0)
	}
	for i, p := range batch {
		f.stored(p, ack.Revision(first+i))
	}
	return nil
}

func (f *flush) stored(p *pending, r Revision) {
	p.result.Value = r
	f.revision[p.Key] = r
}

// sift reads the keys of batch back and returns the writes still without an
// outcome. What it decides stays true however old the answer is: revisions only grow.
// Without an answer it ends only writes without any condition, which if sent twice could
// undo another's.
func (f *flush) sift(batch []*pending) (rest []*pending, err error) {
	entries, err := f.read(batch)
	rest = make([]*pending, 0, len(batch))
	for _, p := range batch {
		e := entries[p.Key]
		switch {
		case p.sent && e.Revision > p.Expect.revision && bytes.Equal(e.Value, p.Value):
			f.stored(p, e.Revision)
		case p.overtaken(e.Revision):
			p.result.Err = p.doubt(ErrConflict)
			f.revision[p.Key] = e.Revision
		case p.sent && !p.Expect.set && f.cfg.Guard == nil:
			p.result.Err = ErrUnknown
		default:
			rest = append(rest, p)
		}
	}
	return rest, err
}

// read asks the leader for one key, and any replica for more. With a guard it first asks
// who has the guard, and then reads as of the guard's revision.
func (f *flush) read(batch []*pending) (map[string]Entry, error) {
	ctx, cancel := context.WithTimeout(f.ctx, attemptTimeout)
	defer cancel()
	keys := make([]string, len(batch))
	for i, p := range batch {
		keys[i] = p.Key
	}
	if g := f.cfg.Guard; g != nil {
		if err := g.Check(ctx); err != nil {
			return nil, err
		}
		return g.read(ctx, keys)
	}
	if len(keys) > 1 {
		return f.cfg.Stream.Latest(ctx, keys)
	}
	e, err := f.cfg.Stream.get(ctx, keys[0])
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	return map[string]Entry{keys[0]: e}, nil
}

// certain reports whether a refusal names the current revision (10071) rather than only
// saying that something is in flight (10164).
func certain(err error) bool {
	var e *jetstream.APIError
	return errors.As(err, &e) && e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}
