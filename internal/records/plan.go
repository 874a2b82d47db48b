package records

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// planTimeout bounds one attempt to read a plan.
const planTimeout = 30 * time.Second

// Plan reads the seating plan that PLANS has under digest, and returns it decoded and as
// stored. The error is kv.ErrNotFound if this server has none, which may change; a
// *wire.Spoiled, with a sentence for Why, if what is there is no plan or another one; else
// a read error.
func Plan(ctx context.Context, js jetstream.JetStream, digest string) (*plan.Plan, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	raw, err := object(ctx, js, digest)
	if err != nil {
		return nil, nil, fmt.Errorf("plan %s: %w", digest, err)
	}
	p, err := plan.Decode(raw)
	if err != nil {
		return nil, nil, &wire.Spoiled{Kind: wire.SpoiledOther, Why: "The plan is not right: " + err.Error()}
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != digest { // it may be encoded differently
		if got := plan.Digest(p); got != digest {
			return nil, nil, &wire.Spoiled{Kind: wire.SpoiledOther, Why: fmt.Sprintf("The object named %q is the plan %s.", digest, got)}
		}
	}
	return p, raw, nil
}

func object(ctx context.Context, js jetstream.JetStream, name string) ([]byte, error) {
	if name == "" {
		return nil, kv.ErrNotFound
	}
	store, err := js.ObjectStore(ctx, wire.PlansObjects)
	if err != nil {
		return nil, fmt.Errorf("object store %s: %w", wire.PlansObjects, err)
	}
	found, err := store.Get(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, kv.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	info, err := found.Info()
	if err != nil {
		return nil, err
	}
	if info.Size > plan.MaxPlanBytes {
		return nil, &wire.Spoiled{Kind: wire.SpoiledOther, Why: fmt.Sprintf("The plan has %d bytes, more than %d.", info.Size, plan.MaxPlanBytes)}
	}
	return io.ReadAll(io.LimitReader(found, plan.MaxPlanBytes+1))
}
