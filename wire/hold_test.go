package wire

import (
	"encoding/json"
	"testing"
	"time"
)

// A grant is passed on as it came; everything else is a problem, or an error: a fan
// is never told that they hold seats by an answer that doesn't say so.
func TestReadHold(t *testing.T) {
	grant := HoldReply{Hold: NewHold(), Seats: []SeatQuote{{ID: "A-1"}}, Total: 5600, Currency: "EUR", Expires: time.Unix(2e9, 0).UTC()}
	plain, err := json.Marshal(grant)
	if err != nil {
		t.Fatal(err)
	}
	indented, err := json.MarshalIndent(grant, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range [][]byte{plain, indented, grant.AppendJSON(nil)} {
		if granted, problem, err := ReadHold(raw); string(granted) != string(raw) || problem != nil || err != nil {
			t.Errorf("%s: %s, %v, %v", raw, granted, problem, err)
		}
	}
	refused := HoldReply{Problem: Refuse(CodeTaken, "Somebody else was quicker.")}
	for _, raw := range []string{string(refused.AppendJSON(nil)), `{"problem":{"code":"taken"}}`, ` { "problem" : {"code":"taken"}}`, `{"total":0,"problem":{"code":"taken"}}`} {
		if granted, problem, err := ReadHold([]byte(raw)); granted != nil || problem == nil || problem.Code != CodeTaken || err != nil {
			t.Errorf("%s: %s, %v, %v", raw, granted, problem, err)
		}
	}
	for _, raw := range []string{"", "{", "{}", "null", `"hold"`, `["hold"]`, `{"total":0}`, `{"problem":null}`, `{"problem":7}`} {
		if granted, problem, err := ReadHold([]byte(raw)); granted != nil || problem != nil || err == nil {
			t.Errorf("%s: %s, %v, %v", raw, granted, problem, err)
		}
	}
}
