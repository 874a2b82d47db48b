package main

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/internal/failpoint"
)

// crash is where dev ends, at which time it comes there, and what is played.
type crash struct {
	at    failpoint.Point
	time  int
	story string
}

// crashes has every point. What waits longest comes first: a task that was
// claimed by the dead is another's after 30 s, a message after 10 s.
func crashes() []crash {
	return []crash{
		{failpoint.CheckoutSettled, 1, "abandoned"}, // and its void after 60 s
		{failpoint.TasksClaimed, 1, "purchase"},
		{failpoint.CaptureTold, 1, "purchase"},
		{failpoint.VoidTold, 1, "late"},
		{failpoint.RefundTold, 1, "refunded"},
		{failpoint.Decided, 4, "purchase"}, // the first hold, the second, the checkout, the sale
		{failpoint.FlushStored, 4, "purchase"},

		{failpoint.OrderDelivered, 1, "purchase"},
		{failpoint.OrderBegun, 1, "purchase"},
		{failpoint.HoldExtended, 1, "purchase"},
		{failpoint.PaymentAuthorized, 1, "purchase"},
		{failpoint.TransactionWritten, 1, "purchase"}, // begun, paid
		{failpoint.TransactionCommitted, 1, "purchase"},
		{failpoint.TransactionWritten, 2, "purchase"},
		{failpoint.TransactionCommitted, 2, "purchase"},
		{failpoint.OrderCommitted, 1, "purchase"},
		{failpoint.SaleConfirmed, 1, "purchase"},
		{failpoint.OrderConcluded, 1, "purchase"},
		{failpoint.OrderPublished, 1, "purchase"},
		{failpoint.TransactionWritten, 2, "declined"}, // begun, failed
		{failpoint.OrderFailed, 1, "declined"},
		{failpoint.FailureReleased, 1, "declined"},
		{failpoint.ConfirmationAsked, 1, "bank"},
		{failpoint.OrderParked, 1, "bank"},
		{failpoint.ParkedDue, 1, "unheard"},
		{failpoint.ParkedEnded, 1, "bank"},
		{failpoint.WebhookTaken, 2, "bank"}, // that the fan is asked, that they confirmed
		{failpoint.PaymentSettled, 1, "late"},
		{failpoint.PoisonLogged, 1, "poison"},

		{failpoint.DrawStored, 1, "drawn"},
		{failpoint.CallStored, 2, "drawn"},     // the draw is held, the first fan
		{failpoint.PlaceStored, 2, "purchase"}, // the first fan's, the second's
		{failpoint.CallStored, 3, "purchase"},  // none yet, the first fan, the second
		{failpoint.CallLogged, 2, "purchase"},
		{failpoint.BoardPublished, 3, "purchase"},
		{failpoint.PassStored, 2, "purchase"},
		{failpoint.CodeClaimed, 1, "by code"},
		{failpoint.CodeSpent, 1, "by code"},
		{failpoint.PassChanged, 1, "moved"},
		{failpoint.PassChanged, 1, "revoked"},
		{failpoint.ActLogged, 2, "revoked"}, // as the event is put up, the revocation
		{failpoint.PassesWithdrawn, 1, "withdrawn"},
		{failpoint.BatchAcknowledged, 1, "purchase"}, // a lease
		{failpoint.BatchAcknowledged, 12, "purchase"},
		{failpoint.Decided, 2, "purchase"},
		{failpoint.FlushStored, 2, "purchase"},
		{failpoint.FlushStored, 3, "purchase"},
		{failpoint.HoldGranted, 2, "purchase"},
		{failpoint.CheckoutMarked, 1, "purchase"},
		{failpoint.HoldGivenUp, 1, "released"},
		{failpoint.FlushStored, 3, "released"}, // two holds, the end of one
		{failpoint.Decided, 2, "expired"},      // the hold, its end
		{failpoint.HoldExpired, 1, "expired"},

		{failpoint.ActLogged, 1, "purchase"}, // as the event is put up
		{failpoint.StreamsMade, 1, "purchase"},
		{failpoint.EventStored, 1, "purchase"},
		{failpoint.PricesLogged, 1, "purchase"},
		{failpoint.SeatsOpened, 1, "purchase"},
		{failpoint.SeatsWritten, 1, "purchase"},
		{failpoint.RefundLogged, 1, "given back"},
		{failpoint.OrdersRefunded, 1, "given back"},
		{failpoint.SeatsReturned, 1, "given back"},
		{failpoint.OrdersRefunded, 1, "cancelled"},
		{failpoint.SeatsReturned, 1, "cancelled"},
		{failpoint.GuardSeized, 1, "take-over"},
		{failpoint.DifferenceFound, 1, "difference"},
		{failpoint.SoldRebuilt, 1, "lost"},
	}
}

