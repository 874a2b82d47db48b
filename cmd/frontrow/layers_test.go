package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers is the picture of docs/architecture.md: what each folder of ours may
// import of the others. Imports point down only.
var layers = []struct {
	folder string
	may    []string
}{
	{"cmd/frontrow", []string{"rehearse", "gateway", "admission", "inventory", "inventory/audit", "inventory/ledger", "inventory/checkout", "inventory/payment", "inventory/payment/sandbox", "inventory/payment/stripe", "pricing", "pricing/curve", "pricing/simulate", "pricing/simulate/report",
		"gateway/abuse", "gateway/abuse/challenge", "gateway/abuse/challenge/siteverify", "gateway/abuse/limit", "gateway/client", "gateway/listener", "web", "internal/asking", "internal/bus", "internal/natsd", "internal/pgd", "internal/ops", "eventfile", "kv", "internal/streams", "keyring", "wire", "plan"}},

	{"gateway", []string{"gateway/abuse", "gateway/abuse/challenge", "gateway/abuse/limit", "gateway/events",
		"gateway/listener", "gateway/live", "gateway/pages", "gateway/visitor", "gateway/visitor/proof", "internal/asking", "internal/bus", "internal/failpoint", "keyring", "kv", "wire"}},
	{"gateway/abuse", []string{"gateway/abuse/challenge", "gateway/abuse/challenge/altcha", "gateway/abuse/challenge/siteverify", "gateway/abuse/limit",
		"gateway/abuse/risk", "gateway/client", "gateway/listener", "gateway/visitor", "keyring", "kv", "wire"}},
	{"gateway/abuse/challenge", []string{"gateway/abuse/challenge/altcha", "gateway/abuse/challenge/siteverify", "kv", "wire"}},
	{"gateway/abuse/challenge/altcha", nil},
	{"gateway/abuse/challenge/siteverify", nil},
	{"gateway/abuse/limit", nil},
	{"gateway/abuse/risk", []string{"gateway/client/ja4"}},
	{"gateway/client", nil},
	{"gateway/client/ja4", nil},
	{"gateway/events", []string{"gateway/live", "internal/failpoint", "internal/promise", "internal/records", "internal/salelog", "kv", "wire"}},
	{"gateway/listener", []string{"gateway/client", "gateway/client/ja4"}},
	{"gateway/live", []string{"gateway/listener", "gateway/pages", "internal/salelog", "kv", "wire", "plan"}},
	{"gateway/pages", []string{"internal/chart", "wire"}},
	{"gateway/visitor", []string{"gateway/client", "gateway/client/ja4", "gateway/listener", "gateway/visitor/proof", "keyring", "kv", "wire"}},
	{"gateway/visitor/proof", nil},
	{"eventfile", []string{"wire"}},
	{"admission", []string{"eventfile", "admission/admitter", "admission/queue", "admission/sale", "internal/bus", "internal/failpoint", "internal/leader", "internal/operator", "internal/records", "internal/streams", "kv", "keyring", "wire", "plan"}},
	{"admission/admitter", []string{"admission/pacing", "admission/passes", "admission/queue", "admission/sale", "internal/bus", "internal/failpoint", "internal/operator", "internal/records", "keyring", "kv", "wire"}},
	{"admission/pacing", []string{"wire"}},
	{"admission/passes", []string{"wire"}},
	{"admission/queue", []string{"admission/passes", "kv", "wire"}},
	{"admission/sale", []string{"internal/leader", "internal/records", "kv", "wire"}},
	{"pricing", []string{"pricing/curve", "pricing/market", "pricing/rules", "internal/failpoint", "internal/leader", "internal/operator", "internal/records", "internal/salelog", "kv", "wire"}},
	{"pricing/curve", []string{"wire"}},
	{"pricing/market", []string{"wire"}},
	{"pricing/simulate/report", []string{"internal/chart", "pricing/curve", "pricing/simulate", "wire"}},
	{"pricing/simulate", []string{"pricing/curve", "pricing/market", "pricing/rules", "wire"}},
	{"pricing/rules", []string{"wire"}},
	{"inventory", []string{"inventory/refund", "inventory/writer", "internal/asking", "internal/bus", "internal/leader", "internal/operator", "internal/records", "internal/salelog", "kv", "wire", "plan"}},
	{"inventory/refund", []string{"inventory/ledger", "internal/failpoint", "internal/operator", "kv", "wire"}},
	{"inventory/writer", []string{"inventory/ledger", "inventory/seating", "internal/bus", "internal/leader", "internal/failpoint", "internal/records", "internal/salelog", "kv", "wire", "plan"}},
	{"inventory/inventorytest", []string{"inventory/ledger", "inventory/refund", "kv", "internal/streams", "wire", "plan"}},
	{"inventory/seating", []string{"internal/promise", "wire", "plan"}},
	{"inventory/seating/seatingtest", []string{"wire", "plan"}},
	{"inventory/audit", []string{"inventory/ledger", "internal/promise", "internal/records", "internal/salelog", "kv", "wire", "plan"}},
	{"inventory/checkout", []string{"inventory/ledger", "inventory/payment", "internal/bus", "internal/consume", "internal/failpoint", "kv", "keyring", "wire"}},
	{"inventory/ledger", []string{"internal/failpoint", "internal/group", "wire"}},
	{"inventory/payment", nil},
	{"inventory/payment/sandbox", []string{"inventory/payment", "internal/group"}},
	{"inventory/payment/paymenttest", []string{"inventory/payment"}},
	{"inventory/payment/stripe", []string{"inventory/payment", "wire"}},
	{"inventory/payment/stripe/stripetest", nil},

	{"internal/asking", []string{"wire"}},
	{"internal/bus", nil},
	{"internal/chart", nil},
	{"internal/consume", nil},
	{"internal/leader", []string{"internal/records", "kv", "wire"}},
	{"internal/operator", []string{"internal/failpoint", "kv", "wire"}},
	{"internal/streams", []string{"wire"}},
	{"internal/promise", []string{"wire"}},
	{"internal/records", []string{"kv", "wire", "plan"}},
	{"internal/salelog", []string{"internal/records", "kv", "wire"}},
	{"internal/ops", nil},
	{"internal/natsd", nil},
	{"internal/pgd", []string{"internal/loopback"}},
	{"internal/loopback", nil},
	{"internal/natstest", []string{"internal/loopback", "internal/natsd"}},
	{"internal/pgtest", []string{"internal/loopback", "internal/pgd"}},

	{"internal/commands", nil},
	{"proof/mutants", nil},

	{"rehearse", []string{"gateway/abuse/challenge/altcha", "wire", "plan"}}, // the public contract, and nothing of the services; altcha.Solve is a client's part
	{"proof/harness", []string{"rehearse", "inventory/audit"}},
	{"proof/defences", []string{"proof/harness", "rehearse"}},
	{"proof/endurance", []string{"proof/harness", "rehearse", "inventory/audit", "inventory/payment/sandbox", "internal/loopback", "internal/natsd", "internal/pgd", "kv", "wire"}},

	{"proof/sim", []string{"admission/admitter", "admission/queue", "admission/sale", "keyring", "inventory/checkout", "inventory/ledger", "inventory/payment", "inventory/refund", "inventory/writer", "internal/bus", "internal/consume", "internal/leader", "internal/records", "kv", "kv/memory", "wire", "plan"}},

	{"kv", []string{"internal/failpoint", "internal/group"}},
	{"kv/memory", []string{"kv"}},
	{"kv/kvtest", []string{"kv", "kv/memory"}},
	{"wire", nil},
	{"keyring", []string{"wire"}},
	{"plan", nil},
	{"internal/group", nil},
	{"internal/failpoint", nil},

	{"web", nil},
	{"web/build", []string{"web"}},
}

