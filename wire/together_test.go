package wire

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTogether(t *testing.T) {
	commands := []Together{
		{ActHold, 2 * time.Second, []byte(`{"hold":"h_1","claims":{"fan":"a b"}}`)},
		{ActRelease, 0, []byte(`{}`)},
		{ActCheckout, MaxWait, []byte(`"\n ü"`)},
	}
	var message []byte
	for _, c := range commands {
		if before := len(message); !c.Fits() {
			t.Errorf("%q doesn't fit", c.Request)
		} else if message = c.AppendLine(message); len(message)-before > c.Room() {
			t.Errorf("%q has more room than it says", c.Request)
		}
	}
	n, lines, refused := LinesTogether(message)
	if n != len(commands) || refused != nil {
		t.Fatal(n, refused)
	}
	for i, line := range lines {
		if c, ok := ReadTogether(line); !ok || c.Act != commands[i].Act || c.Wait != commands[i].Wait || !bytes.Equal(c.Request, commands[i].Request) {
			t.Errorf("%q came back as %+v, %v", line, c, ok)
		}
	}
	for _, odd := range []string{"", "hold", "hold 5", "hold 5 ", "hold  {}", " 5 {}", "hold -5 {}", "hold 5s {}", "hold 600000 {}", "hold +5 {}"} {
		if c, ok := ReadTogether([]byte(odd)); ok {
			t.Errorf("%q was read as %+v", odd, c)
		}
	}
	if c, _ := ReadTogether([]byte("hold 99999 {}")); c.Wait != MaxWait {
		t.Errorf("a caller waits for %v", c.Wait)
	}
	for _, c := range []Together{{ActHold, 0, nil}, {ActHold, 0, []byte("{\n}")}, {ActHold, 0, make([]byte, MaxTogetherBytes)}} {
		if c.Fits() {
			t.Errorf("a request of %d bytes fits", len(c.Request))
		}
	}
}

// A message that was cut off, or is larger than is agreed, is refused before any of it is read.
func TestTogetherIsBounded(t *testing.T) {
	for message, want := range map[string]Code{
		"":                                  CodeBadRequest,
		"hold 5 {}":                         CodeBadRequest,
		"hold 5 {}\nhold 5 {":               CodeBadRequest,
		strings.Repeat("\n", MaxTogether+1): CodeTooLarge,
		strings.Repeat("x", MaxTogetherBytes) + "\n": CodeTooLarge,
	} {
		if _, _, refused := LinesTogether([]byte(message)); refused == nil || refused.Code != want {
			t.Errorf("%d bytes: %v", len(message), refused)
		}
	}
	if n, _, refused := LinesTogether([]byte(strings.Repeat("\n", MaxTogether))); n != MaxTogether || refused != nil {
		t.Error(n, refused)
	}
}

func TestAnswersTogether(t *testing.T) {
	said := [][]byte{[]byte(`{"problem":{}}`), []byte(AnsweredAlone), []byte(`{}`)}
	raw := AppendAnswers(nil, said)
	answers, refused, err := ReadAnswers(raw, len(said))
	if err != nil || refused != nil || !slices.EqualFunc(answers, said, bytes.Equal) {
		t.Errorf("%q, %v, %v", answers, refused, err)
	}
	_ = append(answers[0], "overwritten"...)
	if string(answers[1]) != AnsweredAlone {
		t.Error("one answer runs into the next")
	}
	for n, raw := range map[int]string{1: "{}\n{}\n", 2: "{}\n", 3: "{}", 4: ""} {
		if _, _, err := ReadAnswers([]byte(raw), n); !errors.Is(err, ErrAnswers) {
			t.Errorf("%q answers %d commands: %v", raw, n, err)
		}
	}
	before := []byte(`{"problem":{"code":"bad-request","detail":"The request was not understood."}}`)
	if _, refused, err := ReadAnswers(before, 1); err != nil || refused == nil || refused.Code != CodeBadRequest {
		t.Errorf("the answer of a writer of the version before: %v, %v", refused, err)
	}
}

// Answers never grow beyond what the servers let through: what has no room is asked for alone.
func TestAnswersAreBounded(t *testing.T) {
	said := make([][]byte, MaxTogether)
	for i := range said {
		said[i] = []byte(`"` + strings.Repeat("x", MaxTogetherAnswer/100) + `"`)
	}
	said[MaxTogether-1] = []byte(`{}`)
	raw := AppendAnswers(nil, said)
	if len(raw) > MaxTogetherAnswer+MaxTogether {
		t.Errorf("%d bytes", len(raw))
	}
	answers, _, err := ReadAnswers(raw, len(said))
	if err != nil {
		t.Fatal(err)
	}
	alone := 0
	for i, a := range answers {
		if string(a) == AnsweredAlone {
			alone++
		} else if !bytes.Equal(a, said[i]) {
			t.Fatalf("command %d got %q", i, a)
		}
	}
	if want := MaxTogether - 100; alone < want || alone > want+2 || string(answers[MaxTogether-1]) != `{}` {
		t.Errorf("%d of %d are answered alone", alone, MaxTogether)
	}
}

// Whatever a message is, each of its commands is read as it was written or not at all, and each
// gets its own answer.
func FuzzTogether(f *testing.F) {
	f.Add([]byte("hold 2000 {\"hold\":\"h_1\"}\nrelease 12 {}\n"))
	f.Add([]byte("hold 2000 {}"))
	f.Add([]byte("\n\n \n  \nhold 00001 x y\n"))
	f.Add([]byte("hold 18446744073709551616 {}\r\n"))
	f.Fuzz(func(t *testing.T, message []byte) {
		n, lines, refused := LinesTogether(message)
		if refused != nil {
			return
		}
		var answers [][]byte
		for i, line := range lines {
			if i != len(answers) {
				t.Fatalf("line %d follows line %d", i, len(answers))
			}
			answers = append(answers, line)
			c, ok := ReadTogether(line)
			if !ok {
				continue
			}
			back, ok := ReadTogether(bytes.TrimSuffix(c.AppendLine(nil), []byte("\n")))
			if !ok || back.Act != c.Act || back.Wait != c.Wait || !bytes.Equal(back.Request, c.Request) || !c.Fits() {
				t.Fatalf("%q came back as %+v, %v", line, back, ok)
			}
		}
		again, _, err := ReadAnswers(AppendAnswers(nil, answers), n)
		if err != nil || !slices.EqualFunc(again, answers, bytes.Equal) {
			t.Fatalf("answers %q came back as %q, %v", answers, again, err)
		}
	})
}
