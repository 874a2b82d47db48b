package main

import (
	"bytes"
	"strings"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/wire"
)

// What differs of a stream that is there is said before it is put right, and of a
// later version nothing is touched.
func TestMigrateSaysWhatItChanges(t *testing.T) {
	t.Parallel()
	env, dsn := natstest.Run(t), pgtest.New(t)
	js := env.JetStream(t)
	migrate := func() (said string, err error) {
		var stdout, stderr bytes.Buffer
		err = run(deadline(t), []string{"migrate", "--replicas", "1", "--nats", env.URL(), "--postgres", dsn}, &stdout, &stderr)
		return stderr.String(), err
	}
	for range 2 {
		if said, err := migrate(); err != nil || said != "" {
			t.Fatalf("%v: %s", err, said)
		}
	}
	log, err := js.Stream(deadline(t), wire.SaleLogStream)
	must(t, err)
	c := log.CachedInfo().Config
	c.MaxBytes = 1 << 30
	_, err = js.UpdateStream(deadline(t), c)
	must(t, err)
	if said, err := migrate(); err != nil || !strings.Contains(said, "stream SALELOG: max_bytes is 1073741824, becomes -1") {
		t.Errorf("%v: %s", err, said)
	}
	c.Metadata = map[string]string{"frontrow_streams": "2"}
	_, err = js.UpdateStream(deadline(t), c)
	must(t, err)
	if _, err := migrate(); err == nil || !strings.Contains(err.Error(), "SALELOG is of a later frontrow") {
		t.Errorf("a later version: %v", err)
	}
	if log, err = js.Stream(deadline(t), wire.SaleLogStream); err != nil || log.CachedInfo().Config.MaxBytes != 1<<30 {
		t.Errorf("it was changed: %v, %+v", err, log.CachedInfo().Config)
	}
}
