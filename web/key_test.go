package web_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/wire"
)

// shown is what a proof of the page says.
type shown struct {
	Method string `json:"htm"`
	URL    string `json:"htu"`
	ID     string `json:"jti"`
	At     int64  `json:"iat"`
	Pass   string `json:"ath"`
}

// late refuses a hold whose proof is not of the fake's now, as the gateway does, and
// notes what was shown.
func (f *fake) late(w http.ResponseWriter, r *http.Request) bool {
	parts := strings.Split(r.Header.Get("DPoP"), ".")
	var s shown
	if len(parts) == 3 {
		raw, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil || json.Unmarshal(raw, &s) != nil {
			f.t.Errorf("the page's proof can't be read: %s", parts[1])
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.proofs = append(f.proofs, s)
	now := time.Now().Add(f.ahead)
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	if off := now.Unix() - s.At; off > 60 || off < -60 {
		refuse(w, 401, wire.CodeProof, "The clock of this device is off.")
		return true
	}
	return false
}

// TestProofs: where the browser can, each use of a pass is proven with its key; a clock
// that is off costs one more question, and nobody sees it.
func TestProofs(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	b := newTab(t, newBrowser(t), "proofs", 390, 844, false)
	b.seats(f, url)
	f.mu.Lock()
	f.ahead, f.proofs = 5*time.Minute, nil
	f.mu.Unlock()
	b.wait("what the button holds", `best.textContent.startsWith("Hold the best 2 seats · €85.00 to €195.00")`, "best")
	b.click("#best")
	b.wait("the checkout", `document.body.dataset.view === "checkout" && error.textContent === ""`, "error")
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.proofs) != 2 || f.proofs[0].ID == f.proofs[1].ID || f.proofs[1].At-f.proofs[0].At < 5*60-30 {
		t.Errorf("%+v", f.proofs)
	}
	for _, s := range f.proofs {
		if s.Method != "POST" || s.URL != url+"/v1/events/"+fakeEvent+"/holds" || s.ID == "" || s.Pass != wire.Hash([]byte(fakePass)) {
			t.Errorf("%+v", s)
		}
	}
	if f.key.Kty != "EC" || f.key.Crv != "P-256" || len(f.key.X) != 43 || len(f.key.Y) != 43 {
		t.Errorf("the key that was sent when redeeming: %+v", f.key)
	}
}
