package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"frontrow/pricing/curve"
	"frontrow/pricing/market"
	"frontrow/wire"
)

// Bounds of a simulation.
const (
	MaxLength = 400 * 24 * time.Hour
	shortest  = 10 * time.Second // a step
	mostSteps = 8640             // of those, a day
)

// Config says what is played.
type Config struct {
	Name     string    // of the rules
	Spec     wire.Spec // with its defaults, and valid; the levels are those of the crowd
	Crowd    *Crowd
	Progress func(done, of int) // after each step; nil: nobody looks
}

// Run plays a sale from its opening to the end of the crowd or of the sale. The error is
// ctx's, or says what of the rules and the crowd doesn't fit.
func Run(ctx context.Context, cfg Config) (Result, error) {
	s, err := newSale(cfg)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", cfg.Name, err)
	}
	for n := 0; n <= s.steps; n++ {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		if err := s.play(n); err != nil {
			return Result{}, fmt.Errorf("%s: %w", cfg.Name, err)
		}
		if cfg.Progress != nil {
			cfg.Progress(n, s.steps)
		}
	}
	return s.result(), nil
}

// sale is one under way.
type sale struct {
	Config
	step    time.Duration
	steps   int
	opens   time.Time
	now     time.Time
	levels  []shelf
	cheaper []int // levels by their price at the opening, the dearest first

	next    int       // of the crowd, to come
	queue   []int     // who wait, in order
	inside  int       // who are called and not done
	called  int       // so far
	choose  [][]int   // who do, by step
	ends    [][]*hold // which do, by step
	flush   wire.Flush
	market  market.Market
	pricer  pricer
	curve   *curve.Recorder
	outcome Result
}

// shelf is a level's places.
type shelf struct {
	id     string
	free   []string
	places int
	held   int
	sold   int
}

// hold is what a fan has until it ends, bought or not.
type hold struct {
	fan    int
	level  int
	seats  []string
	quotes []wire.SeatQuote
	bought bool
}

func newSale(cfg Config) (*sale, error) {
	s := &sale{Config: cfg, opens: cfg.Spec.OpensAt, outcome: Result{Name: cfg.Name, Spec: cfg.Spec}}
	end := cfg.Spec.PlannedEnd()
	switch {
	case !s.opens.IsZero():
	case end.IsZero(): // such rules know no opening: any will do
		s.opens = time.Date(2030, 1, 1, 10, 0, 0, 0, time.UTC)
	default: // likewise, if it leaves the sale its time
		s.opens = end.Add(-cfg.Crowd.Length)
	}
	length := cfg.Crowd.Length
	if !end.IsZero() {
		length = min(length, end.Sub(s.opens))
	}
	if length <= 0 || length > MaxLength {
		return nil, fmt.Errorf("%v is no length of a sale: play up to %v", length, MaxLength)
	}
	s.step = max(shortest, (length/mostSteps + time.Second - 1).Truncate(time.Second))
	s.steps = int(length / s.step)
	s.choose, s.ends = make([][]int, s.steps+1), make([][]*hold, s.steps+1)
	places, all := map[string]int64{}, 0
	for i, l := range cfg.Crowd.levels {
		if i >= len(cfg.Spec.Levels) || cfg.Spec.Levels[i].ID != l.ID || len(cfg.Crowd.levels) != len(cfg.Spec.Levels) {
			return nil, errors.New("its levels are not those that the crowd wants")
		}
		shelf := shelf{id: l.ID, places: l.Places}
		for n := l.Places; n > 0; n-- {
			shelf.free = append(shelf.free, fmt.Sprint(l.ID, "-", n))
		}
		s.levels, s.cheaper = append(s.levels, shelf), append(s.cheaper, i)
		places[l.ID], all = int64(l.Places), all+l.Places
	}
	slices.SortStableFunc(s.cheaper, func(a, b int) int {
		return int(cfg.Crowd.levels[b].Opening - cfg.Crowd.levels[a].Opening)
	})
	head := curve.Head{Event: cfg.Spec.ID, Venue: cfg.Spec.Venue, StartsAt: cfg.Spec.StartsAt, OpensAt: s.opens, Places: all, Currency: cfg.Spec.Currency, Every: curve.Every(length)}
	rules := cfg.Spec.PriceRules()
	s.curve = curve.NewRecorder(head, rules.Levels, places, length)
	s.pricer = pricer{rules: rules, tick: time.Duration(cfg.Spec.Admission.Tick), curve: s.curve}
	s.market.Read()
	return s, s.pricer.open(s.opens.Add(-time.Minute))
}

