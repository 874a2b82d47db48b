package admitter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"frontrow/admission/passes"
	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"
)

// callLog writes an event's calls to the sale log: each place once and without gaps, across
// admitters. It continues where the log ends.
type callLog struct {
	stream   *kv.Stream
	spoiled  *records.Spoiled
	subject  string
	revision kv.Revision
	to       map[passes.Line]uint64 // how far each line is logged
	drawn    int
	known    bool
}

func (l *callLog) write(ctx context.Context, state wire.Admitter, why string) error {
	if err := l.read(ctx); err != nil {
		return err
	}
	act := wire.AdmissionAct{Kind: "call", Drawn: state.Drawn, Term: state.Term, At: state.At, Why: why}
	news := false
	for _, s := range state.Lines {
		from := l.to[passes.Line{Lane: s.Lane, Region: s.Region}]
		act.Lines = append(act.Lines, wire.LineMoved{Lane: s.Lane, Region: s.Region, From: from, To: max(from, s.Head)})
		news = news || s.Head > from
	}
	if len(state.Drawn) > l.drawn {
		act.Kind, news = "draw", true
	}
	if !news {
		return nil
	}
	value, err := json.Marshal(act)
	if err != nil {
		return err
	}
	revision, err := l.stream.Update(ctx, l.subject, value, l.revision)
	if err != nil {
		l.known = false
		return err
	}
	failpoint.Here(failpoint.CallLogged)
	l.note(act)
	l.revision = revision
	return nil
}

// read finds where the log ends.
func (l *callLog) read(ctx context.Context) error {
	if l.known {
		return nil
	}
	e, err := l.stream.Get(ctx, l.subject)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	l.revision, l.to, l.drawn = e.Revision, map[passes.Line]uint64{}, 0
	if err == nil {
		act, err := records.Last[wire.AdmissionAct](ctx, l.spoiled, l.stream, e)
		if kind := wire.SpoiledKind(err); err != nil && (kind == "" || kind == wire.SpoiledNewer) {
			return fmt.Errorf("last act of %s: %w", l.subject, err)
		}
		l.note(act)
	}
	l.known = true
	return nil
}

func (l *callLog) note(act wire.AdmissionAct) {
	for _, m := range act.Lines {
		l.to[passes.Line{Lane: m.Lane, Region: m.Region}] = m.To
	}
	l.drawn = max(l.drawn, len(act.Drawn))
}
