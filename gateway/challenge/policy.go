package challenge

import "errors"

// Level is how much was proven, or must be.
type Level int

// Levels.
const (
	None Level = iota
	Standard
	Strong
)

// String is the level's name in the API.
func (l Level) String() string {
	switch l {
	case Standard:
		return "standard"
	case Strong:
		return "strong"
	}
	return "none"
}

// Thresholds are the scores from which a proof of each level is needed.
type Thresholds struct {
	Standard int
	Strong   int
}

// DefaultThresholds are explained with the weights in package risk.
func DefaultThresholds() Thresholds { return Thresholds{Standard: 50, Strong: 75} }

// Validate tells what makes no sense.
func (t Thresholds) Validate() error {
	if t.Standard < 1 || t.Strong < t.Standard || t.Strong > 101 {
		return errors.New("thresholds: 1 ≤ standard ≤ strong ≤ 101 (101: never)")
	}
	return nil
}

// Needs is what a score asks for.
func (t Thresholds) Needs(score int) Level {
	switch {
	case score >= t.Strong:
		return Strong
	case score >= t.Standard:
		return Standard
	}
	return None
}

// Why an answer proves nothing.
var (
	ErrFailed      = errors.New("answer is wrong") // forged, spliced, foreign, for another act or fan, used before
	ErrExpired     = errors.New("challenge has expired")
	ErrUnavailable = errors.New("the widget's provider can't be asked")
	ErrBusy        = errors.New("answers can't be recorded just now")
)

// Attempt is what came along with a request: a proof, a fault, or neither.
type Attempt struct {
	Level   Level
	Fault   error // of this package
	Skipped bool  // the fan would rather wait
}

// Verdict is what happens to a request.
type Verdict int

// Verdicts.
const (
	Enter Verdict = iota
	Ask
	Slow
	Verdicts // how many there are
)

// Decide is the policy, a pure rule. Slow says whether there is a slow lane to go
// to. An expired answer is asked for again even so, for a slow phone is no bot;
// so is one that is good but not strong enough any more.
func Decide(needs Level, a Attempt, slow bool) Verdict {
	switch {
	case a.Level >= needs:
		return Enter
	case slow && (a.Skipped || errors.Is(a.Fault, ErrFailed)):
		return Slow
	}
	return Ask
}
