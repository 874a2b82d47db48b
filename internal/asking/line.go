package asking

import (
	"context"
	"time"

	"frontrow/wire"
)

// line is what is asked of one event. The Joiner's mutex guards it.
type line struct {
	*Joiner
	event    string
	waiting  []*question // in the order in which they came
	underWay int         // messages that the next must wait for
	missing  int         // messages that it doesn't wait for any more
}

// trip is a message under way. The Joiner's mutex guards it.
type trip struct {
	missing bool // the next doesn't wait for it any more
	over    bool
}

// leave sends a message, if anything waits for one and it may leave.
func (l *line) leave() {
	if len(l.waiting) > 0 && l.underWay < maxUnderWay {
		l.underWay++
		go l.carry()
	}
}

// carry takes what is waiting to the writer, message after message, until nothing is.
func (l *line) carry() {
	for {
		questions, ok := l.next()
		if !ok {
			return
		}
		var t trip
		late := time.AfterFunc(patience, func() { l.miss(&t) })
		l.ask(questions)
		late.Stop()
		if l.end(&t) {
			return
		}
	}
}

// next takes from the queue what has room in one message. Without anything, one less is under way.
func (l *line) next() (questions []*question, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, room := 0, wire.MaxTogetherBytes
	for ; n < min(len(l.waiting), wire.MaxTogether); n++ {
		q := l.waiting[n]
		if room -= (wire.Together{Act: q.act, Request: q.request}).Room(); room < 0 {
			break
		}
	}
	if n == 0 {
		l.underWay--
		l.forget()
		return nil, false
	}
	questions = l.waiting[:n:n]
	if l.waiting = l.waiting[n:]; len(l.waiting) == 0 {
		l.waiting = nil
	}
	return questions, true
}

// miss has the next message leave without waiting for one that may be lost.
func (l *line) miss(t *trip) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.over || l.missing == maxMissing {
		return
	}
	t.missing = true
	l.missing++
	l.underWay--
	l.leave()
}

// end notes that a message has its answer or never will. It reports whether another left in its stead.
func (l *line) end(t *trip) (replaced bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.over = true
	if t.missing {
		l.missing--
		l.forget()
	}
	return t.missing
}

// forget removes a line about which nothing is left to do.
func (l *line) forget() {
	if len(l.waiting) == 0 && l.underWay == 0 && l.missing == 0 {
		delete(l.lines, l.event)
	}
}

// ask sends the questions whose callers still wait, and gives each its answer.
func (l *line) ask(questions []*question) {
	asked := questions[:0]
	var message []byte
	var longest time.Duration
	now := time.Now()
	for _, q := range questions {
		wait := wire.MaxWait
		if until, ok := q.ctx.Deadline(); ok {
			wait = min(wait, until.Sub(now))
		}
		if q.ctx.Err() != nil || wait < time.Millisecond {
			continue
		}
		if message == nil {
			message = make([]byte, 0, min(len(questions)*(wire.Together{Act: q.act, Request: q.request}).Room()*5/4, wire.MaxTogetherBytes))
		}
		message = wire.Together{Act: q.act, Wait: wait, Request: q.request}.AppendLine(message)
		longest = max(longest, wait)
		asked = append(asked, q)
	}
	if len(asked) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	raw, err := l.Bus.Request(ctx, wire.SeatsSubject(l.event, l.together), message)
	l.tell(asked, raw, err)
}

// tell gives each question its part of the answer to all of them.
func (l *line) tell(asked []*question, raw []byte, err error) {
	var answers [][]byte
	var refused *wire.Problem
	if err == nil {
		answers, refused, err = wire.ReadAnswers(raw, len(asked))
	}
	if refused != nil {
		l.askAlone()
	}
	for i, q := range asked {
		switch {
		case err != nil:
			q.answer <- answer{err: err}
		case refused != nil || string(answers[i]) == wire.AnsweredAlone:
			q.answer <- answer{alone: true}
		default:
			q.answer <- answer{text: answers[i]}
		}
	}
}
