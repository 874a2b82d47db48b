package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"frontrow/kv"
)

// maxLate is how late a message is at most, if it arrives.
const maxLate = 30 * time.Second

// process is what lives, stops and dies together: the goroutines of one process of
// production, or a fan. Whatever it asks of others goes through ask or tell.
//
// One that is killed is gone at once: its context ends, what is still on its way from it may
// arrive, and what its goroutines do from then on has no effect and no answer. One that is
// suspended goes on thinking, but nothing leaves it or reaches it, not even that its lease is
// over, until it is resumed.
type process struct {
	w       *world
	id      int
	name    string
	ctx     context.Context
	cancel  context.CancelFunc
	dead    chan struct{} // closed by kill
	flushed kv.Revision   // the last it stored among the seats; the driver's
	asleep  time.Time     // suspended until then; the driver's
	cut     time.Time     // from everybody until then; the driver's

	mu   sync.Mutex
	over bool
}

func (w *world) process(role string) *process {
	w.born++
	p := &process{w: w, id: w.born, name: fmt.Sprintf("%s.%d", role, w.born), dead: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	w.processes = append(w.processes, p)
	return p
}

// kill ends the process at once.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.over = true
	p.cancel()
	close(p.dead)
}

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over
}

// submit asks the driver for something, unless the process is dead.
func (p *process) submit(kind, key string, send func()) bool {
	if p.isDead() {
		return false
	}
	p.w.submit(call{p, kind, key, func() { p.awake("goes on with "+kind, send) }})
	return true
}

// awake does something once the process is not suspended.
func (p *process) awake(what string, do func()) {
	if wait := time.Until(p.asleep); wait > 0 {
		p.w.after(wait+p.w.between(0, time.Millisecond), p.name, what, func() { p.awake(what, do) })
		return
	}
	if !p.isDead() {
		do()
	}
}

// carry brings a message between p and the rest of the world: mostly soon, sometimes late
// or never, and therefore in any order.
func (p *process) carry(late time.Duration, who, what string, deliver func()) {
	w := p.w
	delay := w.between(500*time.Microsecond, 10*time.Millisecond)
	if w.faulty() {
		switch x := w.Float64(); {
		case x < 0.01 || time.Now().Before(p.cut):
			return
		case x < 0.03:
			delay = w.between(0, 8*time.Second)
		case x < 0.035:
			delay = w.between(0, late)
		}
	}
	w.after(delay, who, what, deliver)
}

// carryMuchLater brings a message when nobody waits for it any more.
func (p *process) carryMuchLater(late time.Duration, who, what string, deliver func()) {
	w := p.w
	w.veryLate++
	w.after(w.between(late*7/8, late), who, what, func() {
		w.veryLate--
		deliver()
	})
}

// errNoAnswer is a request whose outcome is open.
var errNoAnswer = errors.New("no answer")

// reply is what a server answers.
type reply[T any] struct {
	value T
	err   error
}

// ask has a server do something at one instant and answer, until limit has passed or ctx
// ends. Request and answer may be lost or late, each by itself: errNoAnswer leaves open
// whether it was done, or will be.
func ask[T any](ctx context.Context, p *process, limit time.Duration, server, what string, serve func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer := make(chan reply[T], 1)
	w := p.w
	sent := p.submit(server, what, func() {
		if ctx.Err() != nil {
			return // suspended meanwhile: nobody waits any more
		}
		late := maxLate
		if server == "provider" {
			late = 3 * voidAfter // what turns up then is found by reconciling
		}
		carry := p.carry
		if w.cfg.Harsh.LateAuthorises && server == "provider" && w.faulty() && w.chance(0.2) {
			late, carry = 85*time.Minute, p.carryMuchLater
		}
		carry(late, p.name, what+" reaches "+server, func() {
			var r reply[T]
			r.value, r.err = serve()
			p.carry(maxLate, server, "answers "+p.name+" "+what, func() {
				p.awake("gets an answer", func() {
					select {
					case answer <- r:
					default:
					}
				})
			})
		})
	})
	var none T
	if !sent {
		return none, errNoAnswer
	}
	select {
	case r := <-answer:
		return r.value, r.err
	case <-p.dead:
	case <-ctx.Done():
	}
	return none, errNoAnswer
}

// tell sends something and does not wait.
func (p *process) tell(server, what string, deliver func()) {
	p.submit(server, what, func() {
		p.carry(maxLate, p.name, what+" reaches "+server, deliver)
	})
}

// late is ctx whose end a suspended process learns of only when it is resumed, as one whose
// timers don't run does.
func (p *process) late(ctx context.Context) (context.Context, func()) {
	own, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		told := make(chan struct{})
		if p.submit("lease", "is over", func() { close(told) }) {
			select {
			case <-told:
			case <-p.dead:
			}
		}
		end(context.Cause(ctx))
	})
	return own, func() { stop(); end(nil) }
}

// during reports whether an instant that is the end of something is still to come.
func during(until time.Time) bool { return time.Now().Before(until) }
