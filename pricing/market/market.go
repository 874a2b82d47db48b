package market

import (
	"fmt"
	"slices"
	"time"

	"frontrow/wire"
)

// Bounds of what counts.
const (
	parts     = 5                // of the window
	perPart   = 3                // intervals between two changes, in a part
	perFan    = 4                // tickets that count, in a part
	perNet    = 12               // likewise, of a network
	sample    = 10 * time.Second // between two readings of the queue that are kept
	mostReads = 1000             // of the queue: those of more than the longest window
	lag       = time.Minute      // for which STOCK and the log may be apart
	minBeat   = time.Minute      // for which a board is good, or three ticks
	keep      = parts*perPart*5*time.Minute + lag
)

// Market is what is known of one event's sale. The zero Market knows nothing.
type Market struct {
	log     uint64    // the last flush folded
	logAt   time.Time // when that was
	read    bool      // whether all that was stored has been
	seats   map[string]seat
	tickets map[string]int // that fans have, of those who have any
	bought  int64          // all of those
	deals   []deal         // of the last keep, in order

	stock  *wire.Stock
	board  *wire.Board
	queue  []reading // in order
	called int64
}

// seat is a seat that somebody has.
type seat struct {
	level, fan, net string
	sold            bool
}

// deal is a ticket that was bought, or held and given back.
type deal struct {
	at     time.Time
	level  string
	fan    string
	net    string
	bought bool
}

type reading struct {
	at      time.Time
	waiting int64
}

// Flush folds the next record of the seats' log; one that was folded is skipped.
func (m *Market) Flush(f *wire.Flush) {
	if f.N <= m.log {
		return
	}
	if m.seats == nil {
		m.seats, m.tickets = map[string]seat{}, map[string]int{}
	}
	told := slices.ContainsFunc(f.Acts, func(a wire.Act) bool { return a.Kind == wire.ActKindTell })
	for i := range f.Seats {
		m.change(&f.Seats[i], f.At, told)
	}
	m.log, m.logAt = f.N, f.At
	old, _ := slices.BinarySearchFunc(m.deals, f.At.Add(-keep), func(d deal, t time.Time) int { return d.at.Compare(t) })
	if 2*old > len(m.deals) { // so that each is moved once
		m.deals = slices.Delete(m.deals, 0, old)
	}
}

// change folds what becomes of some seats. told is set if that is no news: it was so before
// there was a log.
func (m *Market) change(c *wire.Change, at time.Time, told bool) {
	for k, id := range c.IDs {
		was, had := m.seats[id]
		if had && was.sold {
			m.count(was.fan, -1)
		}
		delete(m.seats, id)
		if c.State == wire.Held || c.State == wire.Sold {
			is := seat{level: c.Quotes[k].Level, fan: c.Fan, net: c.Net, sold: c.State == wire.Sold}
			m.seats[id] = is
			if is.sold {
				m.count(is.fan, +1)
			}
			if is.sold && !was.sold && !told {
				m.deals = append(m.deals, deal{at, is.level, is.fan, is.net, true})
			}
			continue
		}
		if had && !was.sold {
			m.deals = append(m.deals, deal{at, was.level, was.fan, was.net, false})
		}
	}
}

func (m *Market) count(fan string, by int) {
	m.bought += int64(by)
	if m.tickets[fan] += by; m.tickets[fan] == 0 {
		delete(m.tickets, fan)
	}
}

// Read says that all flushes that were stored have been folded.
func (m *Market) Read() { m.read = true }

// Stock takes the counters of STOCK.
func (m *Market) Stock(s wire.Stock) { m.stock = &s }

// apart reports whether log and counters have been telling of different flushes for long:
// one of them doesn't come here any more.
func (m *Market) apart(now time.Time) bool {
	switch {
	case m.stock.Flush < m.log:
		return now.Sub(m.stock.At) > lag
	case m.stock.Flush > m.log:
		return now.Sub(m.logAt) > lag
	}
	return false
}

// Board takes the newest board.
func (m *Market) Board(b wire.Board) {
	m.board = &b
	waiting, joined := int64(0), int64(0)
	for _, lane := range b.Lanes {
		waiting += int64(min(lane.Waiting, wire.Everybody))
		for _, h := range lane.Regions {
			joined += int64(min(h.Joined, wire.Everybody))
		}
	}
	m.called = max(0, joined-waiting)
	if n := len(m.queue); n > 0 && b.At.Before(m.queue[n-1].at.Add(sample)) {
		return
	}
	m.queue = append(m.queue, reading{b.At, waiting})
	m.queue = slices.Delete(m.queue, 0, max(0, len(m.queue)-mostReads))
}

