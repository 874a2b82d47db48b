package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"frontrow/internal/streams"
	"frontrow/proof/bench/report"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of an atomic batch (ADR-50 of NATS).
const (
	batchID       = "Nats-Batch-Id"
	batchSequence = "Nats-Batch-Sequence"
	batchCommit   = "Nats-Batch-Commit"
)

// heldEvents begins the names of the writer's events.
const heldEvents = "held"

// rawFlights is how many batches are in flight, so that the server never waits for one.
const rawFlights = 4

// benchCeiling is the row "ceiling": how near does the writer come to what the server can
// store? Whatever its flushes have put into the stream of an event is published again, to
// the stream of another, by a publisher that decides nothing and expects nothing.
func benchCeiling(ctx context.Context, b *bench) error {
	region, gateways, err := b.openSeats(ctx, b.seats)
	if err != nil {
		return err
	}
	w := &written{region: region}
	ours := region.side(heldEvents, func(ctx context.Context, event string) (operation, int, error) {
		if err := region.opened(ctx, gateways[0], event); err != nil {
			return nil, 0, err
		}
		do, n := region.holding(gateways, event)
		return func(ctx context.Context, i int) error {
			w.holds.Add(1)
			return do(ctx, i)
		}, n, w.begin(ctx, event)
	})
	js, err := region.jetStream()
	if err != nil {
		return err
	}
	bases := []side{
		{name: "the same batches, published raw, one in flight", callers: 1, prepare: w.again("lone", js, sendBatch)},
		{name: fmt.Sprintf("the same batches, published raw, %d in flight", rawFlights), callers: rawFlights, prepare: w.again("four", js, sendBatch)},
		{name: "the same records, published raw, each by itself", callers: rawFlights, prepare: w.again("each", js, sendEach)},
	}
	figures, err := b.alternate(ctx, b.rounds, load{callers: holdCallers, limit: b.limit}, append([]side{ours}, bases...)...)
	if err != nil {
		return err
	}
	for k := range bases {
		for round := range figures[k+1] { // what is published stands for as many holds as had made it
			s, holds := &figures[k+1][round], w.perBatch[round]
			s.Rate, s.CPU, s.N = s.Rate*holds, s.CPU/holds, int(float64(s.N)*holds)
		}
	}
	b.report(report.Result{Unit: "holds/s", Callers: holdCallers,
		Note: fmt.Sprintf("holds as in the row above; in the last round a flush was of %.0f holds and %.0f kB; the baseline stores the same messages under as many subjects of a stream with the same settings, without conditions; its latency is a batch's", w.perBatch[b.rounds-1], w.batchKB)},
		figures, bases...)
	return nil
}

// written is what a writer has stored for the event of a round.
type written struct {
	region   *region
	event    string
	opened   uint64 // the last message before the round
	holds    atomic.Int64
	perBatch []float64 // holds, by round
	batchKB  float64
}

// begin notes that a round begins.
func (w *written) begin(ctx context.Context, event string) error {
	s, err := w.region.js.Stream(ctx, wire.KVStream(wire.SeatsBucket(event)))
	if err != nil {
		return err
	}
	w.event, w.opened = event, s.CachedInfo().State.LastSeq
	w.holds.Store(0)
	return nil
}

// send publishes the messages of a batch and waits until all are stored.
type send func(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) error

// again prepares the rounds of a baseline: in each, what the writer stored in its own is
// sent to the stream of another event, whose name is as long.
func (w *written) again(name string, js jetstream.JetStream, send send) func(context.Context, int) (operation, int, error) {
	return func(ctx context.Context, round int) (operation, int, error) {
		event := strings.Replace(w.event, heldEvents, name, 1)
		if err := streams.CreateForEvent(ctx, js, event, w.region.replicas); err != nil {
			return nil, 0, err
		}
		opening, flushes, err := w.read(ctx, event)
		if err != nil {
			return nil, 0, err
		}
		for _, msgs := range opening {
			if err := sendBatch(ctx, js, msgs); err != nil {
				return nil, 0, err
			}
		}
		if len(w.perBatch) == round {
			w.perBatch = append(w.perBatch, float64(w.holds.Load())/float64(len(flushes)))
		}
		return func(ctx context.Context, i int) error { return send(ctx, js, flushes[i]) }, len(flushes), nil
	}
}

// read returns the batches by which the seats were opened and those of the round, as they
// are sent to another event's stream.
func (w *written) read(ctx context.Context, event string) (opening, flushes [][]*nats.Msg, err error) {
	s, err := w.region.js.Stream(ctx, wire.KVStream(wire.SeatsBucket(w.event)))
	if err != nil {
		return nil, nil, err
	}
	last, bytes := s.CachedInfo().State.LastSeq, 0
	consumer, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, nil, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, nil, err
	}
	defer messages.Stop()
	batch, to := "", &opening
	for seq := uint64(0); seq < last; {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, nil, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, nil, err
		}
		if seq = meta.Sequence.Stream; seq > w.opened && to == &opening {
			batch, to = "", &flushes
		}
		id := m.Headers().Get(batchID)
		if id == "" || id != batch {
			*to = append(*to, nil)
		}
		batch = id
		msg := &nats.Msg{Subject: strings.Replace(m.Subject(), w.event, event, 1), Data: m.Data()}
		(*to)[len(*to)-1] = append((*to)[len(*to)-1], msg)
		if to == &flushes {
			bytes += len(msg.Subject) + len(msg.Data)
		}
	}
	if len(flushes) == 0 {
		return nil, nil, errors.New("the writer has stored nothing")
	}
	w.batchKB = float64(bytes) / 1000 / float64(len(flushes))
	for _, msgs := range slices.Concat(opening, flushes) {
		number(msgs)
	}
	return opening, flushes, nil
}

// number makes one batch of messages; a single one is none.
func number(msgs []*nats.Msg) {
	if len(msgs) == 1 {
		return
	}
	id := wire.NewHold() // any name of its own
	for i, m := range msgs {
		m.Header = nats.Header{batchID: {id}, batchSequence: {strconv.Itoa(i + 1)}}
	}
	msgs[len(msgs)-1].Header[batchCommit] = []string{"1"}
}

func sendBatch(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) error {
	last := len(msgs) - 1
	for _, m := range msgs[:last] {
		if err := js.Conn().PublishMsg(m); err != nil {
			return err
		}
	}
	_, err := js.PublishMsg(ctx, msgs[last])
	return err
}

// sendEach sends messages that belong to no batch.
func sendEach(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) error {
	acks := make([]jetstream.PubAckFuture, len(msgs))
	for i, m := range msgs {
		var err error
		if acks[i], err = js.PublishMsgAsync(&nats.Msg{Subject: m.Subject, Data: m.Data}); err != nil {
			return err
		}
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
