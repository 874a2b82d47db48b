package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"frontrow/inventory/seating"
	"frontrow/plan"
	"frontrow/proof/bench/report"
	"frontrow/wire"
)

const (
	bestSearches = 20_000
	bestCount    = 4
)

// benchBest is the row "best available": the engine's search for four together
// among 80,000 seats of which a share is sold, against one that looks at every
// place where four could sit.
func benchBest(ctx context.Context, b *bench) error {
	p, err := plan.Generate(plan.Spec{Kind: plan.Arena, Seats: b.seats})
	if err != nil {
		return err
	}
	index := plan.NewIndex(p)
	for _, sold := range []float64{0, 0.5, 0.8} {
		hall, err := newBestHall(index, sold)
		if err != nil {
			return err
		}
		ours := side{name: "frontrow", prepare: func(context.Context, int) (operation, int, error) {
			return func(context.Context, int) error { return hall.search() }, bestSearches, nil
		}}
		classic := side{name: fmt.Sprintf("a scan of all seats, %.0f %% sold", 100*sold), prepare: func(context.Context, int) (operation, int, error) {
			return func(context.Context, int) error { return hall.scan() }, bestSearches, nil
		}}
		if err := b.compare(ctx, report.Result{Mode: "-", Unit: "/s", Callers: 1,
			Note: fmt.Sprintf("%d together of %d seats, %.0f %% sold: search and hold in the engine, then given back, against a scan of every place for %d", bestCount, index.Len(), 100*sold, bestCount)},
			ours, classic); err != nil {
			return err
		}
	}
	return nil
}

// bestHall is an engine with some seats sold, and the same seats as a naive
// program would keep them.
type bestHall struct {
	engine *seating.Engine
	index  *plan.Index
	now    time.Time
	holds  int

	free []bool
	cost []float64 // of each seat: its distance to the focal point; infinite if nobody may choose it
}

func newBestHall(index *plan.Index, sold float64) (*bestHall, error) {
	spec := wire.Spec{ID: "best", Currency: "EUR", Limits: wire.Limits{PerFan: wire.MaxPerFan}}
	for i, c := range index.Plan().CategoryNames() {
		spec.Levels = append(spec.Levels, wire.Level{ID: fmt.Sprint("level-", i), Categories: []string{c}})
	}
	h := &bestHall{index: index, free: make([]bool, index.Len()), cost: make([]float64, index.Len()), now: time.Now()}
	focus := index.Plan().Focus
	for i := range h.cost {
		s := index.Seat(i)
		if h.cost[i] = math.Hypot(s.X-focus.X, s.Y-focus.Y); s.Kind != plan.Standard {
			h.cost[i] = math.Inf(1)
		}
	}
	h.engine = seating.NewEngine(wire.Event{State: wire.EventOpen, Spec: spec.WithDefaults()}, index)
	for _, l := range spec.Levels {
		h.engine.SetPrice(l.ID, wire.Price{Version: 1})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range h.free {
		if h.free[i] = rnd.Float64() >= sold; h.free[i] || index.Seat(i).Kind != plan.Standard {
			continue
		}
		hold := wire.NewHold()
		if p := h.engine.Confirm(wire.ConfirmRequest{Hold: hold, Order: wire.OrderOfHold(hold), Fan: wire.NewFan(),
			Seats: []wire.SeatQuote{{ID: index.ID(i)}}}, h.now); p != nil {
			return nil, p
		}
		h.engine.Take()
	}
	return h, nil
}

func (h *bestHall) search() error {
	h.holds++
	hold, fan := fmt.Sprint("h_", h.holds), fmt.Sprint("f_", h.holds)
	r := h.engine.Hold(wire.HoldRequest{Hold: hold, Claims: wire.Claims{Fan: fan, Limit: 6, Expires: h.now.Add(time.Hour)}, Best: &wire.Best{Count: bestCount}}, h.now)
	if r.Problem != nil {
		return r.Problem
	}
	p := h.engine.Release(wire.ReleaseRequest{Hold: hold, Fan: fan}, h.now)
	h.engine.Take()
	if p != nil {
		return p
	}
	return nil
}

// scan finds the four adjacent free seats nearest to the focal point.
func (h *bestHall) scan() error {
	best, found := math.Inf(1), -1
	for _, block := range h.index.Blocks() {
	starts:
		for i := block.Start; i+bestCount <= block.Start+block.Len; i++ {
			score := 0.0
			for k := i; k < i+bestCount; k++ {
				if !h.free[k] {
					continue starts
				}
				score += h.cost[k]
			}
			if score < best {
				best, found = score, i
			}
		}
	}
	if found < 0 {
		return fmt.Errorf("the scan found no %d together", bestCount)
	}
	return nil
}
