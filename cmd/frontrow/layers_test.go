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
	{"cmd/frontrow", []string{"rehearse", "gateway", "admission", "inventory", "inventory/audit", "inventory/ledger", "inventory/checkout", "inventory/payment/sandbox", "pricing",
		"gateway/challenge", "gateway/challenge/siteverify", "gateway/client", "gateway/defence", "gateway/limit", "gateway/listener", "web", "internal/natsd", "internal/pgd", "internal/ops", "eventfile", "kv", "wire", "plan"}},

	{"gateway", []string{"gateway/catalogue", "gateway/challenge", "gateway/client", "gateway/defence", "gateway/document", "gateway/identity", "gateway/limit",
		"gateway/listener", "gateway/live", "gateway/pages", "gateway/proof", "internal/failpoint", "kv", "wire"}},
	{"gateway/arrivals", []string{"gateway/recent", "internal/failpoint", "internal/records", "kv", "wire"}},
	{"gateway/catalogue", []string{"gateway/arrivals", "gateway/live", "internal/records", "kv", "wire"}},
	{"gateway/challenge", []string{"gateway/challenge/altcha", "gateway/challenge/siteverify", "kv", "wire"}},
	{"gateway/challenge/altcha", nil},
	{"gateway/challenge/siteverify", nil},
	{"gateway/client", nil},
	{"gateway/defence", []string{"gateway/challenge", "gateway/challenge/altcha", "gateway/challenge/siteverify", "gateway/client", "gateway/evidence",
		"gateway/ja4", "gateway/limit", "gateway/listener", "gateway/recent", "gateway/risk", "wire"}},
	{"gateway/document", nil},
	{"gateway/evidence", []string{"kv", "wire"}},
	{"gateway/identity", []string{"gateway/proof", "gateway/recent", "kv", "wire"}},
	{"gateway/ja4", nil},
	{"gateway/limit", nil},
	{"gateway/listener", []string{"gateway/client", "gateway/ja4"}},
	{"gateway/live", []string{"gateway/document", "gateway/listener", "kv", "wire", "plan"}},
	{"gateway/pages", []string{"gateway/document", "wire"}},
	{"gateway/proof", nil},
	{"gateway/recent", nil},
	{"gateway/risk", []string{"gateway/ja4"}},
	{"eventfile", []string{"wire"}},
	{"admission", []string{"eventfile", "admission/meter", "admission/queue", "admission/roll", "admission/scene", "internal/failpoint", "internal/records", "kv", "wire", "plan"}},
	{"admission/meter", []string{"wire"}},
	{"admission/queue", []string{"admission/roll", "kv", "wire"}},
	{"admission/roll", []string{"wire"}},
	{"admission/scene", []string{"internal/records", "kv", "wire"}},
	{"pricing", []string{"internal/records", "kv", "wire"}},
	{"inventory", []string{"inventory/seating", "inventory/ledger", "internal/failpoint", "internal/records", "kv", "wire", "plan"}},
	{"inventory/seating", []string{"wire", "plan"}},
	{"inventory/seating/seatingtest", []string{"wire", "plan"}},
	{"inventory/audit", []string{"inventory/ledger", "internal/records", "kv", "wire", "plan"}},
	{"inventory/checkout", []string{"inventory/ledger", "inventory/payment", "internal/consume", "internal/failpoint", "kv", "wire"}},
	{"inventory/ledger", []string{"internal/failpoint", "internal/group", "wire"}},
	{"inventory/payment", nil},
	{"inventory/payment/sandbox", []string{"inventory/payment", "internal/group"}},

	{"internal/consume", nil},
	{"internal/records", []string{"kv", "wire"}},
	{"internal/ops", nil},
	{"internal/natsd", nil},
	{"internal/pgd", []string{"internal/loopback"}},
	{"internal/loopback", nil},
	{"internal/natstest", []string{"internal/loopback", "internal/natsd"}},
	{"internal/pgtest", []string{"internal/loopback", "internal/pgd"}},

	{"internal/commands", nil},
	{"internal/mutants", nil},

	{"rehearse", []string{"gateway/challenge/altcha", "wire", "plan"}}, // the public contract, and nothing of the services; altcha.Solve is a client's part
	{"internal/defences", []string{"rehearse", "inventory/audit"}},
	{"internal/endurance", []string{"rehearse", "inventory/audit", "inventory/payment/sandbox", "internal/loopback", "internal/natsd", "internal/pgd", "kv", "wire"}},

	{"sim", []string{"inventory/seating", "wire", "plan"}},

	{"kv", []string{"internal/failpoint", "internal/group"}},
	{"kv/kvtest", []string{"kv"}},
	{"wire", nil},
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
	{"rsc.io/qr", []string{"gateway"}},
}

// testOnly is imported by tests alone.
var testOnly = []string{"internal/natstest", "internal/pgtest", "kv/kvtest", "inventory/seating/seatingtest"}

const maxDirectDependencies = 20

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
