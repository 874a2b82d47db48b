package curve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"frontrow/wire"

	"pgregory.net/rapid"
)

var opens = time.Date(2027, 5, 1, 8, 0, 0, 0, time.UTC)

// past is a sale of two levels at three samples.
func past() Sale {
	return Sale{Head{Event: "past", Venue: "Hall, upper", StartsAt: opens.AddDate(0, 0, 49), OpensAt: opens, Places: 110, Currency: "EUR", Every: time.Minute}, []string{"a", "b"}, []Row{
		{Places: 60, Price: 500, Waiting: Unknown}, {Places: 50, Price: 400, Waiting: Unknown},
		{Places: 60, Sold: 10, Held: 5, Price: 500, Waiting: 70, Revenue: 5000}, {Places: 50, Price: 400, Waiting: 70},
		{Places: 60, Sold: 9, Returned: 1, Price: 550, Waiting: 70, Revenue: 4500}, {Places: 50, Sold: 50, Price: 400, Waiting: 70, Revenue: 20_000},
	}}
}

func written(t *testing.T, s Sale) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const form = `frontrow sales curve,1
event,past
venue,"Hall, upper"
starts_at,2027-06-19T08:00:00Z
day,Saturday
opens_at,2027-05-01T08:00:00Z
places,110
currency,EUR
every_seconds,60
seconds,level,places,sold,held,returned,price,waiting,revenue
0,a,60,0,0,0,500,,0
0,b,50,0,0,0,400,,0
60,a,60,10,5,0,500,70,5000
60,b,50,0,0,0,400,70,0
120,a,60,9,0,1,550,70,4500
120,b,50,50,0,0,400,70,20000
`

func TestForm(t *testing.T) {
	t.Parallel()
	if got := written(t, past()); got != form {
		t.Errorf("%s\nwant\n%s", got, form)
	}
	for name, text := range map[string]string{
		"ours":        form,
		"a mark":      mark + form,
		"CR LF":       strings.ReplaceAll(form, "\n", "\r\n"),
		"no last end": strings.TrimSuffix(form, "\n"),
		"semicolons":  mark + strings.ReplaceAll(strings.ReplaceAll(form, ",", ";"), `"Hall; upper"`, "Hall, upper"),
		"quotes":      strings.Replace(form, "120,a,60", `"120","a","60"`, 1),
		"a sheet":     strings.Replace(form, "event,past", "event,past,,,,,,,", 1),
	} {
		if got, err := Read("f", strings.NewReader(text)); err != nil || !reflect.DeepEqual(got, past()) {
			t.Errorf("%s: %v\n%+v", name, err, got)
		}
	}
}

