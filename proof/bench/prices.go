package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"frontrow/admission"
	"frontrow/gateway"
	"frontrow/gateway/abuse"
	"frontrow/gateway/client"
	"frontrow/keyring"
	"frontrow/pricing"
	"frontrow/pricing/rules"
	"frontrow/proof/bench/report"
	"frontrow/wire"

	"github.com/coder/websocket"
)

const (
	pricedLevels   = 10_000
	decisions      = 20 // of a round
	pricedSockets  = 2000
	priceStep      = 100
	priceIntervals = 2 * time.Minute // by the pricer's clock, between two changes
)

// benchPrices is the row "prices": what many levels cost is decided, and what one costs is
// changed until the last of those who look has seen it.
func benchPrices(ctx context.Context, b *bench) error {
	if err := b.benchDecide(ctx); err != nil {
		return err
	}
	return b.benchShown(ctx)
}

// benchDecide measures one decision about all levels of an event, every one of which moves.
func (b *bench) benchDecide(ctx context.Context) error {
	now := time.Now().UTC()
	opens := now.Add(-50 * time.Hour)
	r := wire.PriceRules{OpensAt: opens, EndsAt: now.Add(50 * time.Hour), Currency: "EUR", Pricing: wire.PricingSpec{Mode: wire.PricingDemand,
		Every: wire.Duration(2 * time.Minute), Weights: wire.PricingWeights{Sales: 100, Pace: 100, Queue: 100, Lapsed: 100, Supply: 100, Time: 100}}}
	seen := wire.Signals{Stock: map[string]wire.StockSignal{}, Sales: map[string]wire.SalesSignal{}, Queue: &wire.QueueSignal{Waiting: 100_000, Called: 10_000, Bought: 9000, Unsold: 40_000}}
	for i := range pricedLevels {
		id := fmt.Sprint("level-", i)
		r.Levels = append(r.Levels, wire.PriceLevel{ID: id, Amounts: wire.NewAmounts(9500, 950, 300)})
		r.Pricing.Rails = append(r.Pricing.Rails, wire.Rails{Level: id, Floor: 8000, Ceiling: 20_000, Step: 500, Direction: wire.PriceBoth, CoolDown: r.Pricing.Every})
		seen.Stock[id] = wire.StockSignal{Places: 1000, Sold: int64(500 + i%500)}
		seen.Sales[id] = wire.SalesSignal{Window: wire.Duration(30 * time.Minute), Bought: int64(i % 50), Lapsed: int64(i % 7)}
	}
	before, _ := rules.Decide(r, nil, wire.Signals{}, opens.Add(-time.Hour))
	b.meter = startMeter()
	var rounds []report.Sample
	for range b.rounds {
		began, cpu := time.Now(), selfSeconds()
		for range decisions {
			if _, changed := rules.Decide(r, before, seen, now); !changed {
				return fmt.Errorf("no price of %d has moved", len(r.Levels))
			}
		}
		each := float64(time.Since(began).Milliseconds()) / decisions
		rounds = append(rounds, report.Sample{Rate: each, CPU: 1e6 * (selfSeconds() - cpu) / decisions, N: decisions})
	}
	b.report(report.Result{Mode: "-", Unit: "ms", Callers: 1, Note: fmt.Sprintf("all factors of %d levels, all of which move: the new prices with their reasons", pricedLevels)},
		[][]report.Sample{rounds})
	return ctx.Err()
}

