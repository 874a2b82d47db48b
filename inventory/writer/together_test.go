package writer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"frontrow/internal/bus"
	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"
)

// lineOf is a command of a message, from a caller who waits for a minute.
func lineOf(t testing.TB, act string, request any) string {
	t.Helper()
	raw, err := json.Marshal(request)
	must(t, err)
	return string(wire.Together{Act: act, Wait: wire.MaxWait, Request: raw}.AppendLine(nil))
}

func holdLine(t testing.TB, fan string, seats ...string) string {
	return lineOf(t, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Seats: seats})
}

// together sends a message and returns what each of its commands is answered.
func (h *fixture) together(subject string, lines ...string) []string {
	h.T.Helper()
	m, err := h.NC.RequestWithContext(h.Context(), wire.SeatsSubject("demo", subject), []byte(strings.Join(lines, "")))
	must(h.T, err)
	return split(h.T, m.Data, len(lines))
}

func split(t testing.TB, answer []byte, n int) (answers []string) {
	t.Helper()
	texts, refused, err := wire.ReadAnswers(answer, n)
	if err != nil || refused != nil {
		t.Fatal(err, refused)
	}
	for _, a := range texts {
		answers = append(answers, string(a))
	}
	return answers
}

// verdicts are the codes of what was refused; "" of the rest.
func verdicts(t testing.TB, answers []string) (codes []string) {
	t.Helper()
	for _, a := range answers {
		var r wire.Reply
		must(t, json.Unmarshal([]byte(a), &r))
		codes = append(codes, string(inventorytest.Code(r.Problem)))
	}
	return codes
}

// Each command of a message has its own outcome, in its own place, whatever its neighbours are.
func TestCommandsTogether(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 4, 20, 0), nil)
		h.worker("one", nil)
		mine := h.Hold("C-1")
		fan := wire.NewFan()
		message := []string{
			holdLine(t, fan, "A-1", "A-2"),
			"hold 2000 {\"hold\":\n",
			holdLine(t, wire.NewFan(), "A-2", "A-3"),
			"juggle 2000 {}\n",
			lineOf(t, wire.ActConfirm, wire.ConfirmRequest{Hold: mine.Hold, Order: wire.OrderOfHold(mine.Hold), Fan: mine.Fan, Seats: mine.Seats}),
			"\n",
			lineOf(t, wire.ActRelease, wire.ReleaseRequest{Hold: mine.Hold, Fan: mine.Fan}),
			holdLine(t, wire.NewFan(), "C-1"),
		}
		answers := h.together(wire.TogetherFans, message...)
		want := []string{"", "bad-request", "taken", "bad-request", "bad-request", "bad-request", "", ""}
		if got := verdicts(t, answers); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
		for i, seats := range map[int][]string{0: {"A-1", "A-2"}, 7: {"C-1"}} {
			var r wire.HoldReply
			must(t, json.Unmarshal([]byte(answers[i]), &r))
			if fmt.Sprint(r.Quoted().Seats) != fmt.Sprint(seats) {
				t.Errorf("command %d got %v", i, r.Quoted().Seats)
			}
		}
		if s := h.Record("C-1"); s.State != wire.Held || s.Hold == mine.Hold {
			t.Errorf("after the release and another's hold: %+v", s)
		}
		h.CheckLog()
	})
}

// A message that comes again, as from a gateway that got no answer, changes nothing.
func TestCommandsTogetherAgain(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	first := h.worker("first", nil)
	ask[wire.Stock](h, wire.ActStatus, nil)
	fan := wire.NewFan()
	message := []string{holdLine(t, fan, "A-1"), holdLine(t, wire.NewFan(), "A-1"), holdLine(t, wire.NewFan(), "B-1", "B-2")}
	before := h.together(wire.TogetherFans, message...)
	again := h.together(wire.TogetherFans, message...)
	first.Stop()
	h.worker("second", nil)
	ask[wire.Stock](h, wire.ActStatus, nil)
	later := h.together(wire.TogetherFans, message...)
	for _, answers := range [][]string{again, later} {
		if fmt.Sprint(verdicts(t, answers)) != fmt.Sprint(verdicts(t, before)) || answers[0] != before[0] || answers[2] != before[2] {
			t.Errorf("again\n%q, was\n%q", answers, before)
		}
	}
	if s := ask[wire.Stock](h, wire.ActStatus, nil); s.All.Held != 3 {
		t.Errorf("%+v", s.All)
	}
}