// What can't be meant is refused, with its line.
func TestReadIsStrict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, is, want string }{
		"nothing":         {form, "", `f:0: the file ends before "frontrow sales curve"`},
		"another file":    {"frontrow sales curve,1", "id,name", "f:1: want frontrow sales curve,…: a curve is what frontrow pricing export writes"},
		"another form":    {"curve,1", "curve,2", `f:1: frontrow sales curve: "2" is another version`},
		"tabs":            {form, strings.ReplaceAll(form, ",", "\t"), "f:1: want frontrow sales curve,…"},
		"UTF-16":          {"frontrow", "\xff\xfef\x00", "f:1: not in UTF-8"},
		"old Macs":        {form, strings.ReplaceAll(form, "\n", "\r"), "f:1: a carriage return"},
		"no venue":        {`"Hall, upper"`, "", "f:3: venue: it must be said"},
		"a swap":          {"event,past", "place,past", "f:2: want event,…"},
		"no zone":         {"opens_at,2027-05-01T08:00:00Z", "opens_at,2027-05-01 08:00", `f:6: opens_at: "2027-05-01 08:00" is no instant`},
		"another day":     {"day,Saturday", "day,Friday", `f:5: day: "Friday", but starts_at is on a Saturday`},
		"a day of none":   {"starts_at,2027-06-19T08:00:00Z", "starts_at,", `f:5: day: "Saturday"`},
		"no currency":     {"currency,EUR", "currency,EURO", `f:8: currency: "EURO" is no currency`},
		"no time":         {"every_seconds,60", "every_seconds,0", `f:9: every_seconds: "0" is no whole number`},
		"a short head":    {form[strings.Index(form, "day"):], "", `f:4: the file ends before "day"`},
		"no columns":      {form[strings.Index(form, "seconds,level"):], "", `f:9: the columns are ""`},
		"other columns":   {"held,returned", "returned,held", "f:10: the columns are"},
		"more columns":    {"waiting,revenue", "waiting,revenue,weather", "f:10: the columns are"},
		"no samples":      {form[strings.Index(form, "0,a"):], "", "f:10: the file ends in the middle of a sample: 0 rows"},
		"a late start":    {"0,a,60,0,0,0,500,,0\n0,b,50,0,0,0,400,,0\n", "", `f:11: the first sample is at "60"`},
		"NaN":             {"60,10,5", "60,NaN,5", `f:13: sold: "NaN" is no whole number`},
		"Inf":             {"70,5000", "+Inf,5000", `f:13: waiting: "+Inf" is no whole number`},
		"below zero":      {"60,10,5", "60,-10,5", `f:13: sold: "-10" is no whole number`},
		"a point":         {"500,70", "5.00,70", `f:13: price: "5.00" is no whole number`},
		"a comma":         {"500,70", "5,00,70", "f:13: 10 columns instead of 9"},
		"a leading zero":  {"60,10,5", "60,010,5", `f:13: sold: "010"`},
		"beyond all":      {"70,5000", "70,99999999999999999999", `f:13: revenue: "99999999999999999999"`},
		"empty":           {"60,10,5", "60,,5", `f:13: sold: "" is no whole number`},
		"a hole":          {"60,a,60,10,5,0,500,70,5000\n60,b,50,0,0,0,400,70,0\n", "", `f:13: "120" seconds of level "a", where 60 of "a" must follow`},
		"a level's hole":  {"60,a,60,10,5,0,500,70,5000\n", "", `f:13: "60" seconds of level "b", where 60 of "a" must follow`},
		"wrong order":     {"120,a,60,9,0,1,550,70,4500", "0,a,60,9,0,1,550,70,4500", `f:15: "0" seconds of level "a"`},
		"twice":           {"60,b,", "60,a,60,10,5,0,500,70,5000\n60,b,", `f:14: "60" seconds of level "a", where 60 of "b" must follow`},
		"twice at once":   {"0,b,50", "0,a,50", `f:12: level "a" is there twice`},
		"a new level":     {"120,b", "120,c", `f:16: "120" seconds of level "c"`},
		"the end missing": {"120,b,50,50,0,0,400,70,20000\n", "", "f:15: the file ends in the middle of a sample: 5 rows of 2 levels"},
		"an empty line":   {"60,b", "\n60,b", "f:14: the line is empty"},
		"over 100 %":      {"60,10,5", "60,61,0", "f:13: 61 sold and 0 held of 60 places: over 100 %"},
		"held over all":   {"60,10,5", "60,10,51", "f:13: 10 sold and 51 held of 60 places: over 100 %"},
		"a larger house":  {"0,b,50", "0,b,51", "f:12: the levels have 111 places, and the house 110: over 100 %"},
		"from nowhere":    {"120,a,60,9,0,1", "120,a,60,9,0,0", "f:15: sold 9 after 10, and only 0 more came back"},
		"taken back":      {"60,a,60,10,5,0", "60,a,60,10,5,9", "f:15: returned 1 after 9"},
		"an open quote":   {"60,b,", `60,"b,`, "f:14: column "},
		"a long line":     {"60,b,", "60," + strings.Repeat("b", maxLine), "f:14: the line is longer than 2048 bytes"},
	} {
		text := strings.Replace(form, c.old, c.is, 1)
		if _, err := Read("f", strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := Read("f", strings.NewReader(strings.Replace(form, "60,10,5", "60,61,0", 1))); !errors.Is(err, errOver) {
		t.Error(err)
	}
}

// endless is a file that goes on for a gigabyte.
type endless struct {
	head, line string
	n, rest    int
	text       []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.text) == 0 {
		if e.rest <= 0 {
			return 0, io.EOF
		}
		if e.text = []byte(e.head); e.head == "" {
			e.text = fmt.Appendf(e.text, e.line, e.n*60)
			e.n++
		}
		e.head = ""
		e.rest -= len(e.text)
	}
	n := copy(p, e.text)
	e.text = e.text[n:]
	return n, nil
}

// However long a file is, little of it is kept, and the line is told at which it is too long.
func TestAGigabyte(t *testing.T) {
	head := form[:strings.Index(form, "0,a")]
	for name, c := range map[string]struct{ line, want string }{
		"rows":      {"%d,a,60,0,0,0,500,,0\n", "f:2012: more than 2001 samples"},
		"one line":  {"%d", "f:11: the line is longer than"},
		"one field": {`"%d` + strings.Repeat("x", 100) + "\n", "f:11: column"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read("f", &endless{head: head, line: c.line, rest: 1 << 30})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
			t.Errorf("%s: %d bytes", name, used)
		}
	}
}

