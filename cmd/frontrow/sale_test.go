package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/internal/pgtest"
	"frontrow/inventory/audit"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment/sandbox"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// sale is a frontrow dev that ends by itself while its fans buy, and is started
// again: fans follow it.
type sale struct {
	*running
	ctx    context.Context
	giveUp context.CancelFunc
	log    *bytes.Buffer // what dev says
	ledger *ledger.Ledger
	buyers []*buyer
	beside sync.WaitGroup // what goes on beside the story

	mu   sync.Mutex
	at   string // where fans find it; empty before it was ready
	core string // where NATS is
}

func newSale(t *testing.T, program, event string) *sale {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	s := &sale{ctx: ctx, giveUp: cancel, log: &bytes.Buffer{}}
	s.running = &running{t: t, program: program, dsn: pgtest.New(t), data: dataDir(t), event: event, stderr: s.log}
	l, err := ledger.Open(s.ctx, ledger.Config{DSN: s.dsn})
	must(t, err)
	s.ledger = l
	t.Cleanup(func() {
		cancel()
		s.beside.Wait()
		l.Close()
		if s.cmd != nil {
			_ = s.cmd.Process.Kill()
			<-s.ended
		}
		if t.Failed() {
			t.Logf("frontrow dev said:\n%s", s.log)
		}
	})
	return s
}

// run starts dev without a point to end at.
func (s *sale) run() {
	s.t.Helper()
	s.start()
	s.found()
}

// found tells the fans where dev is.
func (s *sale) found() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.core = s.http, s.nats
}

func (s *sale) base() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// arm starts dev, to end at a point and to be started again without one; over
// tells when it is back, or why it is not.
func (s *sale) arm(point string) (over <-chan error) {
	s.t.Helper()
	line, err := s.launch(failpoint.Variable + "=" + point)
	must(s.t, err)
	back := make(chan error, 1)
	s.beside.Go(func() {
		err := s.comeBack(line)
		if err != nil {
			s.t.Error(err) // now: the fans fail for want of a dev
			s.giveUp()
		}
		back <- err
	})
	return back
}

func (s *sale) comeBack(line <-chan string) error {
	if err := s.ready(line); err == nil { // it may end before that
		s.found()
	}
	select {
	case err := <-s.ended:
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			return fmt.Errorf("dev ended by itself with %v", err)
		}
	case <-s.ctx.Done():
		return errors.New("the point was not reached")
	}
	line, err := s.launch()
	if err == nil {
		err = s.ready(line)
	}
	if err == nil {
		s.found()
	}
	return err
}

// rest waits until no order and no task of the outbox waits, and so many seats
// are held. It looks in this process: frontrow audit is for the end.
func (s *sale) rest(held int) {
	s.t.Helper()
	js, err := jetstream.New(s.bus())
	must(s.t, err)
	for {
		r, err := audit.Run(s.ctx, js, s.ledger, "show", time.Now())
		if err == nil && r.Waits == 0 && r.Ledger.Undone == 0 && r.Stock.Held == held {
			return
		}
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("the sale does not come to rest with %d seats held: %+v, %v", held, r, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// bus connects to the NATS of the dev that is up, or was a moment ago.
func (s *sale) bus() *nats.Conn {
	s.t.Helper()
	for s.base() == "" {
		must(s.t, s.ctx.Err())
		breathe(s.ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	nc, err := nats.Connect(s.core)
	must(s.t, err)
	s.t.Cleanup(nc.Close)
	return nc
}

// logged reads the sale log's records of a kind.
func (s *sale) logged(kind string) (records [][]byte) {
	s.t.Helper()
	js, err := jetstream.New(s.bus())
	must(s.t, err)
	stream, err := js.Stream(s.ctx, wire.SaleLogStream)
	must(s.t, err)
	subject := wire.LogSubject("show", kind)
	info, err := stream.Info(s.ctx, jetstream.WithSubjectFilter(subject))
	must(s.t, err)
	consumer, err := stream.OrderedConsumer(s.ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	must(s.t, err)
	for range info.State.Subjects[subject] {
		m, err := consumer.Next()
		must(s.t, err)
		records = append(records, m.Data())
	}
	return records
}

// callsAreLogged: the sale log has each place that was called once, without gaps.
func (s *sale) callsAreLogged() {
	s.t.Helper()
	type line struct{ lane, region string }
	last := map[line]uint64{}
	for _, record := range s.logged(wire.LogAdmission) {
		var act wire.AdmissionAct
		must(s.t, json.Unmarshal(record, &act))
		for _, m := range act.Lines {
			at := line{m.Lane, m.Region}
			if m.From != last[at] || m.To < m.From {
				s.t.Errorf("call %+v follows %v", act, last)
			}
			last[at] = m.To
		}
	}
	for _, b := range s.buyers {
		if _, in := b.told["pass"]; in && b.rank == 0 && b.number > last[line{b.lane, homeRegion}] {
			s.t.Errorf("place %d has a pass, the log ends with %v", b.number, last)
		}
	}
}

// books starts what of the ledger is asked in groups.
func (s *sale) books() *ledger.Ledger {
	s.beside.Go(func() { _ = s.ledger.Run(s.ctx) })
	return s.ledger
}

// money is what the provider has after dev has ended: its journal is read by a
// provider of this test.
func (s *sale) money() (m money) {
	s.t.Helper()
	bank, err := sandbox.New(sandbox.Config{Dir: filepath.Join(s.data, "payments")})
	must(s.t, err)
	ctx, stop := context.WithCancel(s.ctx)
	stop()
	defer func() { _ = bank.Run(ctx) }() // closes what New has opened
	w := httptest.NewRecorder()
	bank.ServeHTTP(w, httptest.NewRequest("GET", "/v1/totals", nil))
	must(s.t, json.Unmarshal(w.Body.Bytes(), &m))
	return m
}

// build makes frontrow with failpoints.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "frontrow")
	cmd := exec.Command("go", "build", "-tags", "failpoints", "-o", program, ".")
	cmd.Stderr = os.Stderr
	must(t, cmd.Run())
	return program
}
