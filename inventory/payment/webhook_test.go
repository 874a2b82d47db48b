package payment

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSignature(t *testing.T) {
	t.Parallel()
	secret, body, now := []byte("secret"), []byte(`{"id":"evt_1"}`), time.Unix(1_900_000_000, 0)
	good := Sign(secret, body, now)
	old := Sign([]byte("the secret before"), body, now)
	_, sum, _ := strings.Cut(old, ",")
	for name, c := range map[string]struct {
		header string
		body   []byte
		now    time.Time
		ok     bool
	}{
		"good":                 {good, body, now, true},
		"at the edge":          {good, body, now.Add(SignatureAge), true},
		"a clock behind":       {good, body, now.Add(-SignatureAge), true},
		"two secrets":          {good + "," + sum, body, now, true},
		"the other way":        {strings.Replace(good, ",", ","+sum+",", 1), body, now, true},
		"replayed later":       {good, body, now.Add(SignatureAge + time.Second), false},
		"from the future":      {good, body, now.Add(-SignatureAge - time.Second), false},
		"another body":         {good, []byte(`{"id":"evt_2"}`), now, false},
		"another secret":       {old, body, now, false},
		"made young":           {strings.Replace(good, "t=19", "t=20", 1), body, time.Unix(2_000_000_000, 0), false},
		"no signature":         {"t=1900000000", body, now, false},
		"no instant":           {good[strings.Index(good, ",")+1:], body, now, false},
		"not hex":              {"t=1900000000,v1=zz", body, now, false},
		"empty":                {"", body, now, false},
		"an older scheme":      {strings.Replace(good, "v1", "v0", 1), body, now, false},
		"shortened":            {good[:len(good)-2], body, now, false},
		"instant not a number": {strings.Replace(good, "t=1", "t=x", 1), body, now, false},
	} {
		if err := Verify(secret, c.header, c.body, c.now); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if Verify(nil, Sign(nil, body, now), body, now) == nil {
		t.Error("an empty secret signs")
	}
}

// A signature has exactly one valid spelling.
func FuzzVerify(f *testing.F) {
	secret, body, now := []byte("secret"), []byte(`{"id":"e"}`), time.Unix(1_800_000_000, 0)
	right := Sign(secret, body, now)
	for _, s := range []string{right, strings.ToUpper(right), right + ",v1=00", "t=+1800000000" + right[strings.IndexByte(right, ','):], "t=,v1="} {
		f.Add(s)
	}
	_, sum, _ := strings.Cut(right, "v1=")
	f.Fuzz(func(t *testing.T, header string) {
		if err := Verify(secret, header, body, now); err == nil && (!strings.Contains(header, "t=1800000000") || !strings.Contains(header, "v1="+sum)) {
			t.Fatalf("%q is taken for %q", header, right)
		}
	})
}
