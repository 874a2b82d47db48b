package writer

import (
	"sync"
	"time"

	"frontrow/internal/bus"
	"frontrow/wire"
)

// message is commands that came together, until each of them has its answer: then those
// leave together as well. Each command is queued, refused and decided by itself, as if it
// had come alone, and may be stored by another flush than its neighbours.
//
// None may have to wait for anything but flushes, which are milliseconds apart. The one kind
// that may is a confirmation that the ledger is asked about: it is answered "alone", and
// its caller asks for it alone.
type message struct {
	to    string      // where the answer is awaited
	until []time.Time // by command: from then on its caller doesn't wait any more

	mu      sync.Mutex
	answers [][]byte // by command
	open    int      // how many have none
}

func newMessage(to string, commands int) *message {
	return &message{to: to, until: make([]time.Time, commands), answers: make([][]byte, commands), open: commands}
}

// answer notes the answer to one command. With the last it returns that to the message.
func (m *message) answer(line int, text []byte) (all []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answers[line] != nil {
		return nil
	}
	m.answers[line] = text
	if m.open--; m.open > 0 {
		return nil
	}
	size := 0
	for _, a := range m.answers {
		size += len(a) + 1
	}
	return wire.AppendAnswers(make([]byte, 0, size), m.answers)
}

// receiveTogether takes a message apart.
func (t *term) receiveTogether(together string, m bus.Msg) {
	n, lines, refused := wire.LinesTogether(m.Data)
	if refused != nil {
		t.answer(command{to: m.Reply}, wire.Reply{Problem: refused})
		return
	}
	t.metrics.together.Observe(float64(n))
	whole, now := newMessage(m.Reply, n), t.cfg.Now()
	for i, line := range lines {
		c := command{among: whole, line: i}
		one, ok := wire.ReadTogether(line)
		if !ok || !wire.TravelsTogether(together, one.Act) {
			t.answer(c, wire.Reply{Problem: wire.Refuse(wire.CodeBadRequest, "The command was not understood, or can't be sent here.")})
			continue
		}
		whole.until[i] = now.Add(one.Wait)
		c.act = one.Act
		t.admit(c, one.Request)
	}
}

// late reports whether nobody waits any more for c to be begun.
func (c *command) late(now time.Time) bool {
	return c.among != nil && !now.Before(c.among.until[c.line])
}