// What is recorded can be written and read again, whatever happened.
func TestRecordedIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		levels := []wire.PriceLevel{{ID: "a", Amounts: wire.NewAmounts(500, 0, 0)}, {ID: "b", Amounts: wire.NewAmounts(400, 0, 0)}}
		h := past().Head
		h.Places = 20
		r := NewRecorder(h, levels, map[string]int64{"a": 10, "b": 10}, time.Hour)
		at, states := opens.Add(-time.Minute), []wire.State{wire.Available, wire.Held, wire.Sold, wire.Blocked}
		counts := map[string]wire.State{}
		for n := uint64(1); n <= uint64(rapid.IntRange(0, 60).Draw(t, "flushes")); n++ {
			at = at.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			level := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "level")
			id := fmt.Sprint(level, rapid.IntRange(0, 9).Draw(t, "seat"))
			c := wire.Change{IDs: []string{id}, Was: []uint64{0}}
			c.State = rapid.SampledFrom(states).Draw(t, "state")
			if c.State == wire.Held || c.State == wire.Sold {
				c.Quotes = []wire.SeatQuote{{Level: level, Price: wire.NewAmounts(int64(n), 0, 0)}}
			}
			f := wire.Flush{N: n, At: at, Seats: []wire.Change{c}}
			r.Flush(&f)
			r.Flush(&f) // stored again
			if !at.After(opens.Add(time.Hour)) {
				counts[id] = c.State
			}
			if rapid.Bool().Draw(t, "act") {
				r.Act(&wire.PriceAct{At: at, Levels: map[string]wire.LevelPrice{"a": {Price: wire.Price{Amounts: wire.NewAmounts(500+int64(n), 0, 0)}}}, Signals: &wire.Signals{Queue: &wire.QueueSignal{Waiting: int64(n)}}})
			}
		}
		s := r.Sale()
		var b bytes.Buffer
		if err := Write(&b, s); err != nil {
			t.Fatal(err)
		}
		got, err := Read("f", &b)
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("%v\n%+v\n%+v", err, got, s)
		}
		var sold, held int64
		for _, state := range counts {
			switch state {
			case wire.Sold:
				sold++
			case wire.Held:
				held++
			}
		}
		last := s.Samples() - 1
		if a, b := s.At(last, 0), s.At(last, 1); a.Sold+b.Sold != sold || a.Held+b.Held != held || last != 60 {
			t.Fatalf("%d sold and %d held, of %d and %d, at sample %d", a.Sold+b.Sold, a.Held+b.Held, sold, held, last)
		}
	})
}

// A sample has what was so by then, revenue what those paid who have a place.
func TestRecorder(t *testing.T) {
	t.Parallel()
	h := past().Head
	r := NewRecorder(h, []wire.PriceLevel{{ID: "a", Amounts: wire.NewAmounts(500, 0, 0)}}, map[string]int64{"a": 3}, 3*time.Minute)
	n := uint64(0)
	flush := func(after time.Duration, state wire.State, total int64, ids ...string) {
		n++
		c := wire.Change{IDs: ids, Was: make([]uint64, len(ids))}
		c.State = state
		for range ids {
			if state != wire.Available {
				c.Quotes = append(c.Quotes, wire.SeatQuote{Level: "a", Price: wire.NewAmounts(total, 0, 0)})
			}
		}
		r.Flush(&wire.Flush{N: n, At: opens.Add(after), Seats: []wire.Change{c}})
	}
	flush(time.Second, wire.Held, 500, "1", "2")
	r.Act(&wire.PriceAct{At: opens.Add(61 * time.Second), Levels: map[string]wire.LevelPrice{"a": {Price: wire.Price{Amounts: wire.NewAmounts(550, 0, 0)}}}})
	flush(61*time.Second, wire.Sold, 500, "1", "2")
	flush(62*time.Second, wire.Held, 550, "3")
	flush(121*time.Second, wire.Available, 0, "1")
	flush(181*time.Second, wire.Sold, 550, "3") // behind the end
	want := []Row{{Places: 3, Price: 500, Waiting: Unknown}, {Places: 3, Held: 2, Price: 500, Waiting: Unknown},
		{Places: 3, Sold: 2, Held: 1, Price: 550, Waiting: Unknown, Revenue: 1000}, {Places: 3, Sold: 1, Held: 1, Returned: 1, Price: 550, Waiting: Unknown, Revenue: 500}}
	if s := r.Sale(); !reflect.DeepEqual(s.Rows, want) {
		t.Errorf("%+v", s.Rows)
	}
}

