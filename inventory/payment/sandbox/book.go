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
	"sync"

	"frontrow/internal/group"
	"frontrow/inventory/payment"
)

// entry is a line of the journal: the payment after a step.
type entry struct {
	payment.Auth
	Key    string `json:"key"`    // idempotency key of the authorisation
	Method string `json:"method"` // with Amount and Currency, the body it is bound to
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
	size    int64 // of the whole lines in file; used by replay, then by flush alone
	journal *group.Group[[]byte, struct{}]
}

// openBook replays the journal at path, or begins one.
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
		// Lines of two requests may have changed places: no state is left twice.
		if old := b.byRef[e.Reference]; old == nil || old.State == payment.Authorized {
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

// record waits until e, as it is now, is on disk. Whoever repeats a step
// records it again, since the first record may still be under way.
func (b *book) record(ctx context.Context, e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = b.journal.Do(ctx, append(line, '\n'))
	return err
}

// authorize decides a new payment or returns the one under the key.
func (b *book) authorize(ctx context.Context, key string, r payment.AuthRequest) (entry, error) {
	b.mu.Lock()
	e, ok := b.byKey[key]
	if !ok {
		if b.byOrder[r.Order] != nil {
			b.mu.Unlock()
			return entry{}, errKeyReused
		}
		e = &entry{Key: key, Method: r.Method, Auth: payment.Auth{Order: r.Order, Reference: "pay_" + rand.Text(),
			State: payment.Authorized, Amount: r.Amount, Currency: r.Currency}}
		if reason := refusal(r.Method); reason != "" {
			e.State, e.Reason = payment.Declined, reason
		}
		b.put(e)
	}
	now := *e
	b.mu.Unlock()
	if now.Order != r.Order || now.Amount != r.Amount || now.Currency != r.Currency || now.Method != r.Method {
		return entry{}, errKeyReused
	}
	return now, b.record(ctx, now)
}

// step moves a payment from Authorized to a final state.
func (b *book) step(ctx context.Context, reference string, to payment.State) (entry, error) {
	b.mu.Lock()
	e, ok := b.byRef[reference]
	if !ok {
		b.mu.Unlock()
		return entry{}, errUnknown
	}
	allowed := e.State == to || e.State == payment.Authorized || e.State == payment.Declined && to == payment.Voided
	if allowed && e.State == payment.Authorized {
		e.State = to
	}
	now := *e
	b.mu.Unlock()
	if !allowed {
		return entry{}, fmt.Errorf("%w: it is %s", errState, now.State)
	}
	return now, b.record(ctx, now)
}

func (b *book) order(id string) (entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.byOrder[id]; ok {
		return *e, true
	}
	return entry{}, false
}

// Total is the number and the sum of payments in a state.
type Total struct {
	Count  int   `json:"count"`
	Amount int64 `json:"amount"`
}

func (b *book) totals() map[payment.State]Total {
	b.mu.Lock()
	defer b.mu.Unlock()
	totals := map[payment.State]Total{}
	for _, e := range b.byRef {
		t := totals[e.State]
		totals[e.State] = Total{t.Count + 1, t.Amount + e.Amount}
	}
	return totals
}
