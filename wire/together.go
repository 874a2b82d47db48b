package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"
)

// Commands to the writer of an event's seats travel together, many in one message to
// seats.<event>.fans or seats.<event>.orders, a line each:
//
//	hold 2000 {"hold":"h_…","claims":{…},"seats":["101-A-1"]}
//	release 1873 {"hold":"h_…","fan":"f_…"}
//
// A line is an act, for how many milliseconds its caller still waits, and its request. The
// answer has a line for each command, in their order: what it would have been answered on
// seats.<event>.<act>, or AnsweredAlone. A message that is refused as a whole is answered with
// a Reply that no newline ends: nothing of it was begun. So answers a writer of the version
// before, which knows nothing of such messages.
const (
	TogetherFans   = "fans"   // by gateways, for fans
	TogetherOrders = "orders" // by inventory workers, about orders
)

// Bounds of such a message and of its answer, for servers that let 1 MiB through. A hold of
// two is asked for in 250 bytes and granted in 500.
const (
	MaxTogether       = 512         // commands
	MaxTogetherBytes  = 128 << 10   // of their message
	MaxTogetherAnswer = 768 << 10   // bytes of its answer
	MaxWait           = time.Minute // that a command may say
)

// AnsweredAlone is the answer to a command that must be asked for again, alone: since it has to
// wait for the ledger, which would hold up the others, or since its answer found no room beside
// theirs. Then it has been carried out, and is answered the same again.
const AnsweredAlone = "alone"

// TravelsTogether reports whether an act may be asked for in a message to seats.<event>.<together>:
// one of those that come by the thousand and that may be repeated.
func TravelsTogether(together, act string) bool {
	switch together {
	case TogetherFans:
		return act == ActHold || act == ActRelease || act == ActCheckout
	case TogetherOrders:
		return act == ActExtend || act == ActConfirm || act == ActGiveBack || act == ActRefund
	}
	return false
}

// Together is a command in such a message.
type Together struct {
	Act     string
	Wait    time.Duration // for which its caller still waits, in whole milliseconds
	Request []byte        // JSON, in one line
}

// AppendLine appends the command's line to b.
func (c Together) AppendLine(b []byte) []byte {
	b = append(append(b, c.Act...), ' ')
	b = strconv.AppendInt(b, c.Wait.Milliseconds(), 10)
	return append(append(append(b, ' '), c.Request...), '\n')
}

// Room is how long the command's line is at most.
func (c Together) Room() int { return len(c.Act) + len(c.Request) + len(" 60000 \n") }

// Fits reports whether the command can be in a message.
func (c Together) Fits() bool {
	return c.Room() <= MaxTogetherBytes && len(c.Request) > 0 && bytes.IndexByte(c.Request, '\n') < 0
}

// ReadTogether reads a line, without its newline. It keeps it.
func ReadTogether(line []byte) (c Together, ok bool) {
	act, rest, _ := bytes.Cut(line, []byte(" "))
	wait, request, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(act) == 0 || len(request) == 0 || len(wait) == 0 || len(wait) > len("60000") {
		return c, false
	}
	for _, d := range wait {
		if d < '0' || d > '9' {
			return c, false
		}
		c.Wait = 10*c.Wait + time.Duration(d-'0')
	}
	c.Act, c.Wait, c.Request = string(act), min(c.Wait*time.Millisecond, MaxWait), request
	return c, true
}

// LinesTogether counts the commands of a message and lists their lines, or says why it is
// refused as a whole.
func LinesTogether(message []byte) (n int, lines iter.Seq2[int, []byte], refused *Problem) {
	switch n = bytes.Count(message, []byte("\n")); {
	case len(message) > MaxTogetherBytes, n > MaxTogether:
		return 0, nil, Refuse(CodeTooLarge, fmt.Sprintf("These are too many commands for one message: %d of %d bytes, and at most %d of %d go.", n, len(message), MaxTogether, MaxTogetherBytes))
	case n == 0 || message[len(message)-1] != '\n':
		return 0, nil, Refuse(CodeBadRequest, "The message was not understood: each of its lines is a command and ends with a newline.")
	}
	return n, linesOf(message), nil
}

// linesOf lists the lines of a text, each without its newline.
func linesOf(text []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for i := 0; len(text) > 0; i++ {
			var line []byte
			if line, text, _ = bytes.Cut(text, []byte("\n")); !yield(i, line) {
				return
			}
		}
	}
}

// AppendAnswers appends the answer to a message to b: what its commands are answered, which is
// JSON in one line each, or AnsweredAlone.
func AppendAnswers(b []byte, answers [][]byte) []byte {
	room := MaxTogetherAnswer - len(answers)*len(AnsweredAlone+"\n") // so that each of the others can still be said to be alone
	for _, a := range answers {
		if room -= len(a); room < 0 {
			room += len(a)
			a = []byte(AnsweredAlone)
		}
		b = append(append(b, a...), '\n')
	}
	return b
}

// ErrAnswers is of an answer to n commands that is not one: what became of them is unknown.
var ErrAnswers = errors.New("the answer doesn't fit the commands")

// ReadAnswers splits the answer to a message of n commands into theirs, which are parts of it.
// Refused is why the message was not begun.
func ReadAnswers(raw []byte, n int) (answers [][]byte, refused *Problem, err error) {
	if !bytes.HasSuffix(raw, []byte("\n")) {
		var r Reply
		if err := json.Unmarshal(raw, &r); err != nil || r.Problem == nil {
			return nil, nil, ErrAnswers
		}
		return nil, r.Problem, nil
	}
	answers = make([][]byte, 0, n)
	for _, line := range linesOf(raw) {
		answers = append(answers, slices.Clip(line))
	}
	if len(answers) != n {
		return nil, nil, fmt.Errorf("%w: %d answers to %d commands", ErrAnswers, len(answers), n)
	}
	return answers, nil, nil
}