// Of sales like an event's the median counts; each other is told, and why.
func TestComparable(t *testing.T) {
	t.Parallel()
	of := wire.Spec{Venue: "Hall", Currency: "EUR", OpensAt: opens.AddDate(1, 0, 0), StartsAt: opens.AddDate(0, 0, 49+364)}
	sold := func(event string, change func(*Sale), shares ...int64) Sale {
		s := Sale{Head: Head{Event: event, Venue: "Hall", StartsAt: opens.AddDate(0, 0, 49), OpensAt: opens, Places: 10_000, Currency: "EUR", Every: time.Minute}, Levels: []string{"x"}}
		for _, share := range shares {
			s.Rows = append(s.Rows, Row{Places: 10_000, Sold: share})
		}
		if change != nil {
			change(&s)
		}
		return s
	}
	all := []Sale{
		sold("one", nil, 0, 1000, 2000, 3000, 9000), sold("two", nil, 0, 2000, 4000, 6000), sold("three", nil, 0, 1500, 3000, 4500, 4600),
		sold("two", nil, 0, 9000), sold("barn", func(s *Sale) { s.Venue = "Barn" }, 0), sold("friday", func(s *Sale) { s.StartsAt = s.StartsAt.AddDate(0, 0, -1) }, 0),
		sold("small", func(s *Sale) { s.Places = 7499 }, 0), sold("dollars", func(s *Sale) { s.Currency = "USD" }, 0),
		sold("old", func(s *Sale) { s.StartsAt = s.StartsAt.AddDate(0, 0, -7*160) }, 0), sold("to come", func(s *Sale) { s.StartsAt = s.StartsAt.AddDate(0, 0, 7*60) }, 0),
		sold("some day", func(s *Sale) { s.StartsAt = time.Time{} }, 0),
	}
	c, others, err := Comparable(of, 10_000, all)
	if err != nil || len(c.Sales) != 3 || len(others) != 8 {
		t.Fatalf("%+v, %v, %v", c.Sales, others, err)
	}
	want := []wire.SharePoint{{After: 0, BasisPoints: 0}, {After: wire.Duration(3 * time.Minute), BasisPoints: 4500}}
	if !reflect.DeepEqual(c.Curve, want) {
		t.Errorf("%+v", c.Curve)
	}
	if _, _, err := Comparable(of, 10_000, all[3:]); err != nil {
		t.Error(err)
	}
	if _, others, err := Comparable(of, 10_000, all[4:]); !errors.Is(err, ErrNone) || len(others) != 7 {
		t.Errorf("%v, %v", others, err)
	}
}

// A curve's points are few, and say what it does.
func TestThinned(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var points []point
		share := int64(0)
		for i := range rapid.IntRange(1, 300).Draw(t, "points") {
			share = min(10_000, share+rapid.Int64Range(0, 300).Draw(t, "rise"))
			points = append(points, point{time.Duration(i) * time.Minute, share})
		}
		curve := thinned(points)
		of := wire.Spec{Venue: "Hall", StartsAt: opens, Pricing: wire.PricingSpec{Comparable: wire.Comparable{Curve: curve}}}
		for i := 1; i < len(curve); i++ {
			if curve[i].After <= curve[i-1].After || curve[i].BasisPoints < curve[i-1].BasisPoints {
				t.Fatalf("%+v", of)
			}
		}
		if len(curve) > wire.MaxTiers || curve[len(curve)-1].BasisPoints != int(share) || len(points) > 1 && len(curve) < 2 {
			t.Fatalf("%+v of %+v", curve, points)
		}
		if len(points) <= wire.MaxTiers { // then each is near enough
			for _, p := range points {
				if !slicesNear(curve, p) {
					t.Fatalf("%+v is far from %+v", p, curve)
				}
			}
		}
	})
}

func slicesNear(curve []wire.SharePoint, p point) bool {
	for i := 1; i < len(curve); i++ {
		a, b := curve[i-1], curve[i]
		if p.after < time.Duration(a.After) || p.after > time.Duration(b.After) {
			continue
		}
		line := float64(a.BasisPoints) + float64(b.BasisPoints-a.BasisPoints)*float64(p.after-time.Duration(a.After))/float64(b.After-a.After)
		return line-float64(p.share) < near+1 && float64(p.share)-line < near+1
	}
	return len(curve) == 1
}

// Whatever stands in a file, it is refused or can be written again as it was read.
func FuzzRead(f *testing.F) {
	f.Add([]byte(form))
	f.Add([]byte(mark + strings.ReplaceAll(form, ",", ";")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := Read("f", bytes.NewReader(raw))
		if err != nil {
			return
		}
		again, err := Read("f", strings.NewReader(written(t, s)))
		if err != nil || written(t, again) != written(t, s) {
			t.Fatalf("%v\n%s", err, written(t, s))
		}
	})
}
