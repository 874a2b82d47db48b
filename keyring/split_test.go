package keyring

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontrow/wire"
)

// A gateway's part of the keyring verifies what the others sign, and whoever has it
// makes nothing that passes for a pass or opens a gate.
func TestGatewayCannotSign(t *testing.T) {
	whole := New()
	path := filepath.Join(t.TempDir(), "gateway.json")
	part, err := whole.Keys().For(wire.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	if err := part.Save(path); err != nil {
		t.Fatal(err)
	}
	stolen, err := Load(path, wire.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	rec := wire.PassRecord{ID: "x", Fan: wire.NewFan(), Limit: 1, At: now, Expires: now.Add(time.Hour)}
	barcode := Barcode{Event: "demo", Ticket: wire.NewTicket(), Seat: "A-1", Generation: 1}
	if _, err := stolen.Public().VerifyPass(mustSign(t, whole, rec), "demo", now, 0); err != nil {
		t.Errorf("a pass of admission: %v", err)
	}
	if _, err := stolen.Public().VerifyBarcode(whole.SignBarcode(barcode)); err != nil {
		t.Errorf("a barcode of the inventory: %v", err)
	}
	if _, err := whole.VerifyReceipt(stolen.SignReceipt(wire.Place{Event: "demo", Fan: rec.Fan, Number: 1})); err != nil {
		t.Errorf("a receipt of another gateway: %v", err)
	}
	if !bytes.Equal(stolen.Keys().JWKS(), whole.Keys().JWKS()) {
		t.Errorf("the public keys differ: %s", stolen.Keys().JWKS())
	}
	if pass, err := stolen.SignPass(NewPass("demo", rec)); err == nil {
		t.Errorf("it signs passes: %s", pass)
	}
	if b := stolen.SignBarcode(barcode); b != "" {
		t.Errorf("it signs barcodes: %s", b)
	}
	// The public halves under the names of the keys, taken for seeds.
	forged := Keys{Secret: part.Secret}
	for i := range part.Pass {
		forged.Pass = append(forged.Pass, SigningKey{ID: part.Pass[i].ID, Seed: part.Pass[i].PublicHalf})
		forged.Barcode = append(forged.Barcode, SigningKey{ID: part.Barcode[i].ID, Seed: part.Barcode[i].PublicHalf})
	}
	forger := keyring(t, forged)
	if _, err := whole.Public().VerifyPass(mustSign(t, forger, rec), "demo", now, 0); err == nil {
		t.Error("a forged pass is taken")
	}
	if _, err := whole.Public().VerifyBarcode(forger.SignBarcode(barcode)); err == nil {
		t.Error("a forged barcode is taken")
	}
}

// Each service holds what it needs and no more, whatever it is given, and says
// what is missing.
func TestPartsOfTheKeyring(t *testing.T) {
	whole := NewKeys()
	lists := map[string][3]int{wire.Gateway: {0, 0, 1}, wire.Admission: {1, 0, 0}, wire.Inventory: {0, 1, 0}}
	for service, want := range lists {
		part, err := whole.For(service)
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]int{signers(part.Pass), signers(part.Barcode), len(part.Secret)}; got != want {
			t.Errorf("%s has %v secrets, want %v", service, got, want)
		}
		if part.Surplus(service) != "" || whole.Surplus(service) == "" {
			t.Errorf("%s: surplus %q of its part, %q of all", service, part.Surplus(service), whole.Surplus(service))
		}
		k := keyringOf(t, whole, service)
		if !k.Keys().equal(part) {
			t.Errorf("%s holds more of the whole than its part", service)
		}
		for other := range lists {
			if _, err := part.Keyring(other); other != service && err == nil {
				t.Errorf("%s runs with the part of %s", other, service)
			}
		}
	}
	if _, err := whole.For(wire.Pricing); err == nil || !strings.Contains(err.Error(), "no keys") {
		t.Errorf("pricing: %v", err)
	}
	admission := keyringOf(t, whole, wire.Admission)
	for name, bad := range map[string]Keys{"halves": {Pass: halves(whole.Pass)}, "another's": {Barcode: whole.Barcode}} {
		if err := admission.Replace(bad); err == nil || !admission.Keys().equal(Keys{Pass: whole.Pass}) {
			t.Errorf("%s are in force: %v", name, err)
		}
	}
	all := keyring(t, whole)
	if err := all.Replace(Keys{Pass: halves(whole.Pass), Barcode: whole.Barcode, Secret: whole.Secret}); err == nil {
		t.Error("keys that signed are replaced by their halves")
	}
}

func keyringOf(t *testing.T, keys Keys, service string) *Keyring {
	t.Helper()
	k, err := keys.Keyring(service)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
