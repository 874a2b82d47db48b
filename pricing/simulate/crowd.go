package simulate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"frontrow/pricing/curve"
)

const whole = 10_000 // basis points

// Level is a price level as a crowd knows it.
type Level struct {
	ID      string
	Opening int64 // total at the opening
	Places  int
}

// Crowd is everybody who wants tickets, in the order of coming.
type Crowd struct {
	Name   string   // "hot", or the recorded sale's
	About  []string // what was assumed, for the report
	Length time.Duration

	levels  []Level
	fans    []fan
	queues  bool // they wait to be called; those of a recorded sale have
	waiting func(after time.Duration) int64
}

// Fans is how many there are.
func (c *Crowd) Fans() int { return len(c.fans) }

// fan is somebody who wants tickets. The times are from the opening, from the call and from
// the hold on.
type fan struct {
	comes, chooses, pays time.Duration
	level                int // that they want most
	tickets              int
	worth                int64 // the most that a ticket is to them, in basis points of the opening's price
	lapses               bool  // they never pay
}

// Kind is a synthetic crowd's.
type Kind struct {
	Name   string
	Wanted int     // tickets, in percents of the places
	Early  int     // percents of the fans who come in the first tenth
	Worth  [11]int // deciles of what a ticket is worth, in percents of the opening's price
}

// Kinds are the synthetic crowds.
func Kinds() []Kind {
	return []Kind{
		{"hot", 250, 75, [...]int{60, 85, 100, 110, 120, 135, 150, 170, 200, 250, 400}},
		{"warm", 110, 45, [...]int{50, 70, 85, 95, 102, 110, 120, 132, 150, 180, 260}},
		{"cold", 55, 25, [...]int{40, 55, 65, 75, 85, 92, 100, 108, 118, 135, 180}},
	}
}

// KindOf finds a kind by its name.
func KindOf(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, fmt.Errorf("there is no crowd %q: there are %s", name, strings.Join(names, ", "))
}

// Synthetic invents a crowd that comes within a time; nobody wants more than perFan tickets.
func Synthetic(k Kind, levels []Level, perFan int, length time.Duration, seed uint64) Crowd {
	c := Crowd{Name: k.Name, Length: length, levels: levels, queues: true, About: []string{
		fmt.Sprintf("Synthetic crowd “%s”, seed %d: fans want %d %% of the places, and %d %% of them come in the first tenth of the time.", k.Name, seed, k.Wanted, k.Early),
		fmt.Sprintf("Of ten fans, sorted by what a ticket is worth to them, one would pay up to %d %% of what it costs at the opening, the middle one up to %d %%, and the last between %d %% and %d %%.", k.Worth[1], k.Worth[5], k.Worth[9], k.Worth[10]),
	}}
	r, places := rand.New(rand.NewPCG(seed, 1)), 0
	for _, l := range levels {
		places += l.Places
	}
	for wanted := places * k.Wanted / 100; wanted > 0; {
		f := fan{level: pick(r, levels, places), tickets: min(tickets(r), perFan), worth: k.worth(r), lapses: r.IntN(100) < 6,
			chooses: seconds(r, 20, 200), pays: seconds(r, 30, 90)}
		tenth := length / 10
		if f.comes = time.Duration(r.Int64N(int64(tenth))); r.IntN(100) >= k.Early {
			f.comes = tenth + time.Duration(r.Int64N(int64(length-tenth)))
		}
		wanted -= f.tickets
		c.fans = append(c.fans, f)
	}
	c.sort()
	return c
}

// sort puts the fans into the order of coming; those who come at once stay as they were made.
func (c *Crowd) sort() {
	slices.SortStableFunc(c.fans, func(a, b fan) int { return cmp.Compare(a.comes, b.comes) })
}

func seconds(r *rand.Rand, from, to int) time.Duration {
	return time.Duration(from+r.IntN(to-from+1)) * time.Second
}

