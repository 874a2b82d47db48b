package asking

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// writers is a bus on which each message waits until the test has it answered.
type writers struct {
	arrived chan *message

	mu       sync.Mutex
	messages int
}

// message is one that a writer got.
type message struct {
	ctx     context.Context
	subject string
	data    []byte
	done    chan answer
}

func newWriters() *writers { return &writers{arrived: make(chan *message, 1000)} }

func (w *writers) Publish(string, []byte) error { return nil }

func (w *writers) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	m := &message{ctx, subject, bytes.Clone(data), make(chan answer, 1)}
	w.mu.Lock()
	w.messages++
	w.mu.Unlock()
	w.arrived <- m
	select {
	case a := <-m.done:
		return a.text, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// commands lists what a message asks for.
func (m *message) commands(t *testing.T) (commands []wire.Together) {
	t.Helper()
	_, lines, refused := wire.LinesTogether(m.data)
	if refused != nil {
		t.Fatalf("%s: %v", m.subject, refused)
	}
	for _, line := range lines {
		c, ok := wire.ReadTogether(line)
		if !ok {
			t.Fatalf("no command: %q", line)
		}
		commands = append(commands, c)
	}
	return commands
}

// echo answers each command with its request.
func (m *message) echo(t *testing.T) {
	t.Helper()
	if !strings.HasSuffix(m.subject, "."+wire.TogetherFans) {
		m.done <- answer{text: m.data}
		return
	}
	var answers [][]byte
	for _, c := range m.commands(t) {
		answers = append(answers, c.Request)
	}
	m.done <- answer{text: wire.AppendAnswers(nil, answers)}
}

// asked is a request whose answer is awaited.
type asked struct {
	said string
	done chan answer
}

const holds = "seats.demo.hold"

// asks sends a request beside the test.
func asks(ctx context.Context, j *Joiner, subject, said string) asked {
	a := asked{said, make(chan answer, 1)}
	go func() {
		text, err := j.Request(ctx, subject, []byte(said))
		a.done <- answer{text: text, err: err}
	}()
	synctest.Wait()
	return a
}

// gets fails unless a request has its own answer.
func (a asked) gets(t *testing.T) {
	t.Helper()
	if got := <-a.done; got.err != nil || string(got.text) != a.said {
		t.Errorf("%s was answered %.100q, %v", a.said, got.text, got.err)
	}
}

// serve answers all that arrives from now on.
func (w *writers) serve(t *testing.T) {
	go func() {
		for m := range w.arrived {
			m.echo(t)
		}
	}()
	t.Cleanup(func() { close(w.arrived) })
}

// idle fails unless nothing is left of any event.
func (j *Joiner) idle(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if len(j.lines) > 0 {
		t.Errorf("%d events are remembered", len(j.lines))
	}
}

// What is asked while two messages are under way travels as the next one, and each
// caller has its own answer; what is asked alone goes at once.
func TestJoiner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriters()
		j := New(w, wire.TogetherFans)
		var all []asked
		for i := range 100 {
			all = append(all, asks(t.Context(), j, holds, fmt.Sprint(i)))
		}
		other := asks(t.Context(), j, "seats.other.release", `"other"`)
		for i, want := range []int{1, 1, 1} {
			m := <-w.arrived
			if n := len(m.commands(t)); n != want {
				t.Errorf("message %d has %d commands", i, n)
			}
			m.echo(t)
		}
		m := <-w.arrived
		if m.subject != "seats.demo.fans" || len(m.commands(t)) != 98 {
			t.Errorf("%d commands at %s", len(m.commands(t)), m.subject)
		}
		for i, c := range m.commands(t) {
			if c.Act != wire.ActHold || string(c.Request) != fmt.Sprint(i+2) || c.Wait != wire.MaxWait {
				t.Errorf("command %d is %+v", i, c)
			}
		}
		m.echo(t)
		for _, a := range append(all, other) {
			a.gets(t)
		}
		j.idle(t)
	})
}

