package evidence

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

// Bounds: at most batch records every pause, which is 1,000 a second.
const (
	queue   = 4096
	batch   = 250
	pause   = 250 * time.Millisecond
	timeout = 5 * time.Second
	tries   = 3
)

// Log is the queue and who empties it.
type Log struct {
	nc    *nats.Conn
	log   *slog.Logger
	queue chan kv.Msg
	shed  prometheus.Counter
}

// New makes a log that writes once Run is called.
func New(nc *nats.Conn, log *slog.Logger, reg prometheus.Registerer) *Log {
	return &Log{nc: nc, log: log, queue: make(chan kv.Msg, queue), shed: promauto.With(reg).NewCounter(prometheus.CounterOpts{
		Name: "frontrow_gateway_risk_acts_shed_total", Help: "Records of the risk log that were dropped: too many, or not storable."})}
}

// Add records an act. It returns at once.
func (l *Log) Add(event string, act wire.RiskAct) {
	raw, _ := json.Marshal(act) // strings, a number, a time: can't fail
	select {
	case l.queue <- kv.Msg{Subject: wire.LogSubject(event, wire.LogRisk), Data: raw}:
	default:
		l.shed.Inc()
	}
}

// Run writes until ctx ends.
func (l *Log) Run(ctx context.Context) error {
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
		case <-time.After(pause):
		}
	}
}

// next waits for one record and takes what else is there.
func (l *Log) next(ctx context.Context) (msgs []kv.Msg, ok bool) {
	select {
	case <-ctx.Done():
		return nil, false
	case m := <-l.queue:
		msgs = append(msgs, m)
	}
	for len(msgs) < batch {
		select {
		case m := <-l.queue:
			msgs = append(msgs, m)
		default:
			return msgs, true
		}
	}
	return msgs, true
}

// write stores a batch. It is repeated only if nothing of it was stored.
func (l *Log) write(ctx context.Context, msgs []kv.Msg) (err error) {
	for range tries {
		var one context.Context
		one, cancel := context.WithTimeout(ctx, timeout)
		_, err = kv.Publish(one, l.nc, msgs)
		cancel()
		if !errors.Is(err, kv.ErrBusy) {
			return err
		}
	}
	return err
}
