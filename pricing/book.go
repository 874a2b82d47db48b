package pricing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"

	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/pricing/rules"
	"frontrow/wire"
)

// tries bounds how often an act is decided, or a price published, while others write.
const tries = 8

// book is an event's prices as they are stored: the log of acts, which is the truth, and
// PRICES, which follows it.
type book struct {
	event   string
	pricer  string
	acts    *kv.Stream // SALELOG
	prices  *kv.Bucket
	spoiled *records.Spoiled
	logger  *slog.Logger
	changed func(levels int)
}

// last returns the last act and its revision, an act without a number if there is none.
func (b *book) last(ctx context.Context) (act wire.PriceAct, at kv.Revision, err error) {
	e, err := b.acts.Get(ctx, wire.LogSubject(b.event, wire.LogPrices))
	if errors.Is(err, kv.ErrNotFound) {
		return act, 0, nil
	}
	if err != nil {
		return act, 0, err
	}
	act, err = records.Last[wire.PriceAct](ctx, b.spoiled, b.acts, e)
	if kind := wire.SpoiledKind(err); err != nil && (kind == "" || kind == wire.SpoiledNewer) {
		return act, 0, fmt.Errorf("last act on the prices of %s: %w", b.event, err)
	}
	return act, e.Revision, nil
}

// catchUp adopts the prices that PRICES has and the log has lost: it was restored from a
// backup.
func (b *book) catchUp(ctx context.Context, act wire.PriceAct) error {
	last, at, err := b.last(ctx)
	if err == nil {
		_, err = b.adopt(ctx, act, last, at)
	}
	return err
}

// act decides and stores one act, and publishes what it makes of the prices. The act says
// what is to be decided, by which rules. The error is rules.ErrNothing or a *wire.Problem
// if nothing was stored; the prices of the last act are published nevertheless.
func (b *book) act(ctx context.Context, act wire.PriceAct) (wire.PriceAct, error) {
	for try, doubt := 1, false; ; try++ {
		done, err := b.append(ctx, act, doubt)
		doubt = doubt || errors.Is(err, kv.ErrUnknown)
		if err == nil {
			failpoint.Here(failpoint.PricesLogged)
			b.note(done)
			return done, b.publish(ctx)
		}
		if again := errors.Is(err, kv.ErrConflict) || errors.Is(err, kv.ErrUnknown) || errors.Is(err, kv.ErrBusy); !again || try == tries || ctx.Err() != nil {
			return done, err
		}
	}
}

// append stores an act behind the last one. With doubt, it may be the last one: an attempt to
// store it had no answer.
func (b *book) append(ctx context.Context, act wire.PriceAct, doubt bool) (wire.PriceAct, error) {
	last, at, err := b.last(ctx)
	if err != nil {
		return act, err
	}
	if doubt && last.Pricer == b.pricer && last.Kind == act.Kind && last.At.Equal(act.At) && last.By == act.By {
		return last, nil
	}
	if last.N == 0 { // a version without this log may have published prices
		if adopted, err := b.adopt(ctx, act, last, at); err != nil || adopted {
			if err == nil {
				err = kv.ErrConflict // decide on those
			}
			return act, err
		}
	}
	if act, err = rules.Apply(act, last); err != nil {
		return act, err
	}
	if moves(last, act) { // what is seen of PRICES is of this act or the last, never of one before
		if err := b.publishAct(ctx, last); err != nil {
			return act, err
		}
	}
	act.Pricer = b.pricer
	return act, b.store(ctx, act, at)
}

// moves reports whether an act changes prices.
func moves(last, act wire.PriceAct) bool {
	for level, l := range act.Levels {
		if l.Version != last.Levels[level].Version {
			return true
		}
	}
	return false
}