// everyCrash is false in CI, which plays the crashes of a day: within crashDays days, all.
var everyCrash = flag.Bool("every-crash", false, "let TestFailpoints end dev at every point, not only at the day's")

const crashDays = 3

// crashesAtOnce is how many devs run beside each other: most of a crash is
// waiting for the leases of the dead.
const crashesAtOnce = 8

// frontrow dev ends by SIGKILL at every point where a crash leaves something
// half done, and is started again. Its fans, who repeat what was not answered,
// get what they came for; what they were told before holds; and the audit is clean.
func TestFailpoints(t *testing.T) {
	program := build(t)
	t.Run("misspelt", func(t *testing.T) { misspelt(t, program) })
	ended, day := map[failpoint.Point]bool{}, time.Now().UTC().YearDay()
	all := *everyCrash || strings.Contains(flag.Lookup("test.run").Value.String(), "/") // named
	var wg sync.WaitGroup
	free := make(chan struct{}, crashesAtOnce)
	for i, c := range crashes() {
		ended[c.at] = true
		if !all && (i+day)%crashDays != 0 {
			continue
		}
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			t.Run(fmt.Sprintf("%s:%d %s", c.at, c.time, c.story), func(t *testing.T) { c.test(t, program) })
		})
	}
	wg.Wait()
	for _, p := range failpoint.All() {
		if !ended[p] {
			t.Errorf("nothing ends at %s", p)
		}
	}
}

func (c crash) test(t *testing.T, program string) {
	story, ok := stories()[c.story]
	if !ok {
		t.Fatal("no such story")
	}
	event := theatreOf(t, "show", cmp.Or(story.hold, long)+", checkout: 10s")
	if story.draw {
		event = withDraw(event, time.Now().Add(drawAfter))
	}
	s := newSale(t, program, eventFileOf(t, event))
	if story.before != nil {
		story.before(s)
	}
	over := s.arm(fmt.Sprintf("%s:%d", c.at, c.time))
	story.play(s)
	must(t, <-over)
	held, sold := 0, 0
	for _, b := range s.buyers {
		b.recall()
		if b.state == "paid" {
			sold += len(seatIDs(b.held))
		} else if b.told["hold"] != "" {
			held += len(seatIDs(b.held))
		}
	}
	s.rest(held)
	for _, b := range s.buyers {
		b.recall()
	}
	s.callsAreLogged()
	if report := s.audit("show"); report.Stock.Sold != sold {
		t.Errorf("%d seats are sold, the fans have %d", report.Stock.Sold, sold)
	}
	s.stop()
	if m := s.money(); !maps.Equal(m, story.money) {
		t.Errorf("the provider has %v, not %v", m, story.money)
	}
}

// misspelt: a name that is not a point's is not a run without a crash.
func misspelt(t *testing.T, program string) {
	s := newSale(t, program, eventOf(t, "show", long))
	_, err := s.launch(failpoint.Variable + "=no-such-point")
	must(t, err)
	<-s.ended
	if code := s.cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(s.log.String(), `there is no point "no-such-point"`) {
		t.Errorf("%d: %s", code, s.log)
	}
	s.cmd = nil
}
