package rehearse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"frontrow/wire"
)

// Bounds of a rehearsal.
const (
	// MaxSockets bounds the live sockets, since a process may open only so many files.
	MaxSockets = 12_000
	// botConnections is the number of connections for bots, apart from those of fans.
	botConnections = 64
	// settleLimit is how long an accepted order may be pending.
	settleLimit = 15 * time.Minute
	// lastReads bounds reading all paid orders once more at the end, and hastyReads
	// the same at the end of an interrupted rehearsal.
	lastReads, hastyReads = 10 * time.Minute, 20 * time.Second
	// lastBoard bounds waiting for a board written after the last pass.
	lastBoard     = 45 * time.Second
	progressEvery = time.Second
)

// Config configures a rehearsal. URL, Event and Fans are required.
type Config struct {
	URL   string // of the gateways: http://127.0.0.1:8080
	Event string
	Fans  int
	Bots  float64 // bots per fan; or use BotPlaces

	// BotPlaces, instead of Bots, is the share of all places that bots want, below 1:
	// with 0.3, 70,000 fans come with as many bots as want 30,000 places.
	BotPlaces float64

	Ramp   time.Duration // within which all arrive; default 1 min
	Seed   uint64
	Shares Shares // see DefaultShares

	// Think is the mean time that people think about their seats; default 5 s. How
	// late they come and when they reload scale with it.
	Think time.Duration
	// Connections bounds the connections of fans; default 512. Half of them are for
	// fans who arrive, so that a crowd at the door does not keep others from paying.
	Connections int
	// Patience is how long a fan waits in the queue, and how long any visitor waits
	// for a server that does not answer; default 30 min.
	Patience time.Duration
	// Solvers is how many proofs this machine works out at a time for fans, and as
	// many for bots; default half of the processors.
	Solvers int
	// Progress, if not nil, is called every second and once at the end.
	Progress func(Progress)

	wardrobe []looks
}

// Validate fills in defaults and returns an error for values that can't work.
func (c *Config) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("rehearse: url %q: write http://host:port", c.URL)
	case !wire.IsName(c.Event):
		return fmt.Errorf("rehearse: event %q: use a-z, 0-9 and '-'", c.Event)
	case c.Fans < 1 || !(c.Bots >= 0):
		return errors.New("rehearse: at least one fan, and no fewer bots than none")
	case !(c.BotPlaces >= 0 && c.BotPlaces < 1) || c.BotPlaces > 0 && c.Bots > 0:
		return errors.New("rehearse: the bots' share of the places is below 1, and given instead of their number")
	case min(c.Ramp, c.Think, c.Patience) < 0 || min(c.Connections, c.Solvers) < 0:
		return errors.New("rehearse: durations, connections and solvers are not negative")
	}
	if n := c.Shares.Sockets * float64(c.Fans); n > MaxSockets {
		return fmt.Errorf("rehearse: %.0f sockets are more than one process may have (%d)", n, MaxSockets)
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	c.Ramp, c.Think = cmp.Or(c.Ramp, time.Minute), cmp.Or(c.Think, 5*time.Second)
	c.Solvers = cmp.Or(c.Solvers, max(runtime.GOMAXPROCS(0)/2, 1))
	c.wardrobe = wardrobe()
	c.Connections, c.Patience = cmp.Or(c.Connections, 512), cmp.Or(c.Patience, 30*time.Minute)
	return c.Shares.validate()
}

// rehearsal is the state that its visitors share.
type rehearsal struct {
	cfg     Config
	venue   *venue
	limit   int // tickets a fan
	board   *board
	check   *checker
	frames  frames
	base    *url.URL
	outside *client // of fans who arrive and join
	inside  *client // of fans who are called, and of those who read for all
	bots    *client
	live    *http.Client // dials sockets
	loot    loot

	solvers, botSolvers solvers

	ofFans *tally
	ofBots map[string]*tally // by behaviour
	groups map[string]*tally // of fans
	others *tally            // of the poller and other readers for all

	all   []*visitor // by number
	began time.Time

	waiting, holding atomic.Int64 // now: in the queue; with seats in their hands
	trying           trying
}

