package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/wire"
)

// What prices may do, what they are and why they were changed is public, also from a gateway
// that starts late.
func TestPricesAreExplained(t *testing.T) {
	t.Parallel()
	s := open(t)
	spec := spec()
	spec.OpensAt, spec.SaleEndsAt, spec.StartsAt = time.Now().Add(-time.Hour).UTC(), time.Now().Add(time.Hour).UTC(), time.Now().Add(time.Hour).UTC()
	spec.Pricing = wire.PricingSpec{Mode: wire.PricingDemand, MostApart: 100, QuietAfter: wire.Duration(10 * time.Minute), Rails: []wire.Rails{{Level: "standard", Floor: 5000, Ceiling: 8000, Step: 200}},
		Comparable: wire.Comparable{Sales: []wire.PastSale{{Event: "last-year", Venue: "Hall", StartsAt: spec.StartsAt.AddDate(0, 0, -364), Places: 100}}, Curve: []wire.SharePoint{{After: wire.Duration(time.Hour), BasisPoints: 5000}}}}
	spec = spec.WithDefaults()
	rec := *s.event(show).Record()
	rec.Spec = spec
	s.put(wire.EventsBucket, show, rec)
	for i, total := range []int64{5450, 5650, 5850} {
		s.put(wire.PricesBucket, wire.PriceKey(show, "standard"), wire.Price{Amounts: wire.NewAmounts(total-450, 400, 50), Version: int64(i + 1),
			At: time.Now().Add(time.Duration(i-3) * 10 * time.Minute), Why: "because <of> it", Wanted: 6000, Parts: &wire.PriceParts{Sales: 1000}})
	}
	late := s.another()
	for _, at := range []*shop{s, late} {
		var p pricesReply
		at.until("prices", func() bool {
			r := at.send("GET", "/v1/events/show/prices", "")
			if r.StatusCode != http.StatusOK {
				return false
			}
			p = into[pricesReply](t, r, http.StatusOK)
			return p.Mode == wire.PricingDemand && len(p.Levels[0].History) == 3
		})
		l := p.Levels[0]
		if l.Price.Total != 5850 || l.Opening != 5450 || l.Floor != 5000 || l.Ceiling != 8000 || l.Rails == nil || l.Rails.Step != 200 || l.Rails.CoolDown != 120 ||
			l.History[0].Version != 3 || l.History[2].Total != 5450 || l.History[1].Parts.Sales != 1000 || p.Every != 120 || !p.Spread || p.MostApart != 100 || p.QuietAfter != 600 || p.Comparable == nil || p.Comparable.Unused != "" || p.Comparable.Curve[0].BasisPoints != 5000 || p.Comparable.Sales[0].Event != "last-year" || p.Currency != "EUR" {
			t.Errorf("%+v", p)
		}
		page := at.send("GET", "/e/show/prices", "")
		body := string(page.body)
		for _, want := range []string{"like last-year of 100", "Standard €58.50 of €50.00 to €80.00 step €2.00 2 minutes", "€54.50 because &lt;of&gt; it", "M0.0 102.0H"} {
			if page.StatusCode != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("the page has no %q: %d %s", want, page.StatusCode, body)
			}
		}
	}
	if r := s.send("GET", "/v1/events/none/prices", ""); r.StatusCode != http.StatusNotFound {
		t.Errorf("of no event: %d", r.StatusCode)
	}
}

// An event whose prices are fixed says so.
func TestFixedPricesAreExplained(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := into[pricesReply](t, s.send("GET", "/v1/events/show/prices", ""), http.StatusOK)
	if l := p.Levels[0]; p.Mode != wire.PricingFixed || l.Rails != nil || l.Floor != 5450 || l.Ceiling != 5450 || l.Price.Total != 5450 || l.History == nil {
		t.Errorf("%+v", p)
	}
	if page := s.send("GET", "/e/show/prices", ""); page.StatusCode != http.StatusOK || strings.Contains(string(page.body), "step") {
		t.Errorf("%d %s", page.StatusCode, page.body)
	}
}
