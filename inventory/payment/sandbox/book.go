package sandbox

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"frontrow/internal/group"
	"frontrow/inventory/payment"
)

// entry is a line of the journal: the payment after a step.
type entry struct {
	payment.Auth
	Key    string `json:"key"`    // idempotency key of the authorisation
	Method string `json:"method"` // with Amount and Currency, the body the key is bound to

	Refunds []payment.RefundRequest `json:"refunds,omitempty"` // only ever appended to
}

var (
	errKeyReused = errors.New("idempotency key was used with another body")
	errState     = errors.New("state of the payment rules this out")
	errUnknown   = errors.New("no such payment")
)

// book holds every payment, in memory and in the journal.
type book struct {
	mu      sync.Mutex
	byKey   map[string]*entry
	byRef   map[string]*entry
	byOrder map[string]*entry

	file    *os.File
	size    int64 // of the whole lines in file; used by replay, then only by flush
	journal *group.Group[[]byte, struct{}]
}

// openBook replays the journal at path, or starts one.
func openBook(path string) (*book, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	b := &book{byKey: map[string]*entry{}, byRef: map[string]*entry{}, byOrder: map[string]*entry{}, file: f}
	if err := b.replay(); err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: journal %s: %w", path, err), f.Close())
	}
	b.journal = group.New(group.Config[[]byte, struct{}]{Flush: b.flush, MaxBatch: 4096})
	return b, nil
}

func (b *book) replay() error {
	r := bufio.NewReader(b.file)
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF { // what is left was never answered
			return b.cut()
		}
		if err != nil {
			return err
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("at byte %d: %w", b.size, err)
		}
		// Lines of two requests may be out of order: a payment never goes back.
		if old := b.byRef[e.Reference]; old == nil || e.rank() > old.rank() || e.Refunded > old.Refunded {
			b.put(&e)
		}
		b.size += int64(len(line))
	}
}

// cut removes what follows the last whole line.
func (b *book) cut() error {
	if err := b.file.Truncate(b.size); err != nil {
		return err
	}
	_, err := b.file.Seek(b.size, io.SeekStart)
	return err
}

func (b *book) put(e *entry) {
	b.byKey[e.Key], b.byRef[e.Reference], b.byOrder[e.Order] = e, e, e
}

func (b *book) flush(_ context.Context, lines [][]byte, results []group.Result[struct{}]) {
	var all []byte
	for _, l := range lines {
		all = append(all, l...)
	}
	_, err := b.file.Write(all)
	if err == nil {
		err = b.file.Sync()
	}
	if err == nil {
		b.size += int64(len(all))
		return
	}
	err = fmt.Errorf("journal: %w", errors.Join(err, b.cut()))
	for i := range results {
		results[i].Err = err
	}
}

// record waits until e, as it is now, is on disk. A repeated step is recorded
// again, since its first record may still be under way.
func (b *book) record(ctx context.Context, e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = b.journal.Do(ctx, append(line, '\n'))
	return err
}

// authorize decides a new payment or returns the one under the key, and reports
// whether it is new.
func (b *book) authorize(ctx context.Context, key string, r payment.AuthRequest) (now entry, fresh bool, err error) {
	b.mu.Lock()
	e, ok := b.byKey[key]
	if !ok {
		if b.byOrder[r.Order] != nil {
			b.mu.Unlock()
			return entry{}, false, errKeyReused
		}
		e = &entry{Key: key, Method: r.Method, Auth: payment.Auth{Order: r.Order,
			Reference: "pay_" + rand.Text(), State: payment.Authorized, Amount: r.Amount, Currency: r.Currency}}
		switch reason := refusal(r.Method); {
		case reason != "":
			e.State, e.Reason = payment.Declined, reason
		case kind(r.Method) == tok3DS:
			e.State = payment.RequiresAction
		}
		b.put(e)
	}
	now = *e
	b.mu.Unlock()
	if now.Order != r.Order || now.Amount != r.Amount || now.Currency != r.Currency || now.Method != r.Method {
		return entry{}, false, errKeyReused
	}
	return now, !ok, b.record(ctx, now)
}

// step moves a payment to a state and reports whether that changed anything.
func (b *book) step(ctx context.Context, reference string, to payment.State, reason string) (now entry, fresh bool, err error) {
	b.mu.Lock()
	e, ok := b.byRef[reference]
	if !ok {
		b.mu.Unlock()
		return entry{}, false, errUnknown
	}
	state, allowed := next(e.State, to)
	if fresh = allowed && state != e.State; fresh {
		e.State, e.Reason = state, reason
	}
	now = *e
	b.mu.Unlock()
	if !allowed {
		return now, false, fmt.Errorf("%w: it is %s", errState, now.State)
	}
	return now, fresh, b.record(ctx, now)
}

// next returns the state a payment is in after a request for to, and whether
// that request is allowed. A step already done may be asked for again.
func next(now, to payment.State) (payment.State, bool) {
	switch now {
	case to:
		return now, true
	case payment.RequiresAction:
		return to, to == payment.Authorized || to == payment.Declined || to == payment.Voided
	case payment.Authorized:
		return to, to == payment.Captured || to == payment.Voided
	case payment.Declined:
		return now, to == payment.Voided
	case payment.Refunded:
		return now, to == payment.Captured
	}
	return now, false
}

// rank orders the states of a payment in time.
func (e *entry) rank() int {
	switch e.State {
	case payment.RequiresAction:
		return 0
	case payment.Authorized, payment.Declined:
		return 1
	case payment.Captured, payment.Voided:
		return 2
	}
	return 3
}

// refund gives back part of a captured payment and reports whether that changed anything.
func (b *book) refund(ctx context.Context, r payment.RefundRequest) (now entry, fresh bool, err error) {
	b.mu.Lock()
	e, ok := b.byRef[r.Reference]
	if !ok {
		b.mu.Unlock()
		return entry{}, false, errUnknown
	}
	i := slices.IndexFunc(e.Refunds, func(old payment.RefundRequest) bool { return old.Key == r.Key })
	switch {
	case i >= 0 && e.Refunds[i] != r || e.Order != r.Order:
		err = errKeyReused
	case i >= 0: // already given back
	case e.State != payment.Captured || r.Amount > e.Amount-e.Refunded:
		err = fmt.Errorf("%w: it is %s, %d of %d was given back", errState, e.State, e.Refunded, e.Amount)
	default:
		fresh = true
		e.Refunds, e.Refunded = append(e.Refunds, r), e.Refunded+r.Amount
		if e.Refunded == e.Amount {
			e.State = payment.Refunded
		}
	}
	now = *e
	b.mu.Unlock()
	if err != nil {
		return now, false, err
	}
	return now, fresh, b.record(ctx, now)
}

func (b *book) reference(ref string) (entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.byRef[ref]; ok {
		return *e, true
	}
	return entry{}, false
}

func (b *book) order(id string) (entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.byOrder[id]; ok {
		return *e, true
	}
	return entry{}, false
}

// Total is the number and sum of payments in a state, and how much was given back.
type Total struct {
	Count    int   `json:"count"`
	Amount   int64 `json:"amount"`
	Refunded int64 `json:"refunded,omitempty"`
}

func (b *book) totals() map[payment.State]Total {
	b.mu.Lock()
	defer b.mu.Unlock()
	totals := map[payment.State]Total{}
	for _, e := range b.byRef {
		t := totals[e.State]
		totals[e.State] = Total{t.Count + 1, t.Amount + e.Amount, t.Refunded + e.Refunded}
	}
	return totals
}
