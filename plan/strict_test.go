package plan

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestFilesAreStrict: a plan that says a thing twice, or what nothing reads, is refused
// with every such place.
func TestFilesAreStrict(t *testing.T) {
	t.Parallel()
	p, err := Generate(Spec{Kind: Theatre, Seats: 400})
	if err != nil {
		t.Fatal(err)
	}
	sound, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if again, _, err := Read(bytes.NewReader(sound)); err != nil || Digest(again) != Digest(p) {
		t.Fatalf("a sound plan: %v", err)
	}
	for name, c := range map[string]struct{ raw, want string }{
		"twice":         {`{"name":"x","sections":[],` + "\n" + `"sections":[{"rank":1, "rank":2}]}`, "line 2, column 1: the key sections is written twice\nline 2, column 24: the key rank is written twice"},
		"unknown":       {"{\"sections\": [{\n  \"id\": \"a\", \"rnk\": 1, \"rows\": [{\"seats\": [{\"Number\": 1}]}]}],\n \"pläne\": 1, \"more\": 2}", "line 2, column 14: no such key: rnk\nline 2, column 45: no such key: Number\nline 3, column 2: no such key: pläne\nline 3, column 14: no such key: more"},
		"escaped":       {`{"sections": [], "a\"\\": 1}`, `line 1, column 18: no such key: a"\`},
		"pretix, twice": {`{"zones": [], "size": {"width": 1, "width": 2}}`, `line 1, column 36: the key width is written twice`},
		"a comma":       {"{\"sections\": [],\n}", "line 2, column 1: invalid character '}'"},
		"half":          {`{"sections": [`, "line 1, column 14: unexpected end of JSON input"},
		"two":           {`{"sections": []} {}`, "line 1, column 18: invalid character '{' after top-level value"},
		"a text":        {"{\n\"sections\": [{\"rank\": \"first\"}]}", `line 2, column 29: sections.rank can't be string`},
		"a list":        {"[]", "line 1, column 1: a plan is an object, not array"},
		"nothing":       {"", "line 1, column 1: unexpected end of JSON input"},
		"points":        {`{"focus": [1, 2, 3], "sections": []}`, "decode plan: a point has 2 numbers, not 3"},
	} {
		_, _, err := Read(strings.NewReader(c.raw))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s:\n%v\nwant\n%s", name, err, c.want)
		}
		var syntax *SyntaxError
		if errors.As(err, &syntax) == strings.HasPrefix(c.want, "decode") {
			t.Errorf("%s: %T", name, err)
		}
	}
	many := `{"sections": [], ` + strings.Repeat(`"x": 1, `, 10*maxFaults) + `"y": 1}`
	if _, _, err := Read(strings.NewReader(many)); err == nil || strings.Count(err.Error(), "\n") != maxFaults-1 {
		t.Errorf("%v", err)
	}
}
