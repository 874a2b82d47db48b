package writer

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"frontrow/wire"

	"github.com/anishathalye/porcupine"
)

// historyOp is one attempt of a client at one seat, as porcupine's input; a
// request for several seats is one attempt at each. Sending a request again is
// another attempt.
type historyOp struct {
	act  historyAct
	seat string
	hold string
}

type historyAct string

const (
	actHold     historyAct = "hold"
	actRelease  historyAct = "release"  // by the fan
	actFail     historyAct = "fail"     // a checkout whose payment failed
	actCheckout historyAct = "checkout" //
	actConfirm  historyAct = "confirm"  // what the ledger has sold
	actRead     historyAct = "read"     // of the seat's record
	actLapse    historyAct = "expire"   // may take effect from the hold's deadline on
)

// historyOutcome is porcupine's output.
type historyOutcome struct {
	result historyResult
	seen   historySeat // of a read
}

type historyResult string

const (
	resultOK      historyResult = "ok"
	resultTaken   historyResult = "taken"   // refused, for this seat
	resultSpared  historyResult = "spared"  // refused, for other seats
	resultOver    historyResult = "over"    // refused: the hold has ended
	resultUnknown historyResult = "unknown" // no answer, or "try again": it may take effect at any time, or never
)

// historySeat is the sequential specification of a seat:
//
//	free ──hold──► inventorytest.Held ──checkout──► in checkout ──confirm──► sold
//	 ▲ ▲            │                      │
//	 │ └─release,───┘                      │
//	 │   expire                            │
//	 └───────────────fail──────────────────┘
type historySeat struct {
	state    wire.State
	hold     string
	checkout bool
}

var freeSeat = historySeat{state: wire.Available}

// next returns the states a seat may be in after an operation with this
// outcome; none if the outcome is impossible.
func (s historySeat) next(in historyOp, out historyOutcome) []historySeat {
	mine := s.hold == in.hold && s.state != wire.Available
	plain, paying, sold := mine && s.state == wire.Held && !s.checkout, mine && s.state == wire.Held && s.checkout, mine && s.state == wire.Sold
	stay := []historySeat{s}
	if out.result == resultUnknown || in.act == actLapse {
		if effect := s.effect(in, plain, paying); effect != s {
			return append(stay, effect)
		}
		return stay
	}
	possible := false
	switch in.act {
	case actHold:
		possible = out.result == resultOK && (s == freeSeat || plain) ||
			out.result == resultTaken && s != freeSeat || out.result == resultSpared && s == freeSeat ||
			out.result == resultOver && !mine // granted before, unheard
	case actRelease:
		possible = out.result == resultOK && !paying && !sold
	case actFail:
		possible = out.result == resultOK && !plain && !sold
	case actCheckout:
		possible = out.result == resultOK && mine || out.result == resultOver && !mine
	case actConfirm:
		possible = out.result == resultOK && (paying || sold)
	case actRead:
		possible = s == out.seen
	}
	switch {
	case !possible:
		return nil
	case out.result == resultOK:
		return []historySeat{s.effect(in, plain, paying)}
	}
	return stay
}

// effect is what the act does to the seat where it does anything.
func (s historySeat) effect(in historyOp, plain, paying bool) historySeat {
	switch {
	case in.act == actHold && s == freeSeat:
		return historySeat{wire.Held, in.hold, false}
	case (in.act == actRelease || in.act == actLapse) && plain, in.act == actFail && paying:
		return freeSeat
	case in.act == actCheckout && plain:
		return historySeat{wire.Held, in.hold, true}
	case in.act == actConfirm && paying:
		return historySeat{wire.Sold, in.hold, true}
	}
	return s
}

func historyModel() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			at := map[string]int{}
			var parts [][]porcupine.Operation
			for _, o := range history {
				seat := o.Input.(historyOp).seat
				i, ok := at[seat]
				if !ok {
					i = len(parts)
					at[seat], parts = i, append(parts, nil)
				}
				parts[i] = append(parts[i], o)
			}
			return parts
		},
		Init: func() []any { return []any{freeSeat} },
		Step: func(state, input, output any) (next []any) {
			for _, s := range state.(historySeat).next(input.(historyOp), output.(historyOutcome)) {
				next = append(next, s)
			}
			return next
		},
		DescribeOperation: func(input, output any) string {
			in, out := input.(historyOp), output.(historyOutcome)
			if in.act == actRead {
				return fmt.Sprintf("read %s: %v", in.seat, out.seen)
			}
			return fmt.Sprintf("%s %s %.6s: %s", in.act, in.seat, in.hold, out.result)
		},
	}
	return m.ToModel()
}

const checkLimit = 2 * time.Minute

