package sim

import (
	"bytes"
	"context"
	"strings"

	"frontrow/kv"
	"frontrow/wire"
)

// Bugs are mistakes that somebody could make, seeded at the seams of production code: a
// store, a ledger or a provider that does not keep its promise has the effect of code that
// does not rely on it.
type Bugs struct {
	NoFence        bool // the store drops fences: a batch doesn't expect the guard
	AnswerEarly    bool // flushes are acknowledged before they are stored
	GiveUpBlindly  bool // the ledger says that an order is given up, and lets it go on
	NoSeatCheck    bool // Commit looks neither at bookings nor at fences
	CaptureEarly   bool // money is taken as soon as it is authorised
	ParkNowhere    bool // an order that waits for its fan is kept nowhere
	NoVoid         bool // a failed order leaves its authorisation alone
	RefundAnew     bool // each attempt at a refund has a key of its own
	RefuseUnfenced bool // what stores nothing is answered without asking whether somebody else is writer
}

// Harsh is a world in which an assumption of the purchase path doesn't hold; see the
// package comment for what follows.
type Harsh struct {
	LateAuthorises bool // a request to the provider may arrive after more than an hour
}

// unfenced are msgs without the fences of others' records.
func unfenced(msgs []kv.Msg) []kv.Msg {
	for i, m := range msgs {
		if subject, _, conditional := m.Condition(); conditional && subject != m.Subject {
			msgs[i].Expect = kv.Expect{}
		}
	}
	return msgs
}

// buggy is the store of a writer with the bugs of this run.
func (w *world) buggy(s storeOf) kv.Store {
	if w.cfg.Bugs == (Bugs{}) {
		return s
	}
	return buggyStore{s, w.cfg.Bugs}
}

type buggyStore struct {
	storeOf
	bugs Bugs
}

// Publish implements kv.Store, badly.
func (s buggyStore) Publish(ctx context.Context, msgs []kv.Msg) (kv.Ack, error) {
	key := strings.TrimPrefix(msgs[len(msgs)-1].Subject, wire.KVSubject(wire.SeatsBucket(eventID), ""))
	stream := wire.KVStream(wire.SeatsBucket(eventID))
	switch {
	case s.bugs.RefuseUnfenced && key == wire.VouchKey:
		return kv.Ack{Stream: stream, Last: s.w.memory.Last(stream) + 1, Count: 1}, nil
	case s.bugs.AnswerEarly && strings.HasPrefix(key, wire.LogPrefix):
		last := s.w.memory.Last(stream) + kv.Revision(len(msgs))
		own := make([]kv.Msg, len(msgs))
		for i, m := range msgs {
			own[i] = m
			own[i].Data = bytes.Clone(m.Data)
		}
		s.tell("store", key, func() { _, _ = s.w.publish(s.process, own) })
		return kv.Ack{Stream: stream, Last: last, Count: len(msgs)}, nil
	}
	return s.storeOf.Publish(ctx, msgs)
}
