package abuse

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Bounds of the risk log: at most actsBatch records every actsPause, which is 1,000 a second.
const (
	maxActs     = 4096 // that may wait
	actsBatch   = 250
	actsPause   = 250 * time.Millisecond
	actsTimeout = 5 * time.Second
	actsTries   = 3
)

// evidence records in the sale log why arrivals were challenged or slowed down, for
// organisers who must show later what they enforced.
//
//	add ─► queue (bounded; full: shed) ─► a batch, at most one every pause ─► log.<event>.risk
//
// It never makes a fan wait, and an attack can't flood the log through it: what exceeds the
// queue or the pace is counted and dropped. A crash loses what is queued; the place records
// keep score and reasons of everybody who has a place.
type evidence struct {
	nc    *nats.Conn
	log   *slog.Logger
	queue chan kv.Msg
	shed  prometheus.Counter
}

// newEvidence returns an evidence that writes once run is called.
func newEvidence(nc *nats.Conn, log *slog.Logger, reg prometheus.Registerer) *evidence {
	return &evidence{nc: nc, log: log, queue: make(chan kv.Msg, maxActs), shed: promauto.With(reg).NewCounter(prometheus.CounterOpts{
		Name: "frontrow_gateway_risk_acts_shed_total", Help: "Records of the risk log that were dropped: too many, or not storable."})}
}

// add records an act. It returns at once.
func (l *evidence) add(event string, act wire.RiskAct) {
	raw, _ := json.Marshal(act) // strings, a number, a time: can't fail
	select {
	case l.queue <- kv.Msg{Subject: wire.LogSubject(event, wire.LogRisk), Data: raw}:
	default:
		l.shed.Inc()
	}
}

// run writes until ctx ends.
func (l *evidence) run(ctx context.Context) error {
	for {
		msgs, ok := l.next(ctx)
		if !ok {
			return nil
		}
		if err := l.write(ctx, msgs); err != nil && ctx.Err() == nil {
			l.shed.Add(float64(len(msgs)))
			l.log.Warn("risk acts could not be logged", "acts", len(msgs), "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(actsPause):
		}
	}
}

// next waits for one record and takes those queued behind it.
func (l *evidence) next(ctx context.Context) (msgs []kv.Msg, ok bool) {
	select {
	case <-ctx.Done():
		return nil, false
	case m := <-l.queue:
		msgs = append(msgs, m)
	}
	for len(msgs) < actsBatch {
		select {
		case m := <-l.queue:
			msgs = append(msgs, m)
		default:
			return msgs, true
		}
	}
	return msgs, true
}

// write stores a batch. It repeats only a batch of which nothing was stored.
func (l *evidence) write(ctx context.Context, msgs []kv.Msg) (err error) {
	for range actsTries {
		var one context.Context
		one, cancel := context.WithTimeout(ctx, actsTimeout)
		_, err = kv.Publish(one, l.nc, msgs)
		cancel()
		if !errors.Is(err, kv.ErrBusy) {
			return err
		}
	}
	return err
}