// Other requests pass as they are: to others than writers, of acts that don't travel
// together, and what has no room in a message or would end a line.
func TestPassesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriters()
		j := New(w, wire.TogetherFans)
		for subject, said := range map[string]string{
			"passes.demo.redeem":  "{}",
			"seats.demo.confirm":  "{}",
			"seats.demo.status":   "",
			"seats.demo.fans":     "hold 1 {}\n",
			"seats.demo.release":  "{\n}",
			"seats.demo.checkout": strings.Repeat("x", wire.MaxTogetherBytes),
		} {
			a := asks(t.Context(), j, subject, said)
			m := <-w.arrived
			if m.subject != subject || string(m.data) != said {
				t.Errorf("%s arrived at %s", subject, m.subject)
			}
			m.done <- answer{text: m.data}
			a.gets(t)
		}
	})
}

// No message has more commands or bytes than is agreed.
func TestMessagesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriters()
		j := New(w, wire.TogetherFans)
		long := strings.Repeat("x", wire.MaxTogetherBytes/10)
		first, second := asks(t.Context(), j, holds, "first"), asks(t.Context(), j, holds, "second")
		var all []asked
		for i := range 2 * wire.MaxTogether {
			all = append(all, asks(t.Context(), j, holds, fmt.Sprint(i)))
		}
		for range 20 {
			all = append(all, asks(t.Context(), j, holds, long))
		}
		var sizes []int
		for done := 0; done < len(all)+2; {
			m := <-w.arrived
			n := len(m.commands(t))
			if n > wire.MaxTogether || len(m.data) > wire.MaxTogetherBytes {
				t.Errorf("%d commands of %d bytes", n, len(m.data))
			}
			sizes, done = append(sizes, n), done+n
			m.echo(t)
		}
		for _, a := range append(all, first, second) {
			a.gets(t)
		}
		if len(sizes) != 7 || sizes[2] != wire.MaxTogether || sizes[3] != wire.MaxTogether || sizes[4] != 9 {
			t.Errorf("messages of %v commands", sizes)
		}
	})
}

// One caller who leaves, or has a shorter deadline, is nothing to its neighbours.
func TestCallersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriters()
		j := New(w, wire.TogetherFans)
		busy := []asked{asks(t.Context(), j, holds, "1"), asks(t.Context(), j, holds, "2")}
		cancelled, cancel := context.WithCancel(t.Context())
		brief, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer stop()
		patient, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		gone, short, long := asks(cancelled, j, holds, "gone"), asks(brief, j, holds, "short"), asks(patient, j, holds, "long")
		cancel()
		if a := <-gone.done; !errors.Is(a.err, context.Canceled) {
			t.Errorf("who leaves got %v", a.err)
		}
		if a := <-short.done; !errors.Is(a.err, context.DeadlineExceeded) {
			t.Errorf("after the deadline: %v", a.err)
		}
		for range busy {
			(<-w.arrived).echo(t)
		}
		m := <-w.arrived
		if c := m.commands(t); len(c) != 1 || string(c[0].Request) != "long" || c[0].Wait != 2950*time.Millisecond {
			t.Errorf("%+v", c)
		}
		if until, _ := m.ctx.Deadline(); time.Until(until) != 2950*time.Millisecond {
			t.Errorf("the message is waited for %v", time.Until(until))
		}
		late, leave := context.WithCancel(t.Context())
		left := asks(late, j, holds, "left") // leaves when its message is under way
		leave()
		if a := <-left.done; !errors.Is(a.err, context.Canceled) {
			t.Errorf("who leaves got %v", a.err)
		}
		m.echo(t)
		(<-w.arrived).echo(t)
		for _, a := range append(busy, long) {
			a.gets(t)
		}
		j.idle(t)
	})
}

// A queue that is full sends nobody away without an answer.
func TestFullQueueSheds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriters()
		j := New(w, wire.TogetherFans)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range maxWaiting + maxUnderWay {
			asks(ctx, j, holds, fmt.Sprint(i))
		}
		a := asks(ctx, j, holds, "more")
		var r wire.Reply
		if got := <-a.done; json.Unmarshal(got.text, &r) != nil || r.Problem == nil || r.Problem.Code != wire.CodeUnavailable {
			t.Errorf("%q, %v", got.text, got.err)
		}
		w.serve(t)
		asks(ctx, j, "seats.other.hold", "other").gets(t)
		j.idle(t)
	})
}