// pick chooses a level with the odds of its places.
func pick(r *rand.Rand, levels []Level, places int) int {
	n := r.IntN(places)
	for i, l := range levels {
		if n -= l.Places; n < 0 {
			return i
		}
	}
	return len(levels) - 1
}

// tickets is how many a fan wants: mostly two.
func tickets(r *rand.Rand) int {
	switch n := r.IntN(100); {
	case n < 15:
		return 1
	case n < 70:
		return 2
	case n < 80:
		return 3
	}
	return 4
}

// worth draws what a ticket is worth to a fan: anything between two deciles alike.
func (k Kind) worth(r *rand.Rand) int64 {
	n := r.IntN(10 * whole)
	i := n / whole
	low, high := int64(k.Worth[i])*100, int64(k.Worth[i+1])*100
	return low + (high-low)*int64(n%whole)/whole
}

// Elasticity is by how many percent fewer people buy at a price one percent higher, times a
// hundred.
type Elasticity int

// Bounds of an elasticity: at none, prices would change nothing.
const (
	MinElasticity Elasticity = 10
	MaxElasticity Elasticity = 1000
)

func (e Elasticity) String() string { return fmt.Sprintf("%d.%02d", e/100, e%100) }

// Recorded makes a crowd of a past sale: who bought, at the time and the price of then. The
// levels are those of the event whose rules it is for, and must have the names of then.
func Recorded(s curve.Sale, levels []Level, e Elasticity, seed uint64) (Crowd, error) {
	c := Crowd{Name: s.Event, levels: levels, Length: time.Duration(s.Samples()-1) * s.Every, About: []string{
		fmt.Sprintf("Recorded sale “%s”, opened %s: whoever bought then comes at the same time, seed %d.", s.Event, s.OpensAt.Format(time.RFC3339), seed),
		fmt.Sprintf("Elasticity %v: one percent dearer than then, %v %% fewer buy, down to nobody; one percent cheaper, as many more, down to half of the price.", e, e),
		"Whom the recorded sale turned away it doesn't know, and neither does this one.",
	}}
	if c.Length <= 0 {
		return c, fmt.Errorf("%s: a curve of one sample has no length", s.Event)
	}
	at := map[string]int{}
	for i, l := range levels {
		at[l.ID] = i
	}
	for _, l := range levels {
		if !slices.Contains(s.Levels, l.ID) {
			return c, fmt.Errorf("%s: it knows nothing of level %q, which the event sells", s.Event, l.ID)
		}
	}
	r := rand.New(rand.NewPCG(seed, 2))
	for k, id := range s.Levels {
		level, known := at[id]
		if !known {
			return c, fmt.Errorf("%s: it sold level %q, which the event doesn't have", s.Event, id)
		}
		for i := 1; i < s.Samples(); i++ {
			was, is := s.At(i-1, k), s.At(i, k)
			c.bought(r, level, is.Sold-was.Sold+is.Returned-was.Returned, was.Price, time.Duration(i-1)*s.Every, s.Every, e)
		}
	}
	c.sort()
	c.waiting = func(after time.Duration) int64 { return s.At(min(int(after/s.Every), s.Samples()-1), 0).Waiting }
	return c, nil
}

// bought adds the fans who bought so many tickets of a level at a price within a time, and
// those who would have at a lower one.
func (c *Crowd) bought(r *rand.Rand, level int, count, price int64, from, within time.Duration, e Elasticity) {
	opening := max(1, c.levels[level].Opening)
	add := func(n int, share int64) { // of the price
		c.fans = append(c.fans, fan{level: level, tickets: n, worth: share * price / opening, pays: time.Minute, comes: from + time.Duration(r.Int64N(int64(within)))})
	}
	for ; count > 0; count -= 2 {
		n := int(min(count, 2))
		add(n, whole+int64(r.IntN(whole))*100/int64(e))
		for other := r.IntN(200); other < int(e); other += 200 { // half of the elasticity, on average
			add(n, whole/2+int64(r.IntN(whole/2)))
		}
	}
}