// adopt stores the prices that PRICES has and the log behind its last act has not.
func (b *book) adopt(ctx context.Context, by, last wire.PriceAct, at kv.Revision) (adopted bool, err error) {
	published, err := b.published(ctx, by.Rules)
	if err != nil {
		return false, err
	}
	levels := maps.Clone(last.Levels)
	if levels == nil {
		levels = map[string]wire.LevelPrice{}
	}
	for id, p := range published {
		if was := levels[id]; p.Version > was.Version {
			p.QueueAt, p.Tier, p.Frozen = was.QueueAt, was.Tier, was.Frozen
			levels[id], adopted = p, true
		}
	}
	if !adopted {
		return false, nil
	}
	return true, b.store(ctx, wire.PriceAct{N: last.N + 1, Kind: wire.PriceActAdopt, At: by.At, Pricer: b.pricer, Rules: by.Rules, Levels: levels, Proposal: last.Proposal}, at)
}

func (b *book) store(ctx context.Context, act wire.PriceAct, behind kv.Revision) error {
	value, err := json.Marshal(act)
	if err == nil {
		_, err = b.acts.Update(ctx, wire.LogSubject(b.event, wire.LogPrices), value, behind)
	}
	return err
}

// published returns the prices that PRICES has of the rules' levels.
func (b *book) published(ctx context.Context, r wire.PriceRules) (map[string]wire.LevelPrice, error) {
	all := map[string]wire.LevelPrice{}
	for _, l := range r.Levels {
		e, err := b.prices.Get(ctx, wire.PriceKey(b.event, l.ID))
		if errors.Is(err, kv.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p, err := records.Last[wire.Price](ctx, b.spoiled, &b.prices.Stream, e)
		if kind := wire.SpoiledKind(err); err != nil && (kind == "" || kind == wire.SpoiledNewer) {
			return nil, fmt.Errorf("price %s: %w", e.Key, err)
		}
		if err == nil {
			p.Frozen, p.Proposed = false, nil // of the act, not of the price
			all[l.ID] = wire.LevelPrice{Price: p}
		}
	}
	return all, nil
}

// publish makes PRICES say what the last act says.
func (b *book) publish(ctx context.Context) error {
	last, _, err := b.last(ctx)
	if err != nil {
		return err
	}
	return b.publishAct(ctx, last)
}

func (b *book) publishAct(ctx context.Context, act wire.PriceAct) error {
	for level := range act.Levels {
		if err := b.set(ctx, level, rules.Published(act, level)); err != nil {
			return fmt.Errorf("price of %s: %w", level, err)
		}
	}
	return nil
}

// errBehind means that the log doesn't say what PRICES does.
var errBehind = errors.New("PRICES has a later version than the log")

// set publishes a level's price, if PRICES has an earlier version of it or junk. A later one,
// or something else said of the same, may be of an act that was stored meanwhile.
func (b *book) set(ctx context.Context, level string, p wire.Price) error {
	key := wire.PriceKey(b.event, level)
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		e, err := b.prices.Get(ctx, key)
		if err == nil {
			now, junk := records.Read[wire.Price](b.spoiled, b.prices.Name(), e)
			switch {
			case string(e.Value) == string(value):
				return nil
			case wire.SpoiledKind(junk) == wire.SpoiledNewer:
				return junk
			case junk == nil && now.Version >= p.Version:
				if p, err = b.later(ctx, level, now.Version); err != nil {
					return err
				}
				if value, err = json.Marshal(p); err != nil || string(e.Value) == string(value) {
					return err
				}
			}
		} else if !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		if _, err = b.prices.Update(ctx, key, value, e.Revision); err == nil {
			b.spoiled.Note(b.prices.Name(), key, "")
			return nil
		}
		if !errors.Is(err, kv.ErrConflict) || try == tries {
			return err
		}
	}
}

// later returns the price of a level by the last act, if that has this version of it or a later one.
func (b *book) later(ctx context.Context, level string, version int64) (wire.Price, error) {
	last, _, err := b.last(ctx)
	if err == nil && last.Levels[level].Version < version {
		err = errBehind
	}
	return rules.Published(last, level), err
}

// note logs the prices that an act changed.
func (b *book) note(act wire.PriceAct) {
	changes := 0
	for level, l := range act.Levels {
		if l.At.Equal(act.At) {
			changes++
			b.logger.Info("price changed", "event", b.event, "level", level, "total", l.Total, "version", l.Version, "why", l.Why)
		}
	}
	b.changed(changes)
}
