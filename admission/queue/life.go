package queue

import (
	"context"
	"slices"
	"sort"
	"time"

	"frontrow/wire"
)

// A queue in another life gives out the numbers of the previous life anew. It is detected
// by what was noted of that life:
//
//	noted    1 ─── 2 ─── … ─── N           how many, and when the last was stored
//	lost     1 ─── 2                       fewer: another life
//	lost     1 ─── 2 ─── … ─── N' ─── N+1  as many, the N-th at another instant: another life
//	backup   1 ─── 2 ─── k ┊ k+1           k of them are as old as the life before, and of it
//
// Fans with places of the previous life have only their receipts left.

const (
	maxMarks = 32 // of one life
	maxLives = 50 // of one queue: losing it more often is another problem
)

// another reports whether a queue is in another life than that in which the place noted
// was seen: it has given out fewer now, or has that place from another instant. again is
// that place as the queue has it now, or zero.
func another(noted, now, again wire.Mark) bool {
	return now.Number < noted.Number || !noted.At.IsZero() && !again.At.IsZero() && !again.At.Equal(noted.At)
}

// grown returns a life with one more place seen. When there are too many marks, it drops
// every second one.
func grown(l wire.Life, m wire.Mark) wire.Life {
	if m.Number <= l.Joined() {
		return l
	}
	l.Marks = append(slices.Clone(l.Marks), m)
	if len(l.Marks) > maxMarks {
		kept := l.Marks[:0]
		for i, m := range l.Marks {
			if (len(l.Marks)-i)%2 == 1 {
				kept = append(kept, m)
			}
		}
		l.Marks = kept
	}
	return l
}

// lost returns the line of a place without a record: the one its receipt says, unless the
// place came long after that line gave out its number.
func lost(lives []wire.Life, p wire.Place) string {
	i := slices.IndexFunc(lives, func(l wire.Life) bool { return l.Region == p.Region })
	for ; i < len(lives)-1; i++ {
		if last := lives[i].Last(); p.Number > last.Number || last.At.IsZero() || !p.At.After(last.At.Add(clockSkew)) {
			break
		}
	}
	return lives[i].Region
}

// ended are the marks of a life that has ended, and of whose places the records are
// gone: a place was stored as much later than the mark before it as is its share of
// those up to the next.
type ended []wire.Mark

// Instant implements arrivals.
func (e ended) Instant(_ context.Context, number uint64) (time.Time, error) { return e.at(number), nil }

func (e ended) at(number uint64) time.Time {
	i := sort.Search(len(e), func(i int) bool { return e[i].Number >= number })
	switch i {
	case 0:
		return e[0].At
	case len(e):
		return e[i-1].At
	}
	a, b := e[i-1], e[i]
	share := float64(number-a.Number) / float64(b.Number-a.Number)
	return a.At.Add(time.Duration(share * float64(b.At.Sub(a.At))))
}

// Until implements arrivals.
func (e ended) Until(_ context.Context, t time.Time) (uint64, error) {
	if len(e) == 0 {
		return 0, nil
	}
	return uint64(sort.Search(int(e[len(e)-1].Number), func(i int) bool { return !e.at(uint64(i + 1)).Before(t) })), nil
}
