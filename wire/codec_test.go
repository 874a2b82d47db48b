package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// byHand returns an empty one of each record that is read without reflection.
func byHand() []any {
	return []any{new(HoldWish), new(HoldRequest), new(HoldReply), new(CheckoutRequest), new(CheckoutWish), new(Quoted), new(ReleaseRequest), new(StandingReply), new(MoreTimeRequest),
		new(ExtendRequest), new(ExtendReply), new(ConfirmRequest), new(Notice), new(OrderMessage), new(Payment), new(Buyer), new(Problem), new(Reply), new(PassClaims),
		new(PlaceRecord), new(Place), new(StandRequest), new(StandReply), new(PassRecord), new(RedeemRequest), new(RedeemReply), new(StandingRequest), new(RefundRequest), new(Seat), new(Flush)}
}

// fresh returns another empty record of v's type.
func fresh(v any) any { return reflect.New(reflect.TypeOf(v).Elem()).Interface() }

// Every field of a record is appended as encoding/json does, and read back without it.
func TestByHandIsJSON(t *testing.T) {
	for _, v := range append(byHand(), new(Vouch)) {
		rapid.Check(t, func(t *rapid.T) {
			v := fresh(v)
			fill(t, reflect.ValueOf(v).Elem())
			want, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range []any{v, reflect.ValueOf(v).Elem().Interface()} {
				if got, err := Append([]byte("x"), v); err != nil || string(got) != "x"+string(want) {
					t.Fatalf("got  %s, %v\nwant x%s", got, err, want)
				}
			}
			p, ok := fresh(v).(parser)
			if !ok {
				return
			}
			rest, ok := p.parse(string(want) + "rest")
			if escaped := strings.Contains(string(want), `\`) || strings.Contains(string(want), "null"); ok == escaped || ok && rest != "rest" {
				t.Fatalf("%s: parsed %v, and there is left %q", want, ok, rest)
			}
			got, again := fresh(v), fresh(v)
			if err := json.Unmarshal(want, again); err != nil {
				t.Fatal(err)
			}
			if err := Unmarshal(want, got); err != nil || !reflect.DeepEqual(got, again) {
				t.Fatalf("%s came back as %+v, %v", want, got, err)
			}
		})
	}
}

// fill gives every field of a record any value that it can have.
func fill(t *rapid.T, v reflect.Value) {
	text := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-zA-Z0-9 _-]{1,20}`), rapid.String(), rapid.SampledFrom([]string{"Käfer <&>", "\u2028", "\xff", "\x7f"}))
	switch at := v.Interface().(type) {
	case time.Time:
		at = time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.SampledFrom([]int64{0, 5e8, 123456789}).Draw(t, "ns")).UTC()
		if rapid.Bool().Draw(t, "elsewhere") {
			at = at.In(time.FixedZone("", 5400))
		}
		v.Set(reflect.ValueOf(rapid.SampledFrom([]time.Time{{}, at}).Draw(t, "at")))
		return
	case Notes:
		v.SetUint(rapid.Uint64Range(0, 7).Draw(t, "notes"))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 3).Draw(t, "len"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.String:
		v.SetString(text.Draw(t, "text"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Int64Range(-1e17, 1e17), rapid.Int64Range(0, 9)).Draw(t, "n"))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64Range(0, 1e17).Draw(t, "n"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "b"))
	default:
		t.Fatalf("the test can't fill a %s", v.Type())
	}
}

// FuzzUnmarshal: whatever the text, Unmarshal accepts what encoding/json accepts, with the
// value that it finds.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{
		`{}`, ``, `null`, ` {}`, `{} `, `{}{}`, `{,}`, `{"hold"}`, `{"hold":}`, `{"hold":1}`, `{"hold":"a"`, `{"hold":"a",}`, `{"hold":"a" }`, `{"HOLD":"a"}`,
		`{"hold":"a","hold":"b"}`, `{"hold":"a","hold":null}`, `{"fan":"f","hold":"h"}`, `{"hold":"a","new":[1,{}]}`, `{"hold":"\u0061"}`, "{\"hold\":\"\x01\"}", "{\"hold\":\"\xff\"}", `{"hold":"ä"}`,
		`{"count":1.0}`, `{"count":1e1}`, `{"count":-0}`, `{"count":01}`, `{"count":-}`, `{"count":9223372036854775807}`, `{"count":999999999999999999}`, `{"count":9223372036854775808}`,
		`{"total":-5}`, `{"revision":-5}`, `{"revision":18446744073709551615}`, `{"ours":true}`, `{"ours":false,"again":true}`, `{"ours":truely}`, `{"ours":1}`,
		`{"hold":"h","claims":{"pass":"p","fan":"f","limit":4,"expires":"2027-06-19T20:00:00Z","net":"n"},"seats":["a","b,c","d\",\"e"]}`,
		`{"hold":"h","claims":{"expires":"2027-06-19T20:00:00+02:00"},"best":{"count":2,"max_total":5600}}`, `{"claims":{"expires":"2027-06-19"}}`, `{"claims":null,"best":null,"seats":null}`,
		`{"claims":{"expires":"2027-06-19T20:00:00\u005a"}}`, `{"claims":{},"best":{},"seats":[]}`, `{"seats":[,]}`, `{"seats":["a",]}`, `{"seats":["a"`, `{"seats":[1]}`, `{"seats":[["a"]]}`,
		`{"hold":"h","seats":[{"id":"A-1","label":"A 1","level":"a","price":{"base":1,"service_fee":2,"facility_fee":3,"total":6},"price_version":1,"notes":["accessible"]},{"id":"B"}],"total":12,"currency":"EUR","expires_at":"2027-06-19T20:00:00.5Z"}`,
		`{"seats":[{"notes":["unknown"]}]}`, `{"problem":{"code":"taken","detail":"Gone.","seats":["a"],"ahead":3,"retry_after_ms":500,"skip":true}}`, `{"problem":null}`, `{"problem":{}}`,
		`{"kind":"order","hold":"h","state":"paid","tickets":["t"],"at":"2027-06-19T20:00:00Z","seats":2}`, `{"quoted":{"seats":["a"],"total":5},"payment":{"method":"m"},"buyer":{"name":"n","email":"e"}}`,
	} {
		f.Add(s)
	}
	f.Add(`{"iss":"frontrow","sub":"f","aud":["demo"],"exp":1900000000,"nbf":1800000000,"iat":1800000000,"jti":"p","lane":"general","limit":4,"cnf":{"jkt":"k"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range byHand() {
			want := fresh(v)
			wrong, err := json.Unmarshal([]byte(text), want), Unmarshal([]byte(text), v)
			if (wrong == nil) != (err == nil) || wrong != nil && err.Error() != wrong.Error() {
				t.Fatalf("%T of %q: %v, not %v", v, text, err, wrong)
			}
			if err == nil && !reflect.DeepEqual(v, want) {
				t.Fatalf("%T of %q is %+v, not %+v", v, text, v, want)
			}
			if strict := json.NewDecoder(strings.NewReader(text)); Plain([]byte(text), fresh(v)) {
				strict.DisallowUnknownFields()
				if err := strict.Decode(fresh(v)); err != nil || strict.More() {
					t.Fatalf("%T of %q is plain: %v", v, text, err)
				}
			}
		}
	})
}
