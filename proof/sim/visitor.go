package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// visitor is a fan with their gateway: they join, ask for their pass until they have it, and
// sometimes come again.
type visitor struct {
	*fan
	a      *admission
	lane   string
	region string
	place  wire.Place
}

func (a *admission) visitor() {
	p := a.process("visitor")
	lanes := wire.Lanes()
	v := &visitor{fan: &fan{process: p, Rand: rand.New(rand.NewPCG(a.cfg.Seed, uint64(p.id))), id: a.id("f_")}, a: a,
		lane: lanes[a.IntN(len(lanes))], region: regionNames()[a.IntN(2)]}
	a.visits++
	go func() {
		v.visit()
		p.submit("visitor", "leaves", func() { a.visits-- })
	}()
}

// visit is over when they have had a pass as often as they want, or never will.
func (v *visitor) visit() {
	if !v.sleep(between(v.Rand, 0, 40*time.Second)) || !v.join() {
		return
	}
	for passes := 1 + v.IntN(2); ; {
		if !v.sleep(between(v.Rand, 100*time.Millisecond, 4*time.Second)) {
			return
		}
		reply, err := request[wire.RedeemReply](v, wire.ActRedeem, wire.RedeemRequest{Place: v.place})
		if err != nil || reply.Problem != nil && reply.Problem.Code == wire.CodeUnavailable {
			continue
		}
		switch {
		case reply.Pass != "":
			if passes--; passes <= 0 {
				return
			}
			if !v.sleep(time.Until(reply.Expires) + time.Second) {
				return
			}
		case reply.Problem.Code == wire.CodeJoinAgain:
			if !v.again() {
				return
			}
		case reply.Problem.Code == wire.CodeRevoked:
			return
		case reply.Problem.Code == wire.CodeGone && v.Float64() < 0.1:
			return
		}
	}
}

// join asks for a place until it has one.
func (v *visitor) join() bool {
	for {
		ctx, cancel := context.WithTimeout(v.ctx, askTimeout)
		place, err := ask(ctx, v.process, askTimeout, "queue", "joins", func() (wire.Place, error) { return v.a.join(v) })
		cancel()
		if err == nil {
			v.place = place
			return true
		}
		if !v.sleep(time.Second) {
			return false
		}
	}
}

// again joins for the turn that the admitter says.
func (v *visitor) again() bool {
	for {
		stand, err := request[wire.StandReply](v, wire.ActStand, wire.StandRequest{Place: v.place})
		if err == nil && stand.Problem == nil {
			v.place.Turn = stand.Turn
			return v.join()
		}
		if err == nil && stand.Problem.Code == wire.CodeRevoked || !v.sleep(time.Second) {
			return false
		}
	}
}

func request[T any](v *visitor, act string, req any) (reply T, err error) {
	raw, err := json.Marshal(req)
	if err != nil {
		return reply, err
	}
	ctx, cancel := context.WithTimeout(v.ctx, askTimeout)
	defer cancel()
	answer, err := busOf{v.process}.Request(ctx, wire.PassesSubject(eventID, act), raw)
	if err == nil {
		err = json.Unmarshal(answer, &reply)
	}
	return reply, err
}

// join is a region's queue taking a fan in: create-only, as the gateway's.
func (a *admission) join(v *visitor) (wire.Place, error) {
	bucket, key := wire.QueueBucket(eventID, v.lane), wire.TurnKey(v.id, v.place.Turn)
	m, now := a.regions[v.region], time.Now().UTC()
	raw, err := json.Marshal(wire.PlaceRecord{Fan: v.id, Turn: v.place.Turn, At: now})
	if err != nil {
		return wire.Place{}, err
	}
	_, err = m.Publish(context.Background(), []kv.Msg{{Subject: wire.KVSubject(bucket, key), Data: raw, Expect: kv.Absent()}})
	if err != nil && !errors.Is(err, kv.ErrConflict) {
		return wire.Place{}, err
	}
	e, err := m.Get(context.Background(), wire.KVStream(bucket), kv.Query{Subject: wire.KVSubject(bucket, key)})
	if err != nil {
		return wire.Place{}, fmt.Errorf("after a join: %w", err)
	}
	place := wire.Place{Event: eventID, Lane: v.lane, Region: v.region, Number: uint64(e.Revision), Fan: v.id, Turn: v.place.Turn, At: now.Add(-longAgo)}
	a.seen.joined(place, e.Created)
	return place, nil
}

// longAgo is by how much receipts say that places are older, so that no admitter doubts which
// life of its queue one is of: those who do ask again at once, in no order.
const longAgo = 20 * time.Second
