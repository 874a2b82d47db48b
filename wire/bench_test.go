package wire

import (
	"encoding/json"
	"testing"
	"time"
)

// BenchmarkJSON shows what a record of a hold of two costs to write and to read, beside
// encoding/json.
func BenchmarkJSON(b *testing.B) {
	at, hold := time.Date(2027, 6, 19, 18, 0, 0, 123456789, time.UTC), NewHold()
	quote := func(id, label string) SeatQuote {
		return SeatQuote{ID: id, Label: label, Level: "cat-1", Price: NewAmounts(5000, 500, 100), Version: 3}
	}
	quotes := []SeatQuote{quote("101-A-12", "101 row A seat 12"), quote("101-A-13", "101 row A seat 13")}
	for name, v := range map[string]any{
		"HoldRequest": &HoldRequest{Hold: hold, Claims: Claims{Pass: NewTicket(), Fan: NewFan(), Limit: 4, Expires: at, Net: "abcdefghijkl"}, Seats: []string{"101-A-12", "101-A-13"}},
		"HoldReply":   &HoldReply{Hold: hold, Seats: quotes, Total: 11200, Currency: "EUR", Expires: at},
		"OrderMessage": &OrderMessage{Order: OrderOfHold(hold), Hold: hold, Event: "demo", Fan: NewFan(), Seats: quotes, Total: 11200, Currency: "EUR",
			Payment: Payment{"tok_visa"}, Buyer: Buyer{"Zoë Müller", "zoe@example.com"}, At: at},
		"Problem": &Reply{Refuse(CodeTaken, "Somebody else was quicker.")},
	} {
		raw, err := json.Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/write", func(b *testing.B) {
			b.ReportAllocs()
			room := make([]byte, 0, 2*len(raw))
			for b.Loop() {
				_, _ = Append(room, v)
			}
		})
		b.Run(name+"/write by encoding/json", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = json.Marshal(v)
			}
		})
		b.Run(name+"/read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Unmarshal(raw, fresh(v)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/read by encoding/json", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := json.Unmarshal(raw, fresh(v)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