// Signals returns what is known at an instant of an event whose prices may change every so
// often, and whose board is published every tick.
func (m *Market) Signals(r wire.PriceRules, tick time.Duration, now time.Time) wire.Signals {
	s := wire.Signals{Missing: map[string]string{}}
	part := perPart * time.Duration(r.Pricing.Every)
	m.stocked(&s, now)
	if !r.Pricing.FollowsDemand() {
		return trimmed(s)
	}
	m.sold(&s, r, part, now)
	m.waited(&s, r, part, max(minBeat, 3*tick), now)
	if stale := r.Stale(); stale != "" {
		s.Missing["comparable"] = stale
	}
	return trimmed(s)
}

func trimmed(s wire.Signals) wire.Signals {
	if len(s.Missing) == 0 {
		s.Missing = nil
	}
	return s
}

func (m *Market) stocked(s *wire.Signals, now time.Time) {
	switch {
	case m.stock == nil:
		s.Missing["stock"] = "nothing is counted yet"
		return
	case m.apart(now):
		s.Missing["stock"] = "the counters and the log tell of different times"
		return
	}
	s.Stock = map[string]wire.StockSignal{}
	for id, c := range m.stock.Levels {
		s.Stock[id] = wire.StockSignal{Places: int64(c.Total() - c.Blocked), Sold: int64(c.Sold)}
	}
}

func (m *Market) sold(s *wire.Signals, r wire.PriceRules, part time.Duration, now time.Time) {
	window := parts * part
	switch {
	case !m.read:
		s.Missing["sales"] = "the log is not read yet"
		return
	case s.Stock == nil:
		s.Missing["sales"] = s.Missing["stock"]
		return
	case now.Before(r.OpensAt.Add(window)):
		s.Missing["sales"] = young(window)
		return
	}
	s.Sales = map[string]wire.SalesSignal{}
	for _, l := range r.Levels {
		s.Sales[l.ID] = wire.SalesSignal{Window: wire.Duration(window)}
	}
	for id, medians := range m.medians(part, now) {
		if sales, ok := s.Sales[id]; ok {
			sales.Bought, sales.Lapsed = parts*medians[0], parts*medians[1]
			s.Sales[id] = sales
		}
	}
}

func young(window time.Duration) string {
	return "the sale is younger than the window of " + window.String()
}

// medians returns by level how many tickets were bought, and how many lapsed, in the median
// part of the window.
func (m *Market) medians(part time.Duration, now time.Time) map[string][2]int64 {
	type count struct{ bought, lapsed [parts]int64 }
	levels, fans, nets := map[string]*count{}, [parts]map[string]int{}, [parts]map[string]int{}
	for i := range parts {
		fans[i], nets[i] = map[string]int{}, map[string]int{}
	}
	for _, d := range m.deals {
		ago := now.Sub(d.at)
		if ago < 0 || ago >= parts*part || !d.bought && m.tickets[d.fan] == 0 {
			continue
		}
		i, kind := int(ago/part), "bought "
		if !d.bought {
			kind = "lapsed "
		}
		if fans[i][kind+d.fan]++; fans[i][kind+d.fan] > perFan {
			continue
		}
		if nets[i][kind+d.net]++; d.net != "" && nets[i][kind+d.net] > perNet {
			continue
		}
		c := levels[d.level]
		if c == nil {
			c = &count{}
			levels[d.level] = c
		}
		if d.bought {
			c.bought[i]++
		} else {
			c.lapsed[i]++
		}
	}
	all := make(map[string][2]int64, len(levels))
	for id, c := range levels {
		all[id] = [2]int64{median(c.bought[:]), median(c.lapsed[:])}
	}
	return all
}

func (m *Market) waited(s *wire.Signals, r wire.PriceRules, part, beat time.Duration, now time.Time) {
	switch {
	case now.Before(r.OpensAt.Add(parts * part)): // who has just been called hasn't bought yet, and would count as one who won't
		s.Missing["queue"] = young(parts * part)
		return
	case m.board == nil:
		s.Missing["queue"] = "there is no board yet"
		return
	case now.Sub(m.board.At) > beat:
		s.Missing["queue"] = fmt.Sprintf("the board is %v old", now.Sub(m.board.At).Round(time.Second))
		return
	case !m.read || s.Stock == nil:
		s.Missing["queue"] = "what those buy who are called is not known"
		return
	}
	var waiting []int64
	for _, r := range m.queue {
		if ago := now.Sub(r.at); ago < parts*part {
			waiting = append(waiting, r.waiting)
		}
	}
	if len(waiting) == 0 {
		waiting = []int64{0}
	}
	q := wire.QueueSignal{Waiting: median(waiting), Called: m.called, Bought: m.bought}
	for _, c := range s.Stock {
		q.Unsold += c.Places - c.Sold
	}
	s.Queue = &q
}

// median returns the middle of some numbers, the lower one of two.
func median(all []int64) int64 {
	all = slices.Sorted(slices.Values(all))
	return all[(len(all)-1)/2]
}