// A message that isn't one is refused as a whole, so that its sender knows that nothing of it was begun.
func TestMessageRefusedAsAWhole(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	h.worker("one", nil)
	free := ask[wire.Stock](h, wire.ActStatus, nil).All
	for name, message := range map[string]string{
		"empty":             "",
		"cut off":           holdLine(t, wire.NewFan(), "A-1") + "hold 2000 {",
		"too many commands": strings.Repeat(holdLine(t, wire.NewFan(), "A-1")[:20]+"\n", wire.MaxTogether+1),
		"too many bytes":    holdLine(t, wire.NewFan(), "A-1") + strings.Repeat("x", wire.MaxTogetherBytes) + "\n",
	} {
		m, err := h.NC.RequestWithContext(h.Context(), wire.SeatsSubject("demo", wire.TogetherFans), []byte(message))
		must(t, err)
		if _, refused, err := wire.ReadAnswers(m.Data, 1); err != nil || refused == nil {
			t.Errorf("%s: answered %q", name, m.Data)
		}
	}
	if s := ask[wire.Stock](h, wire.ActStatus, nil).All; s != free {
		t.Errorf("something was begun: %+v", s)
	}
}

// A confirmation that the ledger must be asked about doesn't hold up its neighbours.
func TestConfirmationIsAskedForAlone(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	h.worker("one", nil)
	mine := h.Hold("A-1")
	h.Ledger.Fail(true)
	gone := wire.NewHold()
	answers := h.together(wire.TogetherOrders,
		lineOf(t, wire.ActConfirm, wire.ConfirmRequest{Hold: gone, Order: wire.OrderOfHold(gone), Fan: mine.Fan, Seats: mine.Seats}),
		lineOf(t, wire.ActConfirm, wire.ConfirmRequest{Hold: mine.Hold, Order: wire.OrderOfHold(mine.Hold), Fan: mine.Fan, Seats: mine.Seats}),
		holdLine(t, wire.NewFan(), "B-1"))
	if answers[0] != wire.AnsweredAlone {
		t.Errorf("a confirmation that waits: %s", answers[0])
	}
	if got := verdicts(t, answers[1:]); got[0] != "" || got[1] != "bad-request" {
		t.Errorf("the others: %q", got)
	}
	if s := h.Record("A-1"); s.State != wire.Sold {
		t.Errorf("%+v", s)
	}
}

// answered is a bus that keeps what is answered.
type answered map[string][][]byte

func (a answered) Subscribe(string, func(bus.Msg)) (func() error, error) {
	return func() error { return nil }, nil
}

func (a answered) Publish(subject string, data []byte) error {
	a[subject] = append(a[subject], data)
	return nil
}

// room is what the queue of an idle term has.
const room = 256

// idle is a term that nothing serves, and what it answers.
func idle(t *testing.T, clock *time.Time) (*term, answered) {
	sent := answered{}
	s := newStory(t, 1, seatingtest.Hall(t, 20, 40, 0))
	s.term.cfg.Bus, s.term.metrics, s.term.queue = sent, newMetrics(nil), make(chan command, room)
	if clock != nil {
		s.term.cfg.Now = func() time.Time { return *clock }
	}
	return s.term, sent
}

func fromFans(inbox string, lines ...string) bus.Msg {
	return bus.Msg{Subject: wire.SeatsSubject("demo", wire.TogetherFans), Reply: inbox, Data: []byte(strings.Join(lines, ""))}
}

// A writer with more to do than it has room for refuses single commands, not messages.
func TestFullQueueShedsCommands(t *testing.T) {
	term, sent := idle(t, nil)
	for range room - 2 {
		term.queue <- command{act: wire.ActStatus, request: &status{}}
	}
	term.receive(fromFans("_INBOX.x", holdLine(t, wire.NewFan(), "A-1"), "juggle 5 {}\n", holdLine(t, wire.NewFan(), "A-2"), holdLine(t, wire.NewFan(), "A-3"), holdLine(t, wire.NewFan(), "A-4")))
	if len(sent) > 0 {
		t.Fatal("answered before all commands are")
	}
	term.drainAll()
	term.finishDecided()
	want := []string{"", "bad-request", "", "unavailable", "unavailable"}
	if got := verdicts(t, split(t, sent["_INBOX.x"][0], 5)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q", got)
	}
}

