package altcha

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/scrypt"
)

// keys signs like a keyring: the first signs, all verify.
type keys []string

func (k keys) MACs(context string, message []byte) (sums [][]byte) {
	for _, key := range k {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(context))
		h.Write(message)
		sums = append(sums, h.Sum(nil))
	}
	return sums
}

var (
	ours = keys{"secret"}
	task = Task{Act: "join", For: "fan", Level: 2, Tries: 40}
	now  = time.Unix(1_800_000_000, 0)
)

func challenge(t testing.TB, task Task) Challenge {
	t.Helper()
	c, err := New(ours, task, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func solve(t testing.TB, c Challenge) string {
	t.Helper()
	payload, err := Solve(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestSolvedIsProven(t *testing.T) {
	t.Parallel()
	for range 10 {
		c := challenge(t, task)
		p, err := Check(ours, solve(t, c), "join", "fan", now)
		if err != nil || p != (Proof{c.Parameters.Nonce, 2, now.Add(time.Minute)}) {
			t.Fatal(p, err)
		}
		// A rotated key still verifies what it signed.
		if _, err := Check(keys{"new", "secret"}, solve(t, c), "join", "fan", now); err != nil {
			t.Fatal(err)
		}
	}
}

// A client that follows the protocol's text, and none of our code.
func TestAnotherSolver(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(challenge(t, task))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Parameters map[string]any
		Signature  string
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	nonce, _ := hex.DecodeString(c.Parameters["nonce"].(string))
	salt, _ := hex.DecodeString(c.Parameters["salt"].(string))
	for n := 0; n < task.Tries; n++ {
		key, err := scrypt.Key(append(nonce[:12:12], 0, 0, byte(n>>8), byte(n)), salt, int(c.Parameters["cost"].(float64)),
			int(c.Parameters["memoryCost"].(float64)), int(c.Parameters["parallelism"].(float64)), int(c.Parameters["keyLength"].(float64)))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(hex.EncodeToString(key), c.Parameters["keyPrefix"].(string)) {
			answer, _ := json.Marshal(map[string]any{"challenge": map[string]any{"signature": c.Signature, "parameters": c.Parameters},
				"solution": map[string]any{"counter": n, "derivedKey": hex.EncodeToString(key), "time": 12.5}, "widget": "unknown members are nobody's business"})
			if _, err := Check(ours, base64.StdEncoding.EncodeToString(answer), "join", "fan", now); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("no solution within the promised tries")
}

// edit changes a solved answer as an attacker would.
func edit(t *testing.T, payload string, change func(a map[string]any, p map[string]any)) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	var a map[string]any
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	change(a, a["challenge"].(map[string]any)["parameters"].(map[string]any))
	if raw, err = json.Marshal(a); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func TestNothingIsProven(t *testing.T) {
	t.Parallel()
	good := solve(t, challenge(t, task))
	other := solve(t, challenge(t, task))
	stranger, err := New(keys{"another"}, task, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	param := func(name string, value any) string {
		return edit(t, good, func(_, p map[string]any) { p[name] = value })
	}
	data := func(name string, value any) string {
		return edit(t, good, func(_, p map[string]any) {
			d := maps.Clone(p["data"].(map[string]any))
			d[name] = value
			p["data"] = d
		})
	}
	spliced := func(name string) string { // a parameter of another solved challenge
		return edit(t, good, func(_, p map[string]any) {
			edit(t, other, func(_, q map[string]any) { p[name] = q[name] })
		})
	}
	c := challenge(t, task)
	unsolved, _ := json.Marshal(answer{c, solution{DerivedKey: c.Parameters.KeyPrefix + strings.Repeat("00", keyLength-prefixBytes)}})
	raw, _ := base64.StdEncoding.DecodeString(good)
	for name, x := range map[string]struct {
		payload, act, whom string
		at                 time.Time
		want               error
	}{
		"empty":              {"", "join", "fan", now, ErrMalformed},
		"not base64":         {"{}", "join", "fan", now, ErrMalformed},
		"not JSON":           {"aGVsbG8=", "join", "fan", now, ErrMalformed},
		"null":               {"bnVsbA==", "join", "fan", now, ErrMalformed},
		"an array":           {"W10=", "join", "fan", now, ErrMalformed},
		"oversized":          {strings.Repeat("A", MaxPayload+4), "join", "fan", now, ErrMalformed},
		"cut":                {good[:len(good)-40], "join", "fan", now, ErrMalformed},
		"number as text":     {param("cost", "128"), "join", "fan", now, ErrMalformed},
		"a fraction":         {param("cost", 1.5), "join", "fan", now, ErrMalformed},
		"negative counter":   {edit(t, good, func(a, _ map[string]any) { a["solution"].(map[string]any)["counter"] = -1 }), "join", "fan", now, ErrMalformed},
		"long nonce":         {param("nonce", strings.Repeat("0", 26)), "join", "fan", now, ErrMalformed},
		"key is not hex":     {edit(t, good, func(a, _ map[string]any) { a["solution"].(map[string]any)["derivedKey"] = "zz" }), "join", "fan", now, ErrMalformed},
		"foreign":            {solve(t, stranger), "join", "fan", now, ErrForeign},
		"unsigned":           {edit(t, good, func(a, _ map[string]any) { a["challenge"].(map[string]any)["signature"] = "" }), "join", "fan", now, ErrForeign},
		"signed otherwise":   {edit(t, good, func(a, _ map[string]any) { a["challenge"].(map[string]any)["signature"] = "!" }), "join", "fan", now, ErrForeign},
		"cheaper":            {param("cost", 2), "join", "fan", now, ErrForeign},
		"less memory":        {param("memoryCost", 1), "join", "fan", now, ErrForeign},
		"shorter prefix":     {param("keyPrefix", ""), "join", "fan", now, ErrForeign},
		"longer life":        {param("expiresAt", now.Add(time.Hour).Unix()), "join", "fan", now, ErrForeign},
		"stronger":           {data("level", 9), "join", "fan", now, ErrForeign},
		"fewer tries":        {data("tries", 1), "join", "fan", now, ErrForeign},
		"for another":        {data("for", "other"), "join", "other", now, ErrForeign},
		"for another act":    {data("act", "hold"), "hold", "fan", now, ErrForeign},
		"spliced expiry":     {spliced("nonce"), "join", "fan", now, ErrForeign},
		"spliced salt":       {spliced("salt"), "join", "fan", now, ErrForeign},
		"spliced key":        {spliced("keySignature"), "join", "fan", now, ErrForeign},
		"expired":            {good, "join", "fan", now.Add(61 * time.Second), ErrExpired},
		"somebody else's":    {good, "join", "other", now, ErrPurpose},
		"of another act":     {good, "hold", "fan", now, ErrPurpose},
		"not solved":         {base64.StdEncoding.EncodeToString(unsolved), "join", "fan", now, ErrUnsolved},
		"solved for another": {edit(t, good, func(a, _ map[string]any) { edit(t, other, func(b, _ map[string]any) { a["solution"] = b["solution"] }) }), "join", "fan", now, ErrUnsolved},
		"key too long": {edit(t, good, func(a, _ map[string]any) {
			s := a["solution"].(map[string]any)
			s["derivedKey"] = s["derivedKey"].(string) + "00"
		}), "join", "fan", now, ErrUnsolved},
		"no key":               {edit(t, good, func(a, _ map[string]any) { a["solution"].(map[string]any)["derivedKey"] = "" }), "join", "fan", now, ErrUnsolved},
		"two values in a body": {base64.StdEncoding.EncodeToString(append(raw, raw...)), "join", "fan", now, ErrMalformed},
	} {
		if p, err := Check(ours, x.payload, x.act, x.whom, x.at); !errors.Is(err, x.want) || p != (Proof{}) {
			t.Errorf("%s: %+v, %v, want %v", name, p, err, x.want)
		}
	}
	// A second value of a member overrides the first for everybody alike: the one
	// that is used is the one that is signed.
	twice := strings.Replace(string(raw), `"expiresAt":`, `"expiresAt":9999999999,"expiresAt":`, 1)
	if _, err := Check(ours, base64.StdEncoding.EncodeToString([]byte(twice)), "join", "fan", now.Add(time.Hour)); !errors.Is(err, ErrExpired) {
		t.Errorf("an expiry given twice: %v", err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	for _, tries := range []int{0, -1, MaxTries + 1} {
		if _, err := New(ours, Task{Tries: tries}, now); err == nil {
			t.Errorf("%d tries", tries)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Solve(ctx, challenge(t, task)); !errors.Is(err, context.Canceled) {
		t.Errorf("solving goes on: %v", err)
	}
	for name, change := range map[string]func(*Parameters){
		"nonce": func(p *Parameters) { p.Nonce = "x" }, "algorithm": func(p *Parameters) { p.Algorithm = "SHA-256" },
		"cost": func(p *Parameters) { p.Cost = 3 }, "length": func(p *Parameters) { p.KeyLength = 0 },
	} {
		c := challenge(t, task)
		change(&c.Parameters)
		if _, err := Solve(t.Context(), c); !errors.Is(err, ErrMalformed) {
			t.Errorf("bad %s: %v", name, err)
		}
	}
	if n := len(solve(t, challenge(t, Task{Act: "checkout", For: strings.Repeat("x", 43), Level: 2, Tries: 9}))); n > MaxPayload*3/4 {
		t.Errorf("an answer has %d bytes of at most %d", n, MaxPayload)
	}
}

func FuzzCheck(f *testing.F) {
	c, _ := New(ours, task, now.Add(time.Minute))
	raw, _ := json.Marshal(answer{c, solution{}})
	f.Add(raw)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, err := Check(ours, base64.StdEncoding.EncodeToString(raw), "join", "fan", now); err == nil {
			t.Fatalf("%s proves %+v", raw, p)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	c := challenge(b, Task{Act: "join", For: "fan", Tries: 1})
	payload := solve(b, c)
	for b.Loop() {
		if _, err := Check(ours, payload, "join", "fan", now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		challenge(b, Task{Act: "join", For: "fan", Tries: 1000})
	}
}
