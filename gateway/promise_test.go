package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/keyring"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// promising makes the show's prices move, and promised to those who join.
func (s *shop) promising() {
	s.t.Helper()
	rec := *s.event(show).Record()
	rec.Spec.Pricing = wire.PricingSpec{Mode: wire.PricingDemand, Promise: wire.PromiseJoin, Every: wire.Duration(2 * time.Minute), Rails: []wire.Rails{{Level: "standard", Floor: 5000, Ceiling: 8000, Step: 200}}}
	s.put(wire.EventsBucket, show, rec)
	s.until("the rules", func() bool { return s.event(show).Record().Spec.Pricing.Promises() })
}

// priced publishes a price, and a board that shows it.
func (s *shop) priced(version, total int64) {
	s.t.Helper()
	s.put(wire.PricesBucket, wire.PriceKey(show, "standard"), wire.Price{Amounts: wire.NewAmounts(total-450, 400, 50), Version: version,
		At: time.Now().Add(time.Duration(version-10) * 10 * time.Minute), Why: "because"})
	s.board++
	s.put(wire.BoardBucket, show, wire.Board{Event: show, Seq: s.board, State: wire.SaleOpen, Currency: "EUR", Priced: 2 * version,
		Levels: []wire.LevelBoard{{ID: "standard", From: total, To: total}}})
	s.until("the board", func() bool { b := s.event(show).Board(); return b != nil && b.Priced == 2*version })
}

// Who joins is promised what the board shows here, by a number that stays with the place
// whatever prices do, at every gateway and on every device; and what the number means can
// be read by everybody.
func TestJoinersArePromisedWhatTheBoardShows(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.promising()
	f, next := s.fan(), s.fan()
	if r := f.send("POST", places, "{}"); r.StatusCode != http.StatusTooEarly {
		t.Errorf("without prices on the board: %d %s", r.StatusCode, r.body)
	}
	s.priced(1, 5450)
	s.priced(2, 5650)
	late := s.another() // it never saw the first
	p := into[joinReply](t, f.at(late).send("POST", places, "{}"), http.StatusCreated)
	if receipt, err := s.cfg.Keys.VerifyReceipt(p.Place); err != nil || p.Priced != 4 || receipt.Priced != 4 || !p.Joined.Equal(receipt.At) {
		t.Errorf("%+v, %+v, %v", p, receipt, err)
	}
	s.priced(3, 5850)
	for name, again := range map[string]answered{
		"here": f.send("POST", places, "{}"), "there": f.at(late).send("POST", places, "{}"), "by the receipt": f.send("POST", places, fmt.Sprintf(`{"place":%q}`, p.Place)),
	} {
		if r := into[joinReply](t, again, http.StatusOK); r.Priced != 4 || !r.Joined.Equal(p.Joined) {
			t.Errorf("%s: %+v, first %+v", name, r, p)
		}
	}
	// The next fan may still be looking at the board before.
	if r := into[joinReply](t, next.send("POST", places, "{}"), http.StatusCreated); r.Priced != 5 {
		t.Errorf("a moment after: %+v", r)
	}
	for path, want := range map[string]int64{"1": 5450, "2": 5450, "3": 5450, "4": 5650, "5": 5650, "6": 5850} {
		for _, at := range []*shop{s, late} {
			r := at.send("GET", "/v1/events/show/prices/"+path, "")
			if p := into[promisedReply](t, r, http.StatusOK); p.Levels["standard"] != want || p.Currency != "EUR" || r.Header.Get("Cache-Control") != immutable {
				t.Errorf("%s: %+v, %v", path, p, r.Header)
			}
		}
	}
	for _, path := range []string{"7", "0", "-2", "x", "9999999999999999999999"} {
		if r := s.send("GET", "/v1/events/show/prices/"+path, ""); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
	// Of a history that doesn't reach to the first price, nothing is made up.
	for version := int64(4); version < 80; version++ {
		s.put(wire.PricesBucket, wire.PriceKey(show, "standard"), wire.Price{Amounts: wire.NewAmounts(5000+version, 400, 50), Version: version, At: time.Now().Add(time.Duration(version) * time.Minute)})
	}
	s.until("what is no longer kept", func() bool {
		return s.send("GET", "/v1/events/show/prices/2", "").StatusCode == http.StatusNotFound && s.send("GET", "/v1/events/show/prices/158", "").StatusCode == http.StatusOK
	})
}

// A hold says what its fan's pass promises.
func TestHoldsSayWhatThePassPromises(t *testing.T) {
	t.Parallel()
	s := open(t)
	var got atomic.Int64
	s.answer(wire.SeatsSubject(show, wire.ActHold), func(m *nats.Msg) any {
		var r wire.HoldRequest
		_ = json.Unmarshal(m.Data, &r)
		got.Store(r.Claims.Priced)
		return wire.HoldReply{Hold: r.Hold, Currency: "EUR", Expires: time.Now().Add(time.Minute)}
	})
	f := s.fan()
	for _, priced := range []int64{34, 0} {
		pass, err := s.cfg.Keys.SignPass(keyring.NewPass(show, wire.PassRecord{ID: "p", Fan: f.id, Lane: wire.LaneGeneral, Limit: 4, At: time.Now(), Expires: time.Now().Add(time.Hour), Priced: priced}))
		must(t, err)
		f.pass = pass
		if r := f.send("POST", "/v1/events/show/holds", fmt.Sprintf(`{"seats":[%q]}`, s.index.ID(0))); r.StatusCode != http.StatusCreated || got.Load() != priced {
			t.Errorf("%d %s: the writer was told %d, the pass says %d", r.StatusCode, r.body, got.Load(), priced)
		}
	}
}

// That a price is frozen, and what it may become if operators approve, is public; neither is
// a change.
func TestFrozenAndProposedPricesAreShown(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.promising()
	now := time.Now().UTC()
	say := func(frozen bool, proposed *wire.PriceProposed) (pricesReply, string) {
		s.put(wire.PricesBucket, wire.PriceKey(show, "standard"), wire.Price{Amounts: wire.NewAmounts(5000, 400, 50), Version: 1, At: now, Why: "from the event's spec", Frozen: frozen, Proposed: proposed})
		var p pricesReply
		s.until("what is said", func() bool {
			p = into[pricesReply](t, s.send("GET", "/v1/events/show/prices", ""), http.StatusOK)
			l := p.Levels[0]
			return l.Frozen == frozen && (l.Proposed == nil) == (proposed == nil || !now.Before(proposed.Until)) && len(l.History) == 1
		})
		if h := p.Levels[0].History[0]; h.Frozen || h.Proposed != nil || p.Promise != wire.PromiseJoin {
			t.Errorf("%+v", p)
		}
		return p, string(s.send("GET", "/e/show/prices", "").body)
	}
	if _, page := say(true, nil); !strings.Contains(page, "€54.50 frozen of") {
		t.Error(page)
	}
	proposed := &wire.PriceProposed{Total: 5650, At: now, Until: now.Add(time.Hour)}
	if p, page := say(false, proposed); *p.Levels[0].Proposed != *proposed || !strings.Contains(page, "€54.50 proposed €56.50") {
		t.Errorf("%+v %s", p, page)
	}
	say(false, &wire.PriceProposed{Total: 5650, At: now.Add(-time.Hour), Until: now.Add(-time.Minute)})
	late := s.another()
	if p := into[pricesReply](t, late.send("GET", "/v1/events/show/prices", ""), http.StatusOK); len(p.Levels[0].History) != 1 {
		t.Errorf("a late gateway: %+v", p)
	}
}