// drainAll decides all that has arrived, as if each flush were stored at once.
func (t *term) drainAll() {
	for len(t.queue) > 0 || t.carried != nil {
		t.drain()
		t.finishDecided()
		if c := t.carried; c != nil {
			t.carried = nil
			t.take(*c)
		}
	}
}

// finishDecided answers what is decided, as if it were stored.
func (t *term) finishDecided() {
	for _, c := range t.deciding.commands {
		t.answer(c, c.reply)
	}
	t.engine.Take()
	t.deciding = &batch{}
}

// What nobody waits for any more is not begun; its neighbours are.
func TestLateCommandsAreNotBegun(t *testing.T) {
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	term, sent := idle(t, &now)
	brief := strings.Replace(holdLine(t, wire.NewFan(), "A-1"), " 60000 ", " 250 ", 1)
	zero := strings.Replace(holdLine(t, wire.NewFan(), "A-3"), " 60000 ", " 0 ", 1)
	term.receive(fromFans("_INBOX.x", brief, holdLine(t, wire.NewFan(), "A-2"), zero))
	now = now.Add(250 * time.Millisecond)
	term.drainAll()
	term.finishDecided()
	if got := verdicts(t, split(t, sent["_INBOX.x"][0], 3)); fmt.Sprint(got) != "[unavailable  unavailable]" {
		t.Errorf("%q", got)
	}
	if r, _ := term.engine.Look("A-1"); r.State != wire.Available {
		t.Errorf("begun too late: %+v", r)
	}
}

// A term that ends answers every command of a message once, wherever it is by then.
func TestEndOfTermAnswersMessages(t *testing.T) {
	term, sent := idle(t, nil)
	var lines []string
	for i := range 60 {
		lines = append(lines, holdLine(t, wire.NewFan(), fmt.Sprintf("%c-%d", 'A'+i/20, 1+i%20)))
	}
	half := len(lines) / 2
	term.receive(fromFans("_INBOX.x", lines[:half]...))
	term.drain()
	term.flying, term.deciding = term.deciding, &batch{}
	term.receive(fromFans("_INBOX.y", lines[half:]...))
	term.take(<-term.queue)
	c := <-term.queue
	term.carried = &c
	for range 2 {
		_ = term.abandon(context.Canceled)
	}
	for _, inbox := range []string{"_INBOX.x", "_INBOX.y"} {
		if len(sent[inbox]) != 1 {
			t.Fatalf("%d answers to %s", len(sent[inbox]), inbox)
		}
		for i, code := range verdicts(t, split(t, sent[inbox][0], half)) {
			if code != string(wire.CodeUnavailable) {
				t.Errorf("command %d was answered %q", i, code)
			}
		}
	}
}

// Nobody's message is carried out: who waits for no answer may not be who they seem.
func TestMessageNobodyWaitsFor(t *testing.T) {
	term, sent := idle(t, nil)
	term.receive(fromFans("seats.demo.block", holdLine(t, wire.NewFan(), "A-1")))
	if len(term.queue) > 0 || len(sent) > 0 {
		t.Error("a message without an inbox was taken")
	}
}

// Whatever comes, each message is answered once, with as many lines as it has.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("hold 2000 {}\nrelease 12 {\"hold\":\"h_1\"}\n"))
	f.Add([]byte("checkout 9 {\"key\":\"k\"}\nconfirm 9 {}\n\n"))
	f.Add([]byte("{\"problem\":null}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		term, sent := idle(t, nil)
		term.receive(bus.Msg{Subject: wire.SeatsSubject("demo", wire.TogetherFans), Reply: "_INBOX.x", Data: data})
		term.drainAll()
		if n := len(sent["_INBOX.x"]); n != 1 {
			t.Fatalf("%d answers", n)
		}
		if _, refused, err := wire.ReadAnswers(sent["_INBOX.x"][0], bytes.Count(data, []byte("\n"))); err != nil && refused == nil {
			t.Fatalf("%q is answered %q", data, sent["_INBOX.x"][0])
		}
	})
}
