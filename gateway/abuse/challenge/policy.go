package challenge

import "errors"

// Level is how much is proven, or must be.
type Level int

// Levels.
const (
	None Level = iota
	Standard
	Strong
)

// String returns the level's name in the API.
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

// Validate reports what makes no sense.
func (t Thresholds) Validate() error {
	if t.Standard < 1 || t.Strong < t.Standard || t.Strong > 101 {
		return errors.New("thresholds: 1 ≤ standard ≤ strong ≤ 101 (101: never)")
	}
	return nil
}

// Needs returns the level that a score requires.
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
	ErrFailed      = errors.New("answer is wrong") // forged, spliced, not ours, for another act or fan, or used before
	ErrExpired     = errors.New("challenge has expired")
	ErrUnavailable = errors.New("the widget's provider can't be asked")
	ErrBusy        = errors.New("answers can't be recorded just now")
)

// Attempt is what a request brought along: a proof, a fault, or neither.
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

// Decide is the policy, a pure rule. slow says whether there is a slow lane. Even if there
// is, a fan whose answer has expired is asked again, since a slow phone is no bot; and so
// is one whose answer is good but no longer strong enough.
func Decide(needs Level, a Attempt, slow bool) Verdict {
	switch {
	case a.Level >= needs:
		return Enter
	case slow && (a.Skipped || errors.Is(a.Fault, ErrFailed)):
		return Slow
	}
	return Ask
}
