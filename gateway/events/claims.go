package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// maxClaimed bounds the used codes that are remembered.
const maxClaimed = 1 << 17

// Claims are the access codes of an event that were used in this region.
type Claims struct {
	bucket  *kv.Bucket
	spoiled *records.Spoiled
	writes  *kv.Committer
	known   *lru.Cache[string, string] // fan by code: a claim never changes
	flight  singleflight.Group         // by code and fan
}

// newClaims returns an event's Claims. None is stored before run runs.
func newClaims(cfg Config, spoiled *records.Spoiled, event string) *Claims {
	bucket := kv.Open(cfg.JetStream, wire.CodesBucket(event))
	known, _ := lru.New[string, string](maxClaimed) // fails on no room alone
	return &Claims{bucket: bucket, spoiled: spoiled, known: known,
		writes: kv.NewCommitter(kv.CommitterConfig{Stream: &bucket.Stream, Registerer: cfg.Registerer})}
}

// run stores claims until ctx ends.
func (c *Claims) run(ctx context.Context) error { return c.writes.Run(ctx) }

// Claim uses a code for a fan, by a create-only record. It returns nil if the code is
// theirs, now or already. A claim that a crash leaves is theirs too when they come back.
func (c *Claims) Claim(ctx context.Context, code string, by wire.CodeClaim) error {
	fan, ok := c.known.Get(code)
	if !ok {
		v, err, _ := c.flight.Do(code+" "+by.Fan, func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), joinTimeout)
			defer cancel()
			return c.create(ctx, code, by)
		})
		if err != nil {
			return err
		}
		fan = v.(string)
		c.known.Add(code, fan)
	}
	if fan != by.Fan {
		return wire.Refuse(wire.CodeCodeUsed, "This access code has already been used. If that was you, continue in the browser where you used it: its waiting room lets you carry your place to this one.")
	}
	return nil
}

// create returns the fan who owns the code in the end.
func (c *Claims) create(ctx context.Context, code string, by wire.CodeClaim) (string, error) {
	value, err := json.Marshal(by)
	if err != nil {
		return "", err
	}
	for range joinAttempts {
		_, err := c.writes.Do(ctx, kv.Write{Key: wire.CodeKey(code), Value: value, Expect: kv.Absent()})
		if err == nil {
			failpoint.Here(failpoint.CodeClaimed)
			return by.Fan, nil
		}
		if !errors.Is(err, kv.ErrConflict) && !errors.Is(err, kv.ErrUnknown) {
			break
		}
		e, err := c.bucket.Get(ctx, wire.CodeKey(code))
		if errors.Is(err, kv.ErrNotFound) {
			continue // the write in flight has failed
		}
		if err != nil {
			break
		}
		first, err := records.Read[wire.CodeClaim](c.spoiled, c.bucket.Name(), e)
		if err != nil {
			return "", fmt.Errorf("claim at %d of %s: %w", e.Revision, c.bucket.Name(), err)
		}
		return first.Fan, nil
	}
	return "", wire.Busy("Access codes can't be used right now. Nothing is lost: please try again.")
}