// When nobody listens, nothing was done, and each caller knows that; when a message fails in
// any other way, each knows as much as if it had asked alone.
func TestMessagesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriters()
		j := New(w, wire.TogetherFans)
		all := []asked{asks(t.Context(), j, holds, "1"), asks(t.Context(), j, holds, "2"), asks(t.Context(), j, holds, "3"), asks(t.Context(), j, holds, "4")}
		(<-w.arrived).done <- answer{err: nats.ErrNoResponders}
		(<-w.arrived).done <- answer{text: []byte("{}\n{}\n")}
		(<-w.arrived).done <- answer{text: []byte("{}")}
		for i, want := range []error{nats.ErrNoResponders, wire.ErrAnswers, wire.ErrAnswers, wire.ErrAnswers} {
			if a := <-all[i].done; !errors.Is(a.err, want) {
				t.Errorf("%d: %v", i, a.err)
			}
		}
		j.idle(t)
	})
}

// What the writer answers "alone" is asked alone.
func TestAskedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriters()
		j := New(w, wire.TogetherFans)
		a := asks(t.Context(), j, holds, "1")
		(<-w.arrived).done <- answer{text: []byte(wire.AnsweredAlone + "\n")}
		m := <-w.arrived
		if m.subject != holds || string(m.data) != "1" {
			t.Errorf("%q at %s", m.data, m.subject)
		}
		m.done <- answer{text: m.data}
		a.gets(t)
		b := asks(t.Context(), j, holds, "2")
		if m = <-w.arrived; m.subject != "seats.demo.fans" {
			t.Errorf("the next is asked at %s", m.subject)
		}
		m.echo(t)
		b.gets(t)
	})
}

// A writer of the version before refuses messages as a whole: its commands are asked alone,
// and for a while so are all others.
func TestWriterOfTheVersionBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriters()
		j := New(w, wire.TogetherFans)
		go func() {
			for m := range w.arrived {
				if m.subject == "seats.demo.fans" {
					m.data = []byte(`{"problem":{"code":"bad-request","detail":"The request was not understood."}}`)
				}
				m.done <- answer{text: m.data}
			}
		}()
		defer close(w.arrived)
		asks(t.Context(), j, holds, "1").gets(t)
		asks(t.Context(), j, holds, "2").gets(t)
		asks(t.Context(), j, "seats.other.hold", "3").gets(t)
		if w.messages != 4 {
			t.Errorf("%d messages, want one together and three alone", w.messages)
		}
		time.Sleep(aloneFor)
		asks(t.Context(), j, holds, "4").gets(t)
		if w.messages != 6 {
			t.Errorf("%d messages, want one more together", w.messages)
		}
		j.idle(t)
	})
}

// Messages that are lost hold up others only so long, and only so many are given up on.
func TestLostMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriters()
		j := New(w, wire.TogetherFans)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var lost []*message
		for range 20 {
			asks(ctx, j, holds, "lost")
			asks(ctx, j, holds, "lost")
			time.Sleep(patience + time.Millisecond)
		}
		for len(w.arrived) > 0 {
			lost = append(lost, <-w.arrived)
		}
		if len(lost) != maxUnderWay+maxMissing {
			t.Errorf("%d messages are under way", len(lost))
		}
		a := asks(ctx, j, holds, "last")
		lost[0].echo(t) // replaced: nothing leaves in its stead
		synctest.Wait()
		if len(w.arrived) > 0 {
			t.Error("a message that had been given up on made room for two")
		}
		lost[len(lost)-1].echo(t)
		(<-w.arrived).echo(t)
		a.gets(t)
		for _, m := range lost[1 : len(lost)-1] {
			m.echo(t)
		}
		j.idle(t)
	})
}