// checkHistory asks porcupine whether the seats behaved as if one thing had
// happened after the other.
func checkHistory(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	model := historyModel()
	result, info := porcupine.CheckOperationsVerbose(model, history, checkLimit)
	if result == porcupine.Ok {
		return
	}
	path := filepath.Join(t.TempDir(), "history.html")
	if err := porcupine.VisualizePath(model, info, path); err != nil {
		t.Error(err)
	}
	t.Errorf("the history is not linearizable (%s): %s", result, path)
	for _, seat := range model.Partition(history) {
		if porcupine.CheckOperationsTimeout(model, seat, checkLimit) == porcupine.Illegal {
			for _, o := range seat {
				t.Logf("%10.3f … %10.3f ms  %s", float64(o.Call)/1e6, float64(o.Return)/1e6, model.DescribeOperation(o.Input, o.Output))
			}
			return
		}
	}
}

// The checker must find what it is there for.
func TestHistoryCheckerFindsFaults(t *testing.T) {
	const end = 1000
	op := func(act historyAct, hold string, result historyResult, call, ret int64) porcupine.Operation {
		return porcupine.Operation{Input: historyOp{act, "A-1", hold}, Output: historyOutcome{result: result}, Call: call, Return: ret}
	}
	read := func(s historySeat, call, ret int64) porcupine.Operation {
		return porcupine.Operation{Input: historyOp{act: actRead, seat: "A-1"}, Output: historyOutcome{seen: s}, Call: call, Return: ret}
	}
	held := func(h string) historySeat { return historySeat{wire.Held, h, false} }
	for _, c := range []struct {
		name  string
		legal bool
		ops   []porcupine.Operation
	}{
		{"one after the other", true, []porcupine.Operation{op(actHold, "a", resultOK, 1, 5), op(actHold, "b", resultTaken, 2, 8), op(actRelease, "a", resultOK, 9, 10), op(actHold, "b", resultOK, 11, 12)}},
		{"two owners", false, []porcupine.Operation{op(actHold, "a", resultOK, 1, 5), op(actHold, "b", resultOK, 2, 8)}},
		{"owner, then another, released too late", false, []porcupine.Operation{op(actHold, "a", resultOK, 1, 5), op(actHold, "b", resultOK, 6, 8), op(actRelease, "a", resultOK, 9, 10)}},
		{"an answered hold is lost", false, []porcupine.Operation{op(actHold, "a", resultOK, 1, 5), read(freeSeat, 6, 7)}},
		{"freed by its deadline", true, []porcupine.Operation{op(actHold, "a", resultOK, 1, 5), op(actLapse, "a", resultUnknown, 20, end), read(freeSeat, 20, 21)}},
		{"freed before its deadline", false, []porcupine.Operation{op(actHold, "a", resultOK, 1, 5), op(actLapse, "a", resultUnknown, 20, end), read(freeSeat, 6, 19)}},
		{"stale read", false, []porcupine.Operation{op(actHold, "a", resultOK, 1, 5), op(actRelease, "a", resultOK, 6, 7), read(held("a"), 8, 9)}},
		{"taken though free", false, []porcupine.Operation{op(actHold, "a", resultOK, 1, 5), op(actRelease, "a", resultOK, 6, 7), op(actHold, "b", resultTaken, 8, 9)}},
		{"unknown took effect later", true, []porcupine.Operation{op(actHold, "a", resultUnknown, 1, end), read(freeSeat, 5, 6), read(held("a"), 7, 8)}},
		{"unknown took effect and vanished", false, []porcupine.Operation{op(actHold, "a", resultUnknown, 1, end), read(held("a"), 5, 6), read(freeSeat, 7, 8)}},
		{"unknown, yet another has it twice", false, []porcupine.Operation{op(actHold, "a", resultUnknown, 1, end), op(actHold, "b", resultOK, 2, 3), op(actHold, "c", resultOK, 4, 5)}},
		{"freed in checkout", false, []porcupine.Operation{op(actHold, "a", resultOK, 1, 5), op(actLapse, "a", resultUnknown, 6, end), op(actCheckout, "a", resultOK, 7, 8), op(actHold, "b", resultOK, 9, 10)}},
		{"a failed checkout frees", true, []porcupine.Operation{op(actHold, "a", resultOK, 1, 5), op(actCheckout, "a", resultOK, 7, 8), op(actFail, "a", resultOK, 9, 10), op(actHold, "b", resultOK, 11, 12)}},
		{"sold twice", false, []porcupine.Operation{op(actHold, "a", resultOK, 1, 2), op(actCheckout, "a", resultOK, 3, 4), op(actConfirm, "a", resultOK, 5, 6), op(actHold, "b", resultOK, 7, 8)}},
		{"sold, then released", false, []porcupine.Operation{op(actHold, "a", resultOK, 1, 2), op(actCheckout, "a", resultOK, 3, 4), op(actConfirm, "a", resultOK, 5, 6), op(actRelease, "a", resultOK, 7, 8)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := porcupine.CheckOperations(historyModel(), c.ops); got != c.legal {
				t.Errorf("linearizable: %v", got)
			}
		})
	}
}
