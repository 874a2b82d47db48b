package keyring

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"frontrow/wire"

	"github.com/golang-jwt/jwt/v5"
)

// spoiled are tokens that must not be taken for one that k sealed.
func spoiled(token string, forged []byte, foreign string) map[string]string {
	kid, rest, _ := strings.Cut(token, ".")
	body, sum, _ := strings.Cut(rest, ".")
	last := byte('A')
	if sum[len(sum)-1] == last {
		last = 'B'
	}
	return map[string]string{
		"empty": "", "cut": token[:len(token)-2], "foreign": foreign, "longer": token + "A", "a space": token + " ", "a line": token[:5] + "\r\n" + token[5:], "four parts": token + ".x",
		"tampered": token[:len(token)-1] + string(last), // also only in bits that encode nothing
		"spliced":  kid + "." + base64.RawURLEncoding.EncodeToString(forged) + "." + sum,
		"no seal":  kid + "." + body + ".", "kid": "../../etc." + body + "." + sum, "no kid": "." + body + "." + sum, "huge": strings.Repeat("a", 3000),
	}
}

func TestReceipts(t *testing.T) {
	k, other := New(), New()
	p := wire.Place{Event: "demo", Lane: wire.LaneGeneral, Region: "home", Number: 42, Fan: wire.NewFan(), At: time.Unix(1e9, 0).UTC()}
	r := k.SignReceipt(p)
	if got, err := k.VerifyReceipt(r); err != nil || got != p {
		t.Fatalf("got %+v, %v", got, err)
	}
	forged, _ := json.Marshal(wire.Place{Event: "demo", Lane: wire.LaneGeneral, Region: "home", Number: 1, Fan: p.Fan})
	bad := spoiled(r, forged, other.SignReceipt(p))
	bad["a cookie"], bad["a link"] = k.SignFan(p.Fan, p.At), k.SignCarry(p, time.Now().Add(time.Hour))
	for name, bad := range bad {
		if _, err := k.VerifyReceipt(bad); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFanCookie(t *testing.T) {
	k := New()
	fan := wire.NewFan()
	issued := time.Unix(1_800_000_000, 0).UTC()
	if got, at, err := k.VerifyFan(k.SignFan(fan, issued)); err != nil || got != fan || !at.Equal(issued) {
		t.Fatalf("%q, %v, %v", got, at, err)
	}
	if got, at, err := k.VerifyFan(k.seal(cookieContext, []byte(fan))); err != nil || got != fan || !at.IsZero() {
		t.Errorf("a cookie from before instants were kept: %q, %v, %v", got, at, err)
	}
	for _, f := range []Face{{Fan: fan, At: issued}, {Fan: fan, At: issued, Net: "x-_"}, {Fan: fan, At: issued, Used: true}, {Fan: fan, At: issued, Net: "n", Owes: true, Used: true},
		{Fan: fan, At: issued, Session: wire.NewSession()}, {Fan: fan, At: issued, Carried: true}, {Fan: fan, At: issued, Net: "n", Owes: true, Carried: true, Session: wire.NewSession()}} {
		if got, err := k.VerifyFace(k.SignFace(f)); err != nil || got != f {
			t.Errorf("%+v came back as %+v, %v", f, got, err)
		}
	}
	for _, bad := range []string{"f_x.y", "f_x@s44we8", fan + "@", fan + "@!", fan + "@1@2", fan + "@1@2@u@", fan + "@1@2@u@s@x", fan + "@99999999999999999999"} {
		if _, _, err := k.VerifyFan(k.seal(cookieContext, []byte(bad))); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, _, err := k.VerifyFan(k.SignReceipt(wire.Place{Fan: fan})); !errors.Is(err, ErrToken) {
		t.Errorf("a receipt: %v", err)
	}
}

func TestDeviceCookie(t *testing.T) {
	k, id := New(), NewDevice()
	if got, err := k.VerifyDevice(k.SignDevice(id)); err != nil || got != id || NewDevice() == id {
		t.Fatalf("%q, %v", got, err)
	}
	bad := spoiled(k.SignDevice(id), []byte(NewDevice()), New().SignDevice(id))
	bad["chosen"], bad["a fan"], bad["nobody"] = id, k.SignFan(wire.NewFan(), time.Now()), k.SignDevice("")
	for name, bad := range bad {
		if _, err := k.VerifyDevice(bad); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCarry(t *testing.T) {
	k, now := New(), time.Unix(2e9, 0)
	p := wire.Place{Event: "demo", Lane: wire.LanePriority, Region: "eu-west", Number: 1<<64 - 1, Fan: wire.NewFan(), At: now.Add(time.Millisecond).UTC(), Priced: 1234,
		Grant: wire.Grant{Code: CodeID("s", "demo", "f", wire.LanePriority, "presale"), Channel: "presale", Limit: 4}}
	token := k.SignCarry(p, now.Add(CarryTTL))
	if len(token) > 300 {
		t.Errorf("%d bytes are a large QR code", len(token))
	}
	if got, made, err := k.OpenCarry(token, now.Add(CarryTTL-time.Second)); err != nil || got != p || !made.Equal(now) {
		t.Fatalf("got %+v, %v, want %+v", got, err, p)
	}
	if _, _, err := k.OpenCarry(token, now.Add(CarryTTL)); !errors.Is(err, ErrCarryExpired) {
		t.Errorf("expired: %v", err)
	}
	if d := k.CarryDigits(token); len(d) != 6 || strings.Trim(d, "0123456789") != "" || d != k.CarryDigits(token) || k.CarryDigits(token+"A") != "" || New().CarryDigits(token) != "" {
		t.Errorf("digits %q", d)
	}
	bare := wire.Place{Event: "demo", Lane: wire.LaneGeneral, Region: "home", Number: 1, Fan: p.Fan}
	if got, _, err := k.OpenCarry(k.SignCarry(bare, now), now.Add(-time.Second)); err != nil || got != bare {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, before := range []string{"", ".0"} { // links of versions without turns, and without promises
		old := k.seal(carryContext, []byte("2000000000.demo.general.home.1."+p.Fan+"."+strconv.FormatInt(bare.At.UnixMilli(), 10)+"...0"+before))
		if got, _, err := k.OpenCarry(old, now.Add(-time.Second)); err != nil || got != bare {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	bad := spoiled(token, []byte("9999999999.demo.general.home.1."+p.Fan+".0...0"), New().SignCarry(p, now.Add(CarryTTL)))
	bad["a receipt"], bad["a cookie"] = k.SignReceipt(p), k.SignFan(p.Fan, p.At)
	for i, sealed := range []string{"", "...", "x.demo.general.home.1." + p.Fan + ".0...0", "1.de*mo.general.home.1." + p.Fan + ".0...0",
		"1.demo.vip.home.1." + p.Fan + ".0...0", "1.demo.general.home.-1." + p.Fan + ".0...0", "1.demo.general.home.1.f_x.0...0", "1.demo.general.home.1." + p.Fan + ".0...0.0.0.0"} {
		bad[fmt.Sprint("sealed ", i)] = k.seal(carryContext, []byte(sealed))
	}
	for name, bad := range bad {
		if _, _, err := k.OpenCarry(bad, now); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAccessCodes(t *testing.T) {
	k, now, fan := New(), time.Unix(2e9, 0).UTC(), wire.NewFan()
	mine := wire.AccessCode{ID: CodeID("s", "demo", fan, wire.LanePriority, ""), Event: "demo", Fan: fan, Lane: wire.LanePriority, Limit: 2, Expires: now.Add(time.Hour)}
	mailed := wire.AccessCode{ID: CodeID("s", "demo", "ann@example.org", wire.LanePriority, "presale"), Event: "demo", Email: "Ann@Example.org",
		Lane: wire.LanePriority, Channel: "presale", Expires: now.Add(time.Hour)}
	both := mailed
	both.Fan = fan
	code := k.SignCode(mailed)
	for _, secret := range []string{"example", "Ann", wire.Hash([]byte("ann@example.org"))} {
		body, _ := base64.RawURLEncoding.DecodeString(strings.Split(code, ".")[1])
		if strings.Contains(string(body), secret) {
			t.Errorf("the code tells %q: %s", secret, body)
		}
	}
	for name, c := range map[string]struct {
		code, event, fan, email string
		after                   time.Duration
		want                    error
	}{
		"by fan":                 {k.SignCode(mine), "demo", fan, "", 0, nil},
		"by fan, with address":   {k.SignCode(mine), "demo", fan, "x@example.org", 0, nil},
		"by address":             {code, "demo", wire.NewFan(), " ann@example.ORG ", 0, nil},
		"by both":                {k.SignCode(both), "demo", fan, "ann@example.org", 0, nil},
		"another fan":            {k.SignCode(mine), "demo", wire.NewFan(), "", 0, ErrCodeOwner},
		"no address":             {code, "demo", fan, " ", 0, ErrCodeEmail},
		"another address":        {code, "demo", fan, "bob@example.org", 0, ErrCodeOwner},
		"both, another fan":      {k.SignCode(both), "demo", wire.NewFan(), "ann@example.org", 0, ErrCodeOwner},
		"both, another address":  {k.SignCode(both), "demo", fan, "bob@example.org", 0, ErrCodeOwner},
		"another event":          {code, "other", fan, "ann@example.org", 0, ErrCodeEvent},
		"late":                   {code, "demo", fan, "ann@example.org", time.Hour, ErrCodeExpired},
		"nobody's":               {k.SignCode(wire.AccessCode{ID: "x", Event: "demo", Expires: now.Add(time.Hour)}), "demo", fan, "", 0, ErrToken},
		"an id that is no token": {k.SignCode(wire.AccessCode{ID: "a.*", Event: "demo", Fan: fan, Expires: now.Add(time.Hour)}), "demo", fan, "", 0, ErrToken},
		"a receipt":              {k.SignReceipt(wire.Place{Event: "demo", Fan: fan}), "demo", fan, "", 0, ErrToken},
	} {
		if got, err := k.CheckCode(c.code, c.event, c.fan, c.email, now.Add(c.after)); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	got, err := k.CheckCode(code, "demo", fan, "ann@example.org", now)
	if want := (wire.Grant{Code: mailed.ID, Channel: "presale"}); err != nil || got.Grant() != want || got.Lane != wire.LanePriority {
		t.Errorf("%+v, %v", got, err)
	}
	forged, _ := json.Marshal(wire.AccessCode{ID: "x", Event: "demo", Fan: fan, Lane: wire.LanePriority, Expires: now.Add(time.Hour)})
	for name, bad := range spoiled(code, forged, New().SignCode(mine)) {
		if got, err := k.CheckCode(bad, "demo", fan, "ann@example.org", now); !errors.Is(err, ErrToken) || got != (wire.AccessCode{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestCodeIDs(t *testing.T) {
	id := CodeID("seed", "demo", "ann@example.org", wire.LanePriority, "presale")
	if !literalID(id) || len(id) != 22 || id != CodeID("seed", "demo", "ann@example.org", wire.LanePriority, "presale") {
		t.Errorf("%q", id)
	}
	for _, other := range []string{CodeID("sees", "demo", "ann@example.org", wire.LanePriority, "presale"), CodeID("seed", "other", "ann@example.org", wire.LanePriority, "presale"),
		CodeID("seed", "demo", "bob@example.org", wire.LanePriority, "presale"), CodeID("seed", "demo", "ann@example.org", wire.LaneGeneral, "presale"),
		CodeID("seed", "demo", "ann@example.org", wire.LanePriority, "")} {
		if other == id {
			t.Error("two codes with one id")
		}
	}
}

func TestBarcodes(t *testing.T) {
	k := New()
	b := Barcode{Event: "demo", Ticket: wire.NewTicket(), Seat: "101:A:12", Generation: 3}
	code := k.SignBarcode(b)
	if got, err := k.Public().VerifyBarcode(code); err != nil || got != b {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "FR1", strings.Replace(code, ":3:", ":4:", 1), code[:len(code)-3], New().SignBarcode(b)} {
		if _, err := k.Public().VerifyBarcode(bad); !errors.Is(err, ErrBarcode) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPasses(t *testing.T) {
	k := New()
	now := time.Unix(2e9, 0).UTC()
	rec := wire.PassRecord{ID: "x", Fan: wire.NewFan(), Lane: wire.LanePriority, Limit: 6, Channel: "presale", Device: "dev", Priced: 17, At: now, Expires: now.Add(time.Minute)}
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
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Claims(); c.Pass != "x" || c.Fan != rec.Fan || c.Limit != 6 || c.Channel != "presale" || !c.Expires.Equal(rec.Expires) || p.Device != "dev" || p.Lane != wire.LanePriority {
		t.Fatalf("%+v of %+v", c, p)
	}
	if _, err := pub.VerifyPass(good, "demo", now.Add(2*time.Minute), 2*time.Minute); err != nil {
		t.Errorf("within the grace: %v", err)
	}
	for name, c := range map[string]struct {
		token, event string
		at, grace    time.Duration
		want         error
	}{
		"expired":                  {good, "demo", 2 * time.Minute, 0, ErrPassExpired},
		"expired long ago":         {good, "demo", time.Hour, 2 * time.Minute, ErrPassExpired},
		"other event":              {good, "other", 0, 0, ErrPassEvent},
		"two events":               {sign(func(p *Pass) { p.Audience = append(p.Audience, "other") }), "demo", 0, 0, ErrPass},
		"no event":                 {sign(func(p *Pass) { p.Audience = nil }), "demo", 0, 0, ErrPass},
		"barcode key":              {mustSign(t, keyring(t, Keys{Pass: k.Keys().Barcode}), rec), "demo", 0, 0, ErrPass},
		"future":                   {sign(func(p *Pass) { p.NotBefore = jwt.NewNumericDate(now.Add(time.Hour)) }), "demo", 0, 0, ErrPass},
		"future, with grace":       {sign(func(p *Pass) { p.NotBefore = jwt.NewNumericDate(now.Add(time.Hour)) }), "demo", 0, 2 * time.Hour, ErrPass},
		"issued in the future":     {sign(func(p *Pass) { p.IssuedAt = jwt.NewNumericDate(now.Add(30 * time.Second)) }), "demo", 0, 0, ErrPass},
		"other issuer":             {sign(func(p *Pass) { p.Issuer = "x" }), "demo", 0, 0, ErrPass},
		"no expiry":                {sign(func(p *Pass) { p.ExpiresAt = nil }), "demo", 0, 0, ErrPass},
		"no start":                 {sign(func(p *Pass) { p.NotBefore = nil }), "demo", 0, 0, ErrPass},
		"no issue":                 {sign(func(p *Pass) { p.IssuedAt = nil }), "demo", 0, 0, ErrPass},
		"a life of years":          {sign(func(p *Pass) { p.ExpiresAt = jwt.NewNumericDate(now.Add(1e5 * time.Hour)) }), "demo", 0, 0, ErrPass},
		"expiry beyond time":       {signRaw(k, header(k), claims(rec, `"exp":1e300`)), "demo", 0, 0, ErrPass},
		"expiry below time":        {signRaw(k, header(k), claims(rec, `"exp":-1e300`)), "demo", 0, 0, ErrPass},
		"no fan":                   {sign(func(p *Pass) { p.Subject = "" }), "demo", 0, 0, ErrPass},
		"no fan's id":              {sign(func(p *Pass) { p.Subject = "f_*" }), "demo", 0, 0, ErrPass},
		"no id":                    {sign(func(p *Pass) { p.ID = "" }), "demo", 0, 0, ErrPass},
		"no tickets":               {sign(func(p *Pass) { p.Limit = 0 }), "demo", 0, 0, ErrPass},
		"a megabyte":               {good + strings.Repeat("a", 1<<20), "demo", 0, 0, ErrPass},
		"a signed megabyte":        {sign(func(p *Pass) { p.Channel = strings.Repeat("a", 1<<20) }), "demo", 0, 0, ErrPass},
		"garbage":                  {"a.b.c", "demo", 0, 0, ErrPass},
		"nothing":                  {"", "demo", 0, 0, ErrPass},
		"a space behind":           {good + " ", "demo", 0, 0, ErrPass},
		"a line behind":            {good + "\n", "demo", 0, 0, ErrPass},
		"a space before":           {" " + good, "demo", 0, 0, ErrPass},
		"a space inside":           {strings.Replace(good, ".", ". ", 1), "demo", 0, 0, ErrPass},
		"padding":                  {strings.Replace(good, ".", "=.", 1), "demo", 0, 0, ErrPass},
		"four parts":               {good + ".x", "demo", 0, 0, ErrPass},
		"tampered tail":            {good[:len(good)-4] + "AAAA", "demo", 0, 0, ErrPass},
		"tampered claims":          {splice(good, string(claims(rec, `"limit":60`))), "demo", 0, 0, ErrPass},
		"claim twice":              {signRaw(k, header(k), claims(rec, `"limit":60`)), "demo", 0, 0, ErrPass},
		"claim twice, in capitals": {signRaw(k, header(k), claims(rec, `"LIMIT":60`)), "demo", 0, 0, ErrPass},
		"claims null":              {signRaw(k, header(k), []byte("null")), "demo", 0, 0, ErrPass},
		"claims a list":            {signRaw(k, header(k), []byte("[]")), "demo", 0, 0, ErrPass},
	} {
		if _, err := pub.VerifyPass(c.token, c.event, now.Add(c.at), c.grace); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// TestPassHeaders: whatever the header says, it chooses neither the algorithm
// nor a key that isn't ours (RFC 8725, 2.1, 3.1, 3.10, 3.11).
func TestPassHeaders(t *testing.T) {
	k, now := New(), time.Unix(2e9, 0).UTC()
	key := k.Keys().Pass[0]
	rec := wire.PassRecord{ID: "x", Fan: wire.NewFan(), Lane: wire.LaneGeneral, Limit: 6, At: now, Expires: now.Add(time.Minute)}
	good := claims(rec, "")
	if _, err := k.Public().VerifyPass(signRaw(k, header(k), good), "demo", now, 0); err != nil {
		t.Fatalf("the header that SignPass writes: %v", err)
	}
	with := func(format string, a ...any) string { return signRaw(k, []byte(fmt.Sprintf(format, a...)), good) }
	hs := jwt.NewWithClaims(jwt.SigningMethodHS256, NewPass("demo", rec))
	hs.Header["kid"], hs.Header["typ"] = key.ID, PassType
	confused, _ := hs.SignedString([]byte(key.Public()))
	none := jwt.NewWithClaims(jwt.SigningMethodNone, NewPass("demo", rec))
	none.Header["kid"], none.Header["typ"] = key.ID, PassType
	unsigned, _ := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	for name, token := range map[string]string{
		"HS256 with the public key": confused,
		"none":                      unsigned,
		"none, with a signature":    with(`{"alg":"none","kid":%q,"typ":%q}`, key.ID, PassType),
		"no alg":                    with(`{"kid":%q,"typ":%q}`, key.ID, PassType),
		"an alg in other letters":   with(`{"alg":"eddsa","kid":%q,"typ":%q}`, key.ID, PassType),
		"an alg that is a list":     with(`{"alg":["EdDSA"],"kid":%q,"typ":%q}`, key.ID, PassType),
		"no kid":                    with(`{"alg":"EdDSA","typ":%q}`, PassType),
		"an unknown kid":            with(`{"alg":"EdDSA","kid":"p-AAAAAAAA","typ":%q}`, PassType),
		"a kid that is a path":      with(`{"alg":"EdDSA","kid":"../../../../dev/null","typ":%q}`, PassType),
		"a kid that is SQL":         with(`{"alg":"EdDSA","kid":"x' UNION SELECT 'key","typ":%q}`, PassType),
		"a kid that is a list":      with(`{"alg":"EdDSA","kid":[%q],"typ":%q}`, key.ID, PassType),
		"two kids":                  with(`{"alg":"EdDSA","kid":"other","kid":%q,"typ":%q}`, key.ID, PassType),
		"two algs":                  with(`{"alg":"none","alg":"EdDSA","kid":%q,"typ":%q}`, key.ID, PassType),
		"the barcodes' kid":         with(`{"alg":"EdDSA","kid":%q,"typ":%q}`, k.Keys().Barcode[0].ID, PassType),
		"no typ":                    with(`{"alg":"EdDSA","kid":%q}`, key.ID),
		"typ JWT":                   with(`{"alg":"EdDSA","kid":%q,"typ":"JWT"}`, key.ID),
		"another typ":               with(`{"alg":"EdDSA","kid":%q,"typ":"at+jwt"}`, key.ID),
		"a typ that is a list":      with(`{"alg":"EdDSA","kid":%q,"typ":[%q]}`, key.ID, PassType),
		"an embedded key":           signRaw(New(), fmt.Appendf(nil, `{"alg":"EdDSA","kid":%q,"typ":%q,"jwk":{"kty":"OKP"},"jku":"https://evil.example"}`, key.ID, PassType), good),
	} {
		if _, err := k.Public().VerifyPass(token, "demo", now, 0); !errors.Is(err, ErrPass) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A pass is rendered as package jwt renders it, byte for byte.
func TestPassIsJWT(t *testing.T) {
	k, now := New(), time.Unix(2e9, 7).UTC()
	rec := wire.PassRecord{ID: "x", Fan: wire.NewFan(), Lane: wire.LaneGeneral, Limit: 4, At: now, Expires: now.Add(time.Minute)}
	bound, odd := rec, rec
	bound.Key, bound.Device, bound.Channel = "thumb", "dev", "presale"
	odd.Channel, odd.Limit, odd.Lane = "a<b>&\"ü\u2028", -1, ""
	for _, pass := range []*Pass{NewPass("demo", rec), NewPass("demo", bound), NewPass("demo", odd), {}} {
		got, err := k.SignPass(pass)
		signer := k.Keys().Pass[0]
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, pass)
		token.Header = map[string]any{"alg": "EdDSA", "kid": signer.ID, "typ": PassType}
		want, wrong := token.SignedString(signer.private())
		if err != nil || wrong != nil || got != want {
			t.Errorf("%s, %v\nwant %s, %v", got, err, want, wrong)
		}
	}
}

func header(k *Keyring) []byte {
	return fmt.Appendf(nil, `{"alg":"EdDSA","kid":%q,"typ":%q}`, k.Keys().Pass[0].ID, PassType)
}

// claims are those of a record's pass, and one member more.
func claims(r wire.PassRecord, more string) []byte {
	raw, _ := json.Marshal(NewPass("demo", r))
	if more != "" {
		raw = append(append(raw[:len(raw)-1], ',', ' '), more+"}"...)
	}
	return raw
}

// signRaw signs whatever it is given, as nobody of us would.
func signRaw(k *Keyring, header, claims []byte) string {
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sig, _ := jwt.SigningMethodEdDSA.Sign(text, k.Keys().Pass[0].private())
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// splice puts other claims under a signature.
func splice(token, claims string) string {
	part := strings.Split(token, ".")
	return part[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "." + part[2]
}

func mustSign(t *testing.T, k *Keyring, rec wire.PassRecord) string {
	t.Helper()
	s, err := k.SignPass(NewPass("demo", rec))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyring(t *testing.T, keys Keys) *Keyring {
	t.Helper()
	k, err := keys.Keyring("")
	if err != nil {
		t.Fatal(err)
	}
	return k
}
