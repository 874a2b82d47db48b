package eventfile

import (
	"errors"
	"strings"
	"testing"

	"frontrow/wire"
)

// A block takes its place in a file, and nothing else changes.
func TestSplice(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"first":        {"id: x\npricing: # ours\n  # moves\n  mode: demand # so\n\nname: y\n", "id: x\npricing: # ours\n  # moves\n  mode: demand # so\n  curve:\n    - 1\n\nname: y\n"},
		"in place":     {"pricing:\n    mode: demand\n    curve:\n        - 2\n\n          # of old\n        - 3\n    # next\n    spread: true\n", "pricing:\n    mode: demand\n    curve:\n      - 1\n    # next\n    spread: true\n"},
		"last":         {"pricing:\n  mode: demand\n  curve: [2,\n    3]", "pricing:\n  mode: demand\n  curve:\n    - 1\n"},
		"CR LF":        {"pricing:\r\n  mode: demand\r\n", "pricing:\r\n  mode: demand\r\n  curve:\r\n    - 1\r\n"},
		"no last end":  {"pricing:\n  rails:\n    - {level: a}\n  mode: demand", "pricing:\n  rails:\n    - {level: a}\n  mode: demand\n  curve:\n    - 1\n"},
		"a list last":  {"pricing:\n  mode: demand\n  rails:\n    - level: a\n\n      step: 5\nid: x\n", "pricing:\n  mode: demand\n  rails:\n    - level: a\n\n      step: 5\n  curve:\n    - 1\nid: x\n"},
		"a flat list":  {"pricing:\n  curve:\n  - 2\n  - 3\n  rails:\n  - level: a\nid: x\n", "pricing:\n  curve:\n    - 1\n  rails:\n  - level: a\nid: x\n"},
		"no pricing":   {"id: x\n", ""},
		"flow":         {"pricing: {mode: demand}\n", ""},
		"flow, in all": {`{"pricing": {"mode": "demand"}}`, ""},
	} {
		var s wire.Spec
		got, err := Read("f", []byte(c.raw), &s).Splice([]byte(c.raw), "pricing", "curve", []string{"curve:", "  - 1"})
		if string(got) != c.want || (err == nil) != (c.want != "") || strings.HasPrefix(name, "flow") && !errors.Is(err, errStyle) {
			t.Errorf("%s: %v\n%q\nwant\n%q", name, err, got, c.want)
		}
	}
}