// Run plays a whole on-sale and reports on it. It ends when the last visitor has
// left, or soon after ctx ends. An error means that there was no sale to rehearse.
func Run(ctx context.Context, c Config) (*Report, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	base, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	r := &rehearsal{cfg: c, board: newBoard(), ofFans: newTally(), ofBots: map[string]*tally{}, groups: map[string]*tally{}, others: newTally(), began: time.Now(),
		base: base, live: &http.Client{Transport: &http.Transport{}}, solvers: make(solvers, c.Solvers), botSolvers: make(solvers, c.Solvers)}
	r.outside = newClient(base, c.Connections-c.Connections/2, c.Patience, &r.trying)
	r.inside = newClient(base, max(c.Connections/2, 1), c.Patience, &r.trying)
	r.bots = newClient(base, botConnections, c.Patience, &r.trying)
	for _, c := range []*client{r.outside, r.inside, r.bots} {
		defer c.http.CloseIdleConnections()
	}
	if err := r.learn(ctx); err != nil {
		return nil, err
	}
	polling, stop := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { r.pollBoard(polling) })
	background.Go(func() { r.tellProgress(polling) })
	r.crowd(ctx)
	reads := lastReads
	if ctx.Err() != nil {
		reads = hastyReads
	}
	r.last(context.WithoutCancel(ctx), reads)
	stop()
	background.Wait()
	return r.report(), nil
}

// learn reads what a fan's page would: the event and its plan.
func (r *rehearsal) learn(ctx context.Context) error {
	var event struct {
		Limits wire.Limits `json:"limits"`
	}
	read := func(path string) (answer, error) {
		a, err := r.inside.insist(ctx, r.others, request{route: routeEvent, method: http.MethodGet, path: path}, polite)
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("status %d", a.status)
		}
		if err != nil {
			err = fmt.Errorf("rehearse: GET %s: %w", path, err)
		}
		return a, err
	}
	a, err := read(r.path(""))
	if err != nil {
		return err
	}
	if err := a.into(&event); err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	if a, err = read(r.path("/plan")); err != nil {
		return err
	}
	if r.venue, err = newVenue(a.body); err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	r.limit = event.Limits.PerFan
	r.check = newChecker(r.limit)
	return nil
}

func (r *rehearsal) path(of string) string { return "/v1/events/" + r.cfg.Event + of }

// crowd lets all visitors arrive, each at their time, and returns when all have left.
func (r *rehearsal) crowd(ctx context.Context) {
	r.all = r.visitors()
	arrivals := slices.Clone(r.all)
	slices.SortStableFunc(arrivals, func(a, b *visitor) int { return cmp.Compare(a.arrives, b.arrives) })
	var here sync.WaitGroup
	for _, v := range arrivals {
		if !pause(ctx, v.arrives-time.Since(r.began)) {
			v.tally.end(string(stopped))
			continue
		}
		here.Go(func() { v.visit(ctx) })
	}
	here.Wait()
}

func (r *rehearsal) visitors() []*visitor {
	c := &r.cfg
	all := make([]*visitor, 0, c.Fans)
	for n := range c.Fans {
		v := &visitor{r: r, n: n, habits: fanHabits(c, n), client: r.outside, tally: r.ofFans, machine: &machine{}}
		if name := v.habits.group; name != "" {
			if r.groups[name] == nil {
				r.groups[name] = newTally()
			}
			v.among = r.groups[name]
			v.among.persons, v.among.visitors = v.among.persons+1, v.among.visitors+1
		}
		all = append(all, v)
	}
	r.ofFans.persons, r.ofFans.visitors = c.Fans, c.Fans
	random := randomOf(c.Seed, -1)
	bots := newBots(c.Seed, int(c.Bots*float64(c.Fans)+0.5))
	if s := c.BotPlaces; s > 0 {
		bots = newBotsOf(c.Seed, int(s/(1-s)*float64(c.Fans)+0.5))
	}
	for _, b := range bots {
		t := r.ofBots[b.name]
		if t == nil {
			t = newTally()
			r.ofBots[b.name] = t
		}
		t.persons, t.visitors = t.persons+1, t.visitors+b.places
		for k := range b.places {
			all = append(all, &visitor{r: r, n: len(all), habits: b.habits(c, random, k), client: r.bots, tally: t, machine: b.machine})
		}
	}
	return all
}