// play is a step: what is due ends, who is called chooses, and all of it is told to those
// who decide the prices.
func (s *sale) play(n int) error {
	after := time.Duration(n) * s.step
	s.now = s.opens.Add(after)
	s.flush = wire.Flush{N: uint64(n + 1), At: s.now}
	for _, h := range s.ends[n] {
		s.end(h)
	}
	s.come(n, after)
	for _, fan := range s.choose[n] {
		s.decide(n, fan)
	}
	s.market.Flush(&s.flush)
	s.curve.Flush(&s.flush)
	s.tell(after)
	return s.pricer.look(s)
}

// come lets fans join, and calls those whom passes are left for.
func (s *sale) come(n int, after time.Duration) {
	c := s.Crowd
	for ; s.next < len(c.fans) && c.fans[s.next].comes <= after; s.next++ {
		s.queue = append(s.queue, s.next)
	}
	room := len(s.queue)
	if a := s.Spec.Admission; c.queues {
		room = min(room, a.Ceiling-s.inside)
		if a.RatePerMinute > 0 {
			room = min(room, int(time.Duration(a.RatePerMinute)*(after+s.step)/time.Minute)-s.called)
		}
	}
	for ; room > 0; room-- {
		fan := s.queue[0]
		s.queue = s.queue[1:]
		s.inside, s.called = s.inside+1, s.called+1
		s.outcome.waited = append(s.outcome.waited, after-c.fans[fan].comes)
		if at := s.when(n, c.fans[fan].chooses); at <= s.steps {
			s.choose[at] = append(s.choose[at], fan)
		}
	}
}

// when is the step that some time from a step is in.
func (s *sale) when(n int, in time.Duration) int { return n + int((in+s.step-1)/s.step) }

// tell publishes counters and board, as writer and admission do.
func (s *sale) tell(after time.Duration) {
	stock := wire.Stock{Flush: s.flush.N, At: s.now, Levels: map[string]wire.Count{}}
	for _, l := range s.levels {
		stock.Levels[l.id] = wire.Count{Free: len(l.free), Held: l.held, Sold: l.sold}
	}
	s.market.Stock(stock)
	waiting := int64(len(s.queue))
	if !s.Crowd.queues {
		waiting = s.Crowd.waiting(after)
	}
	if waiting == curve.Unknown {
		return
	}
	s.market.Board(wire.Board{At: s.now, Lanes: map[string]wire.LaneBoard{wire.LaneGeneral: {Waiting: uint64(waiting),
		Regions: map[string]wire.Head{"home": {Joined: uint64(waiting) + uint64(s.called)}}}}})
	s.curve.Waiting(s.now, waiting)
}

// decide lets a fan choose: the level that they want, or a cheaper one.
func (s *sale) decide(n, fan int) {
	f, dear := s.Crowd.fans[fan], false
	at := slices.Index(s.cheaper, f.level)
	for _, level := range s.cheaper[at:] {
		l, price := &s.levels[level], s.pricer.price(s.levels[level].id)
		switch {
		case len(l.free) < f.tickets:
		case price.Total > s.Crowd.levels[level].Opening*f.worth/whole:
			dear = true
		default:
			s.hold(n, fan, level, price)
			return
		}
	}
	if s.inside--; dear {
		s.outcome.TooDear++
	} else {
		s.outcome.SoldOut++
	}
}

// hold gives a fan places, at the price of now.
func (s *sale) hold(n, fan, level int, price wire.LevelPrice) {
	f, l := s.Crowd.fans[fan], &s.levels[level]
	left := len(l.free) - f.tickets
	h := &hold{fan: fan, level: level, seats: slices.Clone(l.free[left:]), bought: !f.lapses}
	for _, id := range h.seats {
		h.quotes = append(h.quotes, wire.SeatQuote{ID: id, Level: l.id, Price: price.Amounts, Version: price.Version})
	}
	l.free, l.held = l.free[:left], l.held+f.tickets
	s.note(h, wire.Held)
	until := f.pays
	if f.lapses {
		until = time.Duration(s.Spec.Hold.TTL)
	}
	if at := s.when(n, max(until, s.step)); at <= s.steps {
		s.ends[at] = append(s.ends[at], h)
	}
}

// end sells what a fan holds, or frees it.
func (s *sale) end(h *hold) {
	l := &s.levels[h.level]
	l.held -= len(h.seats)
	s.inside--
	if !h.bought {
		l.free = append(l.free, h.seats...)
		s.outcome.Lapsed++
		s.note(h, wire.Available)
		return
	}
	l.sold += len(h.seats)
	s.note(h, wire.Sold)
	s.outcome.buy(h, s.Spec.Opening(s.Spec.Levels[h.level]).Total)
}

// note adds to the log what becomes of a hold's places.
func (s *sale) note(h *hold, state wire.State) {
	c := wire.Change{IDs: h.seats, Was: make([]uint64, len(h.seats)), Seat: wire.Seat{State: state, Fan: fmt.Sprint("f", h.fan)}}
	if state != wire.Available {
		c.Quotes = h.quotes
	}
	s.flush.Seats = append(s.flush.Seats, c)
}
