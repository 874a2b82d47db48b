package sim

import (
	"context"
	"time"

	"frontrow/internal/leader"
	"frontrow/internal/records"
	"frontrow/inventory/checkout"
	"frontrow/inventory/writer"
	"frontrow/wire"
)

// worker starts a process that contends for the event's seats, as package inventory
// assembles it.
func (w *world) worker() {
	p := w.process("worker")
	w.workers = append(w.workers, p)
	spoiled := records.NewSpoiled(w.logger, nil)
	lead, err := leader.New(leader.Config{Store: storeOf{p}, Role: wire.RoleWriter, Holder: p.name, TTL: w.ttl, Prices: true, Spoiled: spoiled, Logger: w.logger})
	if err != nil {
		panic(err) // the config is complete
	}
	seats, err := writer.New(writer.Config{Store: w.buggy(storeOf{p}), Bus: busOf{p}, Ledger: ledgerOf{p}, Name: p.name, Queue: maxWaiting, Logger: w.logger})
	if err != nil {
		panic(err)
	}
	contend := func(ctx context.Context, e *leader.Event) error {
		of := writer.NewEvent(e.ID, w.index, e)
		return lead.Lead(ctx, e.ID, func(ctx context.Context, n uint64) error {
			ctx, done := p.late(ctx)
			defer done()
			p.submit("writer", "begins a term", func() { w.counts.Terms++ })
			return seats.Run(ctx, of, n)
		})
	}
	go func() {
		err := lead.Run(p.ctx, contend)
		p.submit("worker", "ends", func() {
			w.note("%s ends: %v", p.name, err)
			p.kill()
			w.after(time.Second, "world", "starts another", w.worker)
		})
	}()
}

// till is a process that takes payments, as package checkout has it.
type till struct {
	*process
	checkout *checkout.Checkout
}

func (w *world) till() {
	p := w.process("checkout")
	c, err := checkout.New(checkout.Config{Bus: busOf{p}, Store: storeOf{p}, Orders: ordersOf{p}, Ledger: ledgerOf{p}, Outbox: ledgerOf{p}, Parking: ledgerOf{p},
		Provider: providerOf{p}, Logger: w.logger})
	if err != nil {
		panic(err) // the config is complete
	}
	w.checkouts = append(w.checkouts, &till{p, c})
	go func() {
		err := c.Run(p.ctx)
		p.submit("checkout", "ends", func() {
			w.violate("liveness", "%s ends: %v", p.name, err)
		})
	}()
}

// chaos kills, suspends and cuts off processes, changes prices, and takes the ledger and
// the provider away for a while, until the faults end.
func (w *world) chaos() {
	w.after(w.between(0, 16*time.Second), "chaos", "strikes", func() {
		if !w.faulty() {
			return
		}
		w.chaos()
		now := time.Now()
		switch w.IntN(10) {
		case 0, 1:
			w.replace(w.victim(), w.worker)
			w.counts.WriterCrashes++
		case 2, 3:
			p := w.victim()
			p.asleep = now.Add(w.between(0, 2*w.ttl))
			w.counts.Suspended++
			w.note("%s is suspended until %v", p.name, p.asleep)
		case 4:
			w.ledgerAway = now.Add(w.between(0, 20*time.Second))
		case 5:
			w.provider.away = now.Add(w.between(0, 40*time.Second))
		case 6:
			// A request that is later than its hold stands may be granted twice, which its fan
			// may not hear of: where that can be, prices stay as they are.
			if time.Duration(w.event.Spec.Hold.TTL) > maxLate {
				w.reprice("a")
			}
		case 7:
			p := w.checkouts[w.IntN(len(w.checkouts))].process
			if w.chance(0.3) {
				p.asleep = now.Add(w.between(0, 20*time.Second))
				w.note("%s is suspended until %v", p.name, p.asleep)
				return
			}
			w.replace(p, w.till)
			w.counts.Deaths++
		case 9:
			w.refund()
		case 8:
			p := w.victim()
			p.cut = now.Add(w.between(0, 2*w.ttl))
			w.counts.Cut++
			w.note("%s is cut off until %v", p.name, p.cut)
		}
	})
}

// victim is a worker, mostly the writer.
func (w *world) victim() *process {
	if subs := w.net.listening(wire.SeatsSubject(eventID, wire.ActHold)); len(subs) > 0 && w.chance(0.8) {
		return subs[w.IntN(len(subs))].p
	}
	return w.workers[w.IntN(len(w.workers))]
}

// replace kills a process, and has another one start in its place some time later.
func (w *world) replace(p *process, start func()) {
	w.note("%s is killed", p.name)
	p.kill()
	live := w.workers[:0]
	for _, one := range w.workers {
		if one != p {
			live = append(live, one)
		}
	}
	w.workers = live
	tills := w.checkouts[:0]
	for _, one := range w.checkouts {
		if one.process != p {
			tills = append(tills, one)
		}
	}
	w.checkouts = tills
	delay := w.between(0, 5*time.Second)
	if len(w.workers) == 0 || len(w.checkouts) == 0 {
		delay = 0
		start()
		return
	}
	w.after(delay, "world", "starts another", start)
}