// last waits for a board written after the last pass and then reads every paid order
// once more: none may have changed.
func (r *rehearsal) last(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for end, now := time.Now().Add(lastBoard), time.Now(); r.board.now().At.Before(now.Add(ClockSkew)) && time.Now().Before(end); {
		pause(ctx, boardEvery)
	}
	var readers sync.WaitGroup
	for _, p := range r.check.paidHolds() {
		readers.Go(func() { r.readAgain(ctx, p, limit) })
	}
	readers.Wait()
}

// readAgain reads a paid order until it does not read as pending, which it may for a
// while when the ledger is away.
func (r *rehearsal) readAgain(ctx context.Context, h *hold, limit time.Duration) {
	for {
		a, err := r.inside.insist(ctx, r.others, request{route: routeOrder, method: http.MethodGet, path: "/v1/orders/" + h.order,
			cookies: r.all[h.who].cookies, from: r.all[h.who].from()}, polite)
		var o wire.OrderReply
		switch {
		case err != nil:
			r.check.unsettled(h.order, limit)
			return
		case a.status != http.StatusOK || a.into(&o) != nil:
			r.check.missing(h.order)
			return
		case o.State != wire.OrderPending:
			r.check.orderRead(h.id, o, time.Now())
			return
		}
		pause(ctx, boardEvery)
	}
}

func (r *rehearsal) tellProgress(ctx context.Context) {
	if r.cfg.Progress == nil {
		return
	}
	for pause(ctx, progressEvery) {
		r.cfg.Progress(r.progress())
	}
	r.cfg.Progress(r.progress())
}

func (r *rehearsal) progress() Progress {
	b := r.board.now()
	p := Progress{At: time.Since(r.began), Waiting: int(r.waiting.Load()), Holding: int(r.holding.Load()), State: b.State}
	p.Trying, p.TryingTo = r.trying.now()
	for _, l := range b.Lanes {
		for _, h := range l.Regions {
			p.Head += min(h.Head, h.Joined)
		}
	}
	for _, l := range b.Levels {
		p.Free += l.Free
	}
	for _, t := range r.tallies() {
		n := t.numbers()
		p.Joined, p.Admitted, p.Held = p.Joined+n[countPlaces], p.Admitted+n[countPasses], p.Held+n[countHolds]
		p.Paid, p.Seats, p.Failed, p.Errors = p.Paid+n[countOrders], p.Seats+n[countSeats], p.Failed+n[countFailed], p.Errors+n[countErrors]
	}
	return p
}

func (r *rehearsal) tallies() []*tally {
	all := []*tally{r.ofFans, r.others}
	for _, t := range r.ofBots {
		all = append(all, t)
	}
	return all
}

func (r *rehearsal) report() *Report {
	rep := &Report{URL: r.cfg.URL, Event: r.cfg.Event, Seed: r.cfg.Seed, Began: r.began.UTC(), Took: time.Since(r.began).Round(time.Second).String(),
		OK: true, Fans: r.ofFans.crowd(), Bots: map[string]Crowd{}, Checks: r.check.report()}
	for name, t := range r.ofBots {
		rep.Bots[name] = t.crowd()
	}
	for name, t := range r.groups {
		if rep.Groups == nil {
			rep.Groups = map[string]Crowd{}
		}
		rep.Groups[name] = t.crowd()
	}
	rep.sum()
	for _, c := range rep.Checks {
		rep.OK = rep.OK && c.Broken == 0
	}
	return rep
}
