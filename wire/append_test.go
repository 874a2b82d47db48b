package wire

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is appended is what encoding/json says, to the letter.
func TestAppendJSONIsJSON(t *testing.T) {
	text := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.StringMatching(`[a-zA-Z0-9 _-]{1,20}`))
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns"))
		return rapid.SampledFrom([]time.Time{at.UTC(), at.In(time.FixedZone("", 5400)), at.UTC().Truncate(time.Second)}).Draw(t, "zone")
	})
	amounts := rapid.Custom(func(t *rapid.T) Amounts {
		n := rapid.Int64()
		return Amounts{n.Draw(t, "base"), n.Draw(t, "service"), n.Draw(t, "facility"), n.Draw(t, "total"), rapid.Int64Range(0, 9).Draw(t, "tax")}
	})
	quote := rapid.Custom(func(t *rapid.T) SeatQuote {
		return SeatQuote{text.Draw(t, "id"), text.Draw(t, "label"), text.Draw(t, "level"), amounts.Draw(t, "price"), rapid.Int64().Draw(t, "version"), Notes(rapid.IntRange(0, 7).Draw(t, "notes")),
			text.Draw(t, "concession"), text.Draw(t, "promotion"), rapid.Int64Range(0, 9).Draw(t, "list")}
	})
	kept := rapid.Custom(func(t *rapid.T) Kept {
		return Kept{text.Draw(t, "fan"), text.Draw(t, "net"), instant.Draw(t, "since"), instant.Draw(t, "until"), Duration(rapid.Int64().Draw(t, "spent"))}
	})
	act := rapid.Custom(func(t *rapid.T) Act {
		return Act{Kind: text.Draw(t, "kind"), Hold: text.Draw(t, "hold"), Order: text.Draw(t, "order"), Fan: text.Draw(t, "fan"),
			Seats: rapid.SliceOfN(text, 0, 3).Draw(t, "seats"), Prices: rapid.SliceOfN(amounts, 0, 3).Draw(t, "prices"),
			Until: rapid.Ptr(instant, true).Draw(t, "until"), By: text.Draw(t, "by"), Why: text.Draw(t, "why"),
			Channel: text.Draw(t, "channel"), Count: rapid.Int().Draw(t, "count")}
	})
	same := func(t *rapid.T, got []byte, v any) {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != "x"+string(want) {
			t.Fatalf("got  %s\nwant x%s", got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		seat := Seat{V: rapid.IntRange(0, 2).Draw(t, "v"), State: State(text.Draw(t, "state")), At: instant.Draw(t, "at"), Hold: text.Draw(t, "hold"), Fan: text.Draw(t, "fan"),
			Until: rapid.Ptr(instant, true).Draw(t, "until"), Quote: rapid.Ptr(quote, true).Draw(t, "quote"), Order: text.Draw(t, "order"),
			Key: text.Draw(t, "key"), Body: text.Draw(t, "body"), HeldUntil: rapid.Ptr(instant, true).Draw(t, "held until"),
			Tried: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Tried { return Tried{text.Draw(t, "key"), text.Draw(t, "body")} }), 0, 2).Draw(t, "tried"), Extended: rapid.Bool().Draw(t, "extended"),
			Channel: text.Draw(t, "channel"), Why: text.Draw(t, "why"), Net: text.Draw(t, "net"), Kept: rapid.Ptr(kept, true).Draw(t, "kept"),
			Flush: rapid.Uint64Range(0, 1<<60).Draw(t, "flush"), Revision: rapid.Uint64Range(0, 3).Draw(t, "revision")}
		same(t, seat.AppendJSON([]byte("x")), seat)
		flush := Flush{V: rapid.IntRange(0, 2).Draw(t, "v"), N: rapid.Uint64Range(0, 1<<60).Draw(t, "n"), Term: rapid.Uint64Range(0, 1<<60).Draw(t, "term"),
			Writer: text.Draw(t, "writer"), At: instant.Draw(t, "at"), Acts: rapid.OneOf(rapid.Just[[]Act](nil), rapid.SliceOfN(act, 0, 3)).Draw(t, "acts"),
			Prev: text.Draw(t, "prev")}
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			flush.Seats = append(flush.Seats, Change{IDs: rapid.SliceOfN(text, 1, 3).Draw(t, "ids"), Was: rapid.SliceOfN(rapid.Uint64Range(0, 1<<60), 1, 3).Draw(t, "was"),
				Quotes: rapid.SliceOfN(quote, 0, 3).Draw(t, "quotes"), Seat: seat})
		}
		same(t, flush.AppendJSON([]byte("x")), flush)
		reply := HoldReply{Hold: text.Draw(t, "hold"), Seats: rapid.SliceOfN(quote, 0, 3).Draw(t, "seats"),
			Total: rapid.Int64().Draw(t, "total"), Currency: text.Draw(t, "currency"), Expires: rapid.OneOf(rapid.Just(time.Time{}), instant).Draw(t, "expires"),
			Order: text.Draw(t, "order"), Why: text.Draw(t, "why")}
		if rapid.Bool().Draw(t, "refused") {
			reply.Problem = Refuse(CodeTaken, text.Draw(t, "detail"))
		}
		same(t, reply.AppendJSON([]byte("x")), reply)
		grant := Grant{Code: text.Draw(t, "code"), Channel: text.Draw(t, "channel"), Limit: rapid.Int().Draw(t, "limit")}
		record := PlaceRecord{Fan: text.Draw(t, "fan"), Turn: rapid.IntRange(0, 3).Draw(t, "turn"), At: instant.Draw(t, "at"), Grant: grant,
			Risk: rapid.IntRange(0, 100).Draw(t, "risk"), Reasons: rapid.SliceOfN(text, 0, 3).Draw(t, "reasons")}
		same(t, record.AppendJSON([]byte("x")), record)
		place := Place{Event: text.Draw(t, "event"), Lane: text.Draw(t, "lane"), Region: text.Draw(t, "region"), Number: rapid.Uint64().Draw(t, "number"),
			Fan: text.Draw(t, "fan"), Turn: rapid.IntRange(0, 3).Draw(t, "turn"), At: instant.Draw(t, "at"), Grant: grant}
		same(t, place.AppendJSON([]byte("x")), place)
	})
}