// benchShown measures the way of a price from an operator's request, through the log of
// prices, PRICES and the board, to the last of many sockets.
func (b *bench) benchShown(ctx context.Context) error {
	region, err := b.startRegion(ctx, smallest)
	if err != nil {
		return err
	}
	var ahead atomic.Int64 // of the pricer's clock
	url, err := region.showPrices(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	if err != nil {
		return err
	}
	const event, level = "prices", "level-0"
	if err := region.stageMoving(ctx, event, level); err != nil {
		return err
	}
	if err := region.until(ctx, func() error { return readBoard(ctx, "http://"+url, event) }); err != nil {
		return err
	}
	all := b.few(pricedSockets)
	eyes, err := watchPrices(ctx, fmt.Sprintf("ws://%s/v1/events/%s/live", url, event), all)
	if err != nil {
		return err
	}
	b.meter = startMeter()
	var rounds []report.Sample
	spec := region.event(event).Spec
	total := spec.Opening(spec.Levels[0]).Total
	for range b.rounds {
		total += priceStep
		ahead.Add(int64(priceIntervals))
		seen, began, cpu := eyes.await(total), time.Now(), ourSeconds()
		if err := region.setPrice(ctx, event, level, total); err != nil {
			return err
		}
		select {
		case <-seen:
		case <-time.After(patience):
			return fmt.Errorf("not all of %d sockets have seen the price of %d", all, total)
		case <-region.failed.Done():
			return context.Cause(region.failed)
		}
		rounds = append(rounds, report.Sample{Rate: time.Since(began).Seconds(), CPU: 1e6 * (ourSeconds() - cpu) / float64(all), N: all})
	}
	b.report(report.Result{Row: "prices shown", Unit: "s", Callers: all, Note: fmt.Sprintf("an operator sets a price: logged, in PRICES, on the board and read from the last of %d sockets in the same process", all)},
		[][]report.Sample{rounds})
	return nil
}

// showPrices runs what a price passes through, and returns the gateway's address.
func (r *region) showPrices(clock func() time.Time) (addr string, err error) {
	keys := keyring.New()
	nc, err := r.connect()
	if err != nil {
		return "", err
	}
	p, err := pricing.New(pricing.Config{NATS: nc, Name: "bench", Now: clock})
	if err != nil {
		return "", err
	}
	r.background("pricing", p.Run)
	if nc, err = r.connect(); err != nil {
		return "", err
	}
	a, err := admission.New(admission.Config{NATS: nc, Keys: keys, Name: "bench"})
	if err != nil {
		return "", err
	}
	r.background("admission", a.Run)
	if nc, err = r.connect(); err != nil {
		return "", err
	}
	g, err := gateway.New(gateway.Config{Addr: "127.0.0.1:0", NATS: nc, Keys: keys, Defences: abuse.Config{Exempt: client.Loopback()}})
	if err != nil {
		return "", err
	}
	r.background("gateway", g.Run)
	return g.Addr(), nil
}

// stageMoving puts an event up, one level of which has a price that moves.
func (r *region) stageMoving(ctx context.Context, id, level string) error {
	if err := r.stage(ctx, id); err != nil {
		return err
	}
	event := r.event(id)
	s := &event.Spec
	s.OpensAt, s.SaleEndsAt = time.Now().Add(-time.Hour).UTC(), time.Now().Add(1000*time.Hour).UTC()
	s.Pricing = wire.PricingSpec{Mode: wire.PricingDemand, Every: wire.Duration(time.Minute), Rails: []wire.Rails{{Level: level, Ceiling: 100_000, Step: priceStep}}}
	event.Spec = s.WithDefaults()
	return r.put(ctx, wire.EventsBucket, id, event)
}

// setPrice does what an operator does with nats req, as soon as somebody answers.
func (r *region) setPrice(ctx context.Context, event, level string, total int64) error {
	raw, err := json.Marshal(wire.PriceRequest{Level: level, Total: &total, Why: "a bench", By: "bench"})
	if err != nil {
		return err
	}
	return r.until(ctx, func() error {
		m, err := r.js.Conn().RequestWithContext(ctx, wire.OperatorSubject(wire.Pricing, wire.PriceActSet, event), raw)
		if err == nil && m.Header.Get("Nats-Service-Error") != "" {
			err = fmt.Errorf("price not set: %s", m.Data)
		}
		return err
	})
}

// eyes are sockets that wait for a price.
type eyes struct {
	mu   sync.Mutex
	want []byte // as a frame has it
	left int
	done chan struct{}
	n    int
	sees map[int]bool // by socket
}

// await returns a channel that is closed when all sockets have seen a total.
func (e *eyes) await(total int64) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.want, e.left, e.done, e.sees = fmt.Appendf(nil, `"from":%d,`, total), e.n, make(chan struct{}), map[int]bool{}
	return e.done
}

func (e *eyes) frame(socket int, raw []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.left == 0 || e.sees[socket] || !bytes.Contains(raw, e.want) {
		return
	}
	e.sees[socket] = true
	if e.left--; e.left == 0 {
		close(e.done)
	}
}

// watchPrices opens so many sockets.
func watchPrices(ctx context.Context, url string, n int) (*eyes, error) {
	e := &eyes{n: n}
	for i := range n {
		ws, err := view(ctx, url)
		if err != nil {
			return nil, err
		}
		go e.look(ctx, i, ws)
	}
	return e, nil
}

func (e *eyes) look(ctx context.Context, socket int, ws *websocket.Conn) {
	for {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			return
		}
		e.frame(socket, raw)
	}
}
