package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"
)

// readBack is a record of PASSES as it could be read last; one that is spoiled since
// is stored again once this admitter may write.
func readBack[T any, P wire.Record[T]](ctx context.Context, a *admitter, e kv.Entry) (T, error) {
	record, err := records.Last[T, P](ctx, a.spoiled, &a.bucket.Stream, e)
	if err != nil {
		return record, err
	}
	if _, spoiled := wire.Read[T, P](e.Key, e.Value); spoiled != nil {
		value, err := json.Marshal(record)
		if err != nil {
			return record, err
		}
		a.back = append(a.back, kv.Write{Key: e.Key, Value: value, Expect: kv.At(e.Revision)})
	}
	return record, nil
}

// storeBack stores records again as they were.
func (a *admitter) storeBack(ctx context.Context) error {
	for _, w := range a.back {
		if _, err := a.writes.Do(ctx, w); err != nil && !lostRace(err) {
			return fmt.Errorf("record %s: %w", w.Key, err)
		}
		a.spoiled.Note(a.bucket.Name(), w.Key, "")
	}
	a.back = nil
	return nil
}

// unreadable stands for the pass whose record can't be read. It is nobody's, and
// counts for as long as it could be alive; then its fan may join again.
func (a *admitter) unreadable(fan string, turn int, since time.Time) wire.PassRecord {
	event, _ := a.view.Event(a.id)
	return wire.PassRecord{Fan: fan, Turn: turn, At: since, Expires: since.Add(time.Duration(event.Spec.Admission.PassTTL))}
}

func unreadablePass(rec wire.PassRecord) wire.RedeemReply {
	return wire.RedeemReply{Problem: wire.Busy("Your pass can't be read any more. The organiser has been told. If it isn't repaired, you can join again at " +
		rec.Expires.UTC().Format(time.RFC3339) + ".")}
}
