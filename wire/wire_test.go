package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestSeatKeyRoundTrip(t *testing.T) {
	for _, id := range []string{"101-A-12", "floor/17", "Reihe 5.Platz 3", "=", "ÄÖ*>", "..", "a_b", "\x00\xff"} {
		key := SeatKey(id)
		for _, c := range []byte(key[len(SeatPrefix):]) {
			if !seatByte(c) && c != '=' {
				t.Errorf("key of %q has %q", id, c)
			}
		}
		if got, ok := SeatOfKey(key); !ok || got != id {
			t.Errorf("SeatOfKey(SeatKey(%q)) = %q, %v", id, got, ok)
		}
	}
	if _, ok := SeatOfKey("log.1"); ok {
		t.Error("a log record is no seat")
	}
	if _, ok := SeatOfKey("seat.=4"); ok {
		t.Error("half an escape is no seat")
	}
}

func TestReceipts(t *testing.T) {
	k, other := NewKeyring(), NewKeyring()
	p := Place{Event: "demo", Lane: LaneGeneral, Region: "home", Number: 42, Fan: NewFan(), At: time.Unix(1e9, 0).UTC()}
	r := k.SignReceipt(p)
	if got, err := k.VerifyReceipt(r); err != nil || got != p {
		t.Fatalf("got %+v, %v", got, err)
	}
	kid, rest, _ := strings.Cut(r, ".")
	body, sum, _ := strings.Cut(rest, ".")
	forged, _ := json.Marshal(Place{Event: "demo", Lane: LaneGeneral, Region: "home", Number: 1, Fan: p.Fan})
	for name, bad := range map[string]string{
		"empty": "", "cut": r[:len(r)-2], "foreign": other.SignReceipt(p), "cookie": k.SignFan(p.Fan, p.At),
		"spliced": kid + "." + base64.RawURLEncoding.EncodeToString(forged) + "." + sum,
		"kid":     "../../etc." + body + "." + sum, "huge": strings.Repeat("a", 3000),
	} {
		if _, err := k.VerifyReceipt(bad); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	rotated := &Keyring{Secret: append(NewKeyring().Secret, k.Secret...)}
	if _, err := rotated.VerifyReceipt(r); err != nil {
		t.Errorf("after rotation: %v", err)
	}
}

func TestFanCookie(t *testing.T) {
	k := NewKeyring()
	fan := NewFan()
	issued := time.Unix(1_800_000_000, 0).UTC()
	if got, at, err := k.VerifyFan(k.SignFan(fan, issued)); err != nil || got != fan || !at.Equal(issued) {
		t.Fatalf("%q, %v, %v", got, at, err)
	}
	if got, at, err := k.VerifyFan(k.seal(cookieContext, []byte(fan))); err != nil || got != fan || !at.IsZero() {
		t.Errorf("a cookie from before instants were kept: %q, %v, %v", got, at, err)
	}
	for _, bad := range []string{"f_x.y", "f_x@s44we8", fan + "@", fan + "@!", fan + "@1@2", fan + "@99999999999999999999"} {
		if _, _, err := k.VerifyFan(k.seal(cookieContext, []byte(bad))); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestPasses(t *testing.T) {
	k := NewKeyring()
	now := time.Unix(2e9, 0).UTC()
	rec := PassRecord{ID: "x", Fan: NewFan(), Lane: LaneGeneral, Limit: 6, At: now, Expires: now.Add(time.Minute)}
	sign := func(change func(*Pass)) string {
		p := NewPass("demo", rec)
		change(p)
		s, err := k.SignPass(p)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := sign(func(*Pass) {})
	if again := sign(func(*Pass) {}); again != good {
		t.Error("the same record must give the same pass")
	}
	pub := k.Public()
	p, err := pub.VerifyPass(good, "demo", now.Add(30*time.Second), 0)
	if err != nil || p.Claims() != (Claims{Pass: "x", Fan: rec.Fan, Limit: 6, Expires: rec.Expires.Local()}) && p.Claims().Fan != rec.Fan {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := pub.VerifyPass(good, "demo", now.Add(2*time.Minute), 2*time.Minute); err != nil {
		t.Errorf("within the grace: %v", err)
	}
	hs := jwt.NewWithClaims(jwt.SigningMethodHS256, NewPass("demo", rec))
	hs.Header["kid"], hs.Header["typ"] = k.Pass[0].ID, PassType
	confused, _ := hs.SignedString([]byte(k.Pass[0].Public()))
	none := jwt.NewWithClaims(jwt.SigningMethodNone, NewPass("demo", rec))
	none.Header["kid"], none.Header["typ"] = k.Pass[0].ID, PassType
	unsigned, _ := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	untyped := jwt.NewWithClaims(jwt.SigningMethodEdDSA, NewPass("demo", rec))
	untyped.Header["kid"] = k.Pass[0].ID
	plain, _ := untyped.SignedString(k.Pass[0].private())
	for name, c := range map[string]struct {
		token, event string
		at           time.Duration
		want         error
	}{
		"expired":       {good, "demo", 2 * time.Minute, ErrPassExpired},
		"other event":   {good, "other", 0, ErrPassEvent},
		"two events":    {sign(func(p *Pass) { p.Audience = append(p.Audience, "other") }), "demo", 0, ErrPassEvent},
		"HS256":         {confused, "demo", 0, ErrPass},
		"none":          {unsigned, "demo", 0, ErrPass},
		"no typ":        {plain, "demo", 0, ErrPass},
		"barcode key":   {mustSign(t, &Keyring{Pass: k.Barcode}, rec), "demo", 0, ErrPass},
		"future":        {sign(func(p *Pass) { p.NotBefore = jwt.NewNumericDate(now.Add(time.Hour)) }), "demo", 0, ErrPass},
		"other issuer":  {sign(func(p *Pass) { p.Issuer = "x" }), "demo", 0, ErrPass},
		"no expiry":     {sign(func(p *Pass) { p.ExpiresAt = nil }), "demo", 0, ErrPass},
		"no fan":        {sign(func(p *Pass) { p.Subject = "" }), "demo", 0, ErrPass},
		"no tickets":    {sign(func(p *Pass) { p.Limit = 0 }), "demo", 0, ErrPass},
		"a megabyte":    {good + strings.Repeat("a", 1<<20), "demo", 0, ErrPass},
		"garbage":       {"a.b.c", "demo", 0, ErrPass},
		"tampered tail": {good[:len(good)-4] + "AAAA", "demo", 0, ErrPass},
	} {
		if _, err := pub.VerifyPass(c.token, c.event, now.Add(c.at), 0); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func mustSign(t *testing.T, k *Keyring, rec PassRecord) string {
	s, err := k.SignPass(NewPass("demo", rec))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBarcodes(t *testing.T) {
	k := NewKeyring()
	b := Barcode{Event: "demo", Ticket: NewTicket(), Seat: "101:A:12", Generation: 3}
	code := k.SignBarcode(b)
	if got, err := k.Public().VerifyBarcode(code); err != nil || got != b {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "FR1", strings.Replace(code, ":3:", ":4:", 1), code[:len(code)-3], NewKeyring().SignBarcode(b)} {
		if _, err := k.Public().VerifyBarcode(bad); !errors.Is(err, ErrBarcode) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestOrderOfHold(t *testing.T) {
	h := NewHold()
	if o := OrderOfHold(h); !IsOrder(o) || HoldOfOrder(o) != h {
		t.Errorf("%s → %s", h, o)
	}
	for _, bad := range []string{"", "h_", "h_ab.cd", h + "x", "o_" + h[2:], "h_*********************>"} {
		if IsHold(bad) {
			t.Errorf("%q is no hold", bad)
		}
	}
}

func TestSpecValidate(t *testing.T) {
	good := Spec{ID: "demo", Name: "Demo", Currency: "EUR",
		Levels: []Level{{ID: "a", Name: "A", Categories: []string{"Cat 1", "Cat 2"}, Base: 5000}}}.WithDefaults()
	cats := []string{"Cat 1", "Cat 2"}
	if err := good.Validate(cats); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Spec){
		`id "De mo"`:             func(s *Spec) { s.ID = "De mo" },
		"currency":               func(s *Spec) { s.Currency = "euro" },
		"is in no level":         func(s *Spec) { s.Levels[0].Categories = cats[:1] },
		`no category "X"`:        func(s *Spec) { s.Levels[0].Categories = []string{"Cat 1", "Cat 2", "X"} },
		"is in the levels":       func(s *Spec) { s.Levels = append(s.Levels, Level{ID: "b", Categories: cats[:1]}) },
		"amount -1":              func(s *Spec) { s.Levels[0].ServiceFee = -1 },
		"limits.per_fan 0":       func(s *Spec) { s.Limits.PerFan = 0 },
		"hold.ttl 1ms":           func(s *Spec) { s.Hold.TTL = Duration(time.Millisecond) },
		"levels: between 1 and ": func(s *Spec) { s.Levels = nil },
	} {
		s := good
		s.Levels = append([]Level{}, good.Levels...)
		change(&s)
		if err := s.Validate(cats); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
}