// only says who may import what comes from outside.
var only = []struct {
	path string
	may  []string
}{
	{"github.com/jackc/pgx/v5", []string{"inventory/ledger", "internal/pgd", "internal/pgtest"}},
	{"github.com/nats-io/nats-server/v2", []string{"internal/natsd", "internal/natstest"}},
	{"github.com/coder/websocket", []string{"gateway", "gateway/live", "rehearse"}},
	{"github.com/evanw/esbuild", []string{"web", "web/build"}},
	{"github.com/stripe/stripe-go/v85", []string{"inventory/payment/stripe"}},
	{"rsc.io/qr", []string{"gateway"}},
}

// testOnly is imported by tests alone.
var testOnly = []string{"internal/natstest", "internal/pgtest", "kv/memory", "kv/kvtest", "inventory/seating/seatingtest", "inventory/inventorytest", "inventory/payment/paymenttest", "inventory/payment/stripe/stripetest"}

// maxDirectDependencies is a bound to think at: about 20, and the right library beats
// the number (docs/adr has what stays ours).
const maxDirectDependencies = 30

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func TestLayers(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "frontrow/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		checkPackage(t, p)
	}
}

func checkPackage(t *testing.T, p listed) {
	folder := strings.TrimPrefix(p.ImportPath, "frontrow/")
	at := slices.IndexFunc(layers, func(l struct {
		folder string
		may    []string
	}) bool {
		return l.folder == folder
	})
	if at < 0 {
		t.Errorf("%s is in no layer: draw it in docs/architecture.md and add it here", folder)
		return
	}
	for _, path := range p.Imports {
		if ours, ok := strings.CutPrefix(path, "frontrow/"); ok {
			if !slices.Contains(layers[at].may, ours) && !(slices.Contains(testOnly, folder) && slices.Contains(testOnly, ours)) {
				t.Errorf("%s imports %s", folder, ours)
			}
			continue
		}
		for _, o := range only {
			if (path == o.path || strings.HasPrefix(path, o.path+"/")) && !slices.Contains(o.may, folder) {
				t.Errorf("%s imports %s", folder, path)
			}
		}
	}
	for _, path := range append(p.TestImports, p.XTestImports...) {
		for _, o := range only[:2] { // tests, too, reach the servers through their own packages
			if strings.HasPrefix(path, o.path) && !slices.Contains(o.may, folder) {
				t.Errorf("the tests of %s import %s", folder, path)
			}
		}
	}
}

func TestDirectDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{if not (or .Indirect .Main)}}{{.Path}}{{end}}", "all").Output()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Fields(string(out))); n > maxDirectDependencies {
		t.Errorf("%d direct dependencies, at most %d:\n%s", n, maxDirectDependencies, out)
	}
}
