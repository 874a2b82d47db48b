package main

import "slices"

// mutant is a mistake and the tests, of one package, that must find it.
type mutant struct {
	name  string
	pkg   string
	tests string // for go test -run
	edits []edit
}

// edit replaces the only occurrence of old in file.
type edit struct{ file, old, new string }

// list is all of them.
var list = slices.Concat(sale, prices, money, payments)

// sale is ordered from the server up: register, seats, ledger, checkout, admission, gateway.
var sale = []mutant{
	{"no answer taken for not stored", "kv", "TestConformance/R1/GuardedUnknown", []edit{
		{"kv/errors.go", "case invalid(err):\n\t\treturn err\n\t}\n\treturn fmt.Errorf(\"%w: %w\", ErrUnknown, err)", "case invalid(err):\n\t\treturn err\n\t}\n\treturn fmt.Errorf(\"%w: %w\", ErrBusy, err)"}}},
	{"committer takes a conflict for stored", "kv", "TestConformance/R1/Commit", []edit{
		{"kv/committer.go", "p.result.Err = p.doubt(ErrConflict)\n\t\t\tf.revision[p.Key] = e.Revision", "f.stored(p, e.Revision)"}}},
	{"an earlier term takes the guard back", "kv", "TestConformance/R1/(GuardTerms|Fence)", []edit{
		{"kv/guard.go", "r.Term > g.term || ", ""}}},
	{"a term below the guard's stays there", "kv", "TestConformance/R1/LeaseBelowGuard", []edit{
		{"kv/lease.go", "max(term, by.term)", "term"}}},
	{"terms begin anew with their bucket", "kv", "TestConformance/R1/LeaseBucketFromABackup", []edit{
		{"kv/sighting.go", "max(old.term, now.lease.Term", "max(now.lease.Term"}}},
	{"a lease is taken while its holder lives", "kv", "TestConformance/R1/LeaseExclusive", []edit{
		{"kv/sighting.go", "return max(0, ttl-now.Sub(s.at))", "return max(0, ttl/8-now.Sub(s.at))"}}},
	{"a lease is trusted beyond its time", "kv", "TestConformance/R1/Lease(Crash|Cut)", []edit{
		{"kv/lease.go", "start.Add(h.cfg.TTL-h.cfg.Margin)", "start.Add(2*h.cfg.TTL)"}}},
	{"a term is given out again after its bucket is lost", "kv", "TestTermOutlivesABucketNobodySaw", []edit{
		{"kv/lease.go", "\n\th.raise(h.key, h.lease.Term)", ""}}},
	{"a watch does not notice what it missed", "kv", "TestFollowerNoticesAGap", []edit{
		{"kv/jetstream.go", "return Entry{}, errGap", "f.delivered = meta.Sequence.Consumer"}}},
	{"a watch is current before what was written over has come", "kv", "TestCurrentHasWhatIsOverwritten", []edit{
		{"kv/watch.go", "round == watchRounds {", "round == 2 {"}}},
	{"a watch takes a stream made anew for the old one", "kv", "TestConformance/R1/WatchSnapshotAndTail", []edit{
		{"kv/store.go", "\t\treturn Position{Made: made}\n", "\t\treturn Position{Made: made, Revision: p.Revision}\n"}}},

	{"a confirmation is believed whatever has become of its order", "inventory/writer", "TestConfirmedAfterItsRefund", []edit{
		{"inventory/writer/serve.go", "if !t.engine.Has(r.Hold, r.Seats) {", "if false {"}}},
	{"a gateway confirms, in a message with others", "inventory/writer", "TestCommandsTogether$", []edit{
		{"inventory/writer/together.go", "!ok || !wire.TravelsTogether(together, one.Act)", "!ok"}}},
	{"what nobody waits for is begun", "inventory/writer", "TestLateCommandsAreNotBegun", []edit{
		{"inventory/writer/together.go", "return c.among != nil && !now.Before(c.among.until[c.line])", "return false && now.IsZero()"}}},
	{"a confirmation that waits for the ledger holds up a whole message", "inventory/writer", "TestConfirmationIsAskedForAlone", []edit{
		{"inventory/writer/serve.go", "if c.among != nil {", "if false {"}}},
	{"a caller gets the answer to another", "internal/asking", "TestJoiner", []edit{
		{"internal/asking/line.go", "answer{text: answers[i]}", "answer{text: answers[len(answers)-1-i]}"}}},
	{"a lost message holds up all others", "internal/asking", "TestLostMessages", []edit{
		{"internal/asking/line.go", "if t.over || l.missing == maxMissing {", "if t.over || l.missing >= 0 {"}}},
	{"flush without the fence", "inventory/writer", "TestLateWriterIsFenced", []edit{
		{"inventory/writer/flush.go", "Data: raw, Expect: kv.While(t.guard.Fence())}, acts", "Data: raw}, acts"}}},
	{"vouch without the fence", "inventory/writer", "TestLateWriterRefusesNothing", []edit{
		{"inventory/writer/flush.go", "Data: raw, Expect: kv.While(t.guard.Fence())}, acts", "Data: raw}, acts"}}},
	{"records behind the log without the fence", "proof/sim", "TestPurchases", []edit{
		{"inventory/writer/checkpoint.go", "\t\tmsgs[len(seats)].Expect = kv.While(t.recorder.Fence())\n", ""}}},
	{"the checkpoint moves before all records are written", "proof/sim", "TestPurchases", []edit{
		{"inventory/writer/checkpoint.go", "if len(part) == len(r.left) {", "if true {"}, {"inventory/writer/checkpoint.go", "= kv.MaxBatch - 1 ", "= 2 "}}},
	{"the log goes on changing with its holds", "proof/sim", "TestPurchases", []edit{
		{"inventory/seating/take.go", "\t\t\tr.Until, r.HeldUntil = copied(r.Until), copied(r.HeldUntil)\n", ""}}},
	{"the records' sum is not looked at", "inventory/writer", "TestSpoiledSeatsAreStoredAgain/R1", []edit{
		{"inventory/writer/recover.go", "whole := s.at.Sum != strconv.FormatUint(t.behind.sum, 16)", "_, whole := strconv.FormatUint, s.at.Sum == \"\""}}},
	{"a forged record counts as one of the records", "inventory/writer", "TestForgedRecordsOutlastNoWriter", []edit{
		{"inventory/writer/recover.go", "\t\t\tt.behind.disown(seat)\n", ""}}},
	{"a log from a backup passes for all there was", "inventory", "TestDamagedLog/restored_from_an_older_backup$", []edit{
		{"inventory/writer/ending.go", "case err == nil && last.N > t.flushN &&", "case false &&"}}},
	{"a map believes records that no writer has left", "inventory", "TestDamagedRecords/forged,_of_a_flush_to_come", []edit{
		{"internal/salelog/records.go", "point.Sum != f.sum()", "point.Sum == \"\""}}},
	{"a later record loses against the log", "proof/sim", "TestPurchases", []edit{
		{"inventory/writer/recover.go", "s.flush > is.Flush {", "s.flush != is.Flush {"}}},
	{"answers that store nothing wait for no vouch", "inventory/writer", "TestLateWriterRefusesNothing", []edit{
		{"inventory/writer/serve.go", "\t\tlast, err := t.store(ctx)\n\t\tt.landed", "\t\tlast, err := kv.Revision(0), error(nil)\n\t\tif b.stores {\n\t\t\tlast, err = t.store(ctx)\n\t\t}\n\t\tt.landed"}}},
	{"another's record passes for one's own in doubt", "inventory/writer", "TestVouchInDoubt", []edit{
		{"inventory/writer/flush.go", "ok && bytes.Equal(e.Value, t.msg.Data)", "ok && !bytes.Equal(e.Value, nil)"}}},
	{"refused flush taken for seats taken", "inventory/writer", "TestFlushInDoubt/record_lost/R1", []edit{
		{"inventory/writer/serve.go", "over := wire.Reply{Problem: wire.Busy(", "over := wire.Reply{Problem: wire.Refuse(wire.CodeTaken, "}}},
	{"unknown flush taken for not stored", "inventory/writer", "TestFlushInDoubt", []edit{
		{"inventory/writer/flush.go", "return t.readBack(ctx, err)", "return 0, fmt.Errorf(\"%w: %w\", errRestart, err)"}}},
	{"unknown flush taken for stored", "inventory/writer", "TestFlushInDoubt", []edit{
		{"inventory/writer/flush.go", "return t.readBack(ctx, err)", "return 1 << 40, nil"}}},
	{"answered before the flush is stored", "inventory/writer", "TestRecordsChangedBeside", []edit{
		{"inventory/writer/serve.go", "go func() { // the flight is", "t.finish(b)\n\tgo func() { // the flight is"}}},
	{"log numbering not restored at take-over", "inventory/writer", "TestHistories/connections_cut/R1", []edit{
		{"inventory/writer/recover.go", "t.flushN, t.flushed, t.digest = f.n, f.revision,", "t.flushed, t.digest = f.revision,"}}},
	{"fan's tickets forgotten at take-over", "inventory/writer", "TestTakeOver/R1/clean", []edit{
		{"inventory/seating/engine.go", "e.tally(h.fan, 1)", ""}}},
	{"seats opened again under the fences of records that were lost", "inventory", "TestSeatsAreSoldAgainAfterJetStreamIsLost", []edit{
		{"inventory/writer/recover.go", "t.cfg.Ledger.Reopen(ctx, t.event.id, uint64(t.guard.Fence().Revision))", "t.cfg.Ledger.Bookings(ctx, t.event.id)"}}},
	{"companion's seat goes without its accessible seat", "inventory/seating", "TestHoldRules", []edit{
		{"inventory/seating/choose.go", "!ok || e.state[with] == wire.Sold", "ok || !ok"}}},
	{"companion's seat whose accessible seat is sold is nobody's", "inventory/seating", "TestHoldRules|TestBestEqualsBruteForce", []edit{
		{"inventory/seating/engine.go", "e.finder.keep(seat, to != wire.Sold)", "e.finder.keep(seat, true)"}}},
	{"decimals of another currency", "wire", "TestAmounts", []edit{
		{"wire/currency.go", "case !named, !isWhole(whole), dot && len(decimals) != digits, dot", "case !named, !isWhole(whole), dot"}}},
	{"what fans were told changes once they have come for it", "wire", "TestChange", []edit{
		{"wire/change.go", "case begun && now.Before(is.OpensAt):", "case false:"}}},
	{"a price with a point is taken for minor units", "eventfile", "TestMessages", []edit{
		{"eventfile/value.go", "\t\tamount := wire.FormatAmount(bare, f.currency)\n", "\t\tv.SetInt(bare)\n\t\treturn\n\t\tamount := \"\"\n"}}},
	{"a hold costs more than its fan was shown", "inventory/seating", "TestHoldsForNoMoreThanWasShown", []edit{
		{"inventory/seating/choose.go", "if total <= *expect {", "if total >= 0 {"}}},
	{"a flag of a file that is written in two lines is its first", "cmd/frontrow", "TestConfigsAreStrict", []edit{
		{"eventfile/settings.go", "case twice:", "case twice && before.line == 0:"}}},
	{"an event file is taken with its faults", "cmd/frontrow", "TestEventCheck", []edit{
		{"cmd/frontrow/eventread.go", "return f, file.Err()", "return f, nil"}}},
	{"hold of an ended order granted again under its key", "inventory/seating", "TestHoldOfAnEndedOrder", []edit{
		{"inventory/seating/decide.go", " || e.attempted.has(r.Hold)", ""}}},
	{"an order in flight is taken for one in ORDERS", "gateway", "TestOrderInFlight", []edit{
		{"gateway/checkout.go", " && g.taken(ctx, order)", ""}}},
	{"hold not counted against the limit", "inventory/seating", "TestHoldRules", []edit{
		{"inventory/seating/decide.go", "e.tally(h.fan, len(h.seats))", ""}}},
	{"hold in checkout freed by its deadline alone", "inventory/seating", "TestLifeOfAHold", []edit{
		{"inventory/seating/deadline.go", "if h.order == \"\" {", "if h.id != \"\" {"}}},
	{"holds end by the machine's clock, not the writer's", "inventory/seating", "TestExpiryIsExactAndBounded|TestLifeOfAHold", []edit{
		{"inventory/seating/deadline.go", "!e.deadlines[0].due().After(now)", "!e.deadlines[0].until.After(time.Now())"}}},
	{"payment that is never confirmed keeps its seats", "inventory/seating", "TestCheckoutIsBounded|TestNobodyKeepsSeats", []edit{
		{"inventory/seating/deadline.go", "if until.After(h.last) {", "if until.Before(h.since) {"}}},
	{"hold extended after its deadline", "inventory/seating", "TestNothingExtendsAfterTheDeadline", []edit{
		{"inventory/seating/deadline.go", "if h.asked || !h.until.After(now) {", "if false {"}}},
	{"seats go back to who kept them", "inventory/seating", "TestSeatsRestFromWhoKeptThem|TestNobodyKeepsSeats", []edit{
		{"inventory/seating/keep.go", "return k.Until.Sub(k.Since)", "return 0"}}},
	{"two fans of an address take turns with a seat", "inventory/seating", "TestSeatsRestFromWhoKeptThem|TestNobodyKeepsSeats", []edit{
		{"inventory/seating/keep.go", "k.Fan != c.Fan && (k.Net != c.Net || !e.returns.hoards(k.Net))", "k.Fan != c.Fan"}}},
	{"one hold after the other", "inventory/seating", "TestAFanKeepsSeatsNoLonger|TestNobodyKeepsSeats", []edit{
		{"inventory/seating/keep.go", "time.Duration(spec.Keep)-h.spent))", "time.Duration(spec.Keep)))"}}},
	{"who kept seats is forgotten at take-over", "inventory/writer", "TestTakeOverKnowsWhoKeptSeats", []edit{
		{"inventory/seating/engine.go", "e.returns.note(seat, *k)", ""}}},
	{"deadline a moment late", "inventory/seating", "TestExpiryIsExactAndBounded|TestLifeOfAHold", []edit{
		{"inventory/seating/deadline.go", "!e.deadlines[0].due().After(now)", "e.deadlines[0].until.Before(now)"}}},

	{"seat given back is sold again by a confirmation under way", "inventory/seating", "TestLateConfirmAfterRefund", []edit{
		{"inventory/seating/decide.go", "return e.returned.has(returned(r.Order, q.ID))", "return false"}}},
	{"refund done before it is logged", "inventory", "TestRefundIsRefused", []edit{
		{"inventory/refund/refund.go", "Payload: asked}); err != nil {", "Payload: asked}); err != nil && asked.Why == \"\" {"}}},
	{"a closed event is still paid for", "inventory/seating", "TestNoCheckoutOnceClosed", []edit{
		{"inventory/seating/decide.go", "case e.closed:", "case e.closed && h.sold:"}}},
	{"holds of a cancelled event are not left", "inventory", "TestCancelledEventHolds", []edit{
		{"inventory/refund/refund.go", "max(left.Pending, holds.Paying)", "left.Pending"}}},
	{"seat refunded off sale is reconciled on sale", "inventory", "TestRefundAfterACrash/the_next_writer/R1", []edit{
		{"inventory/ledger/order.go", "if slices.Contains(o.OffSale, id) {", "if slices.Contains(o.OffSale, id) && r.By != \"\" {"}}},

	{"ledger sells a sold seat, no constraint refuses it", "inventory/ledger", "TestOneWinnerASeat|TestDecideInOneBatch", []edit{
		{"inventory/ledger/schema/0001_orders.sql", "    UNIQUE (event_id, seat_id)\n", "    CHECK (booked_at IS NOT NULL)\n"},
		{"inventory/ledger/commit.go", "s.status = 'AVAILABLE' AND NOT EXISTS (\n\t\t\tSELECT FROM bookings b WHERE b.event_id = s.event_id AND b.seat_id = s.seat_id)", "true"},
		{"inventory/ledger/write.go", "s.status = 'AVAILABLE' AND s.fence < v.revision", "true"}}},
	{"ledger takes a hold older than the last sale", "inventory/ledger", "TestOlderHoldIsRefused", []edit{
		{"inventory/ledger/commit.go", "s.fence >= int64(p.Revision) || ", ""},
		{"inventory/ledger/write.go", " AND s.fence < v.revision", ""}}},
	{"refund of which nobody was told is forgotten", "inventory/ledger", "TestRefundsAreGivenOutUntilTold", []edit{
		{"inventory/ledger/refund.go", "WHERE r.told_at IS NULL AND o.event_id = $1", "WHERE false AND o.event_id = $1"}}},
	{"old purchases outlive their revisions", "inventory/ledger", "TestReopen", []edit{
		{"inventory/ledger/event.go", "WHERE event_id = $1 AND state = 'pending' RETURNING order_id", "WHERE event_id = $1 AND state = 'pending' AND false RETURNING order_id"}}},
	{"order given up leaves no tombstone", "inventory/ledger", "TestGiveUpAgainstCommit|TestNotFound", []edit{
		{"inventory/ledger/fail.go", "if f.tombstone {", "if f.tombstone && f.order == \"\" {"}}},
	{"a task is claimed by two workers", "inventory/ledger", "TestPurchaseFromBeginToCapture", []edit{
		{"inventory/ledger/outbox.go", "o.attempts + 1, next_at = $2", "o.attempts + 1, next_at = least($1, $2)"}}},
	{"a capture taken with its commit is anybody's", "inventory/ledger", "TestCaptureTakenWithItsCommit", []edit{
		{"inventory/ledger/write.go", "append(c.next, w.now.Add(p.Lease))", "append(c.next, w.now)"}}},
	{"a capture whose worker has died is nobody's", "inventory/checkout", "TestCaptureOfTheDead", []edit{
		{"inventory/ledger/write.go", "append(c.next, w.now.Add(p.Lease))", "append(c.next, w.now.Add(1000*p.Lease))"}}},
	{"a refused capture is due again at once", "inventory/ledger", "TestRefusedCapture", []edit{
		{"inventory/ledger/refused.go", "next_at = 'infinity'", "next_at = $3"}}},
	{"a refund of all waits for a capture that is refused", "inventory/ledger", "TestRefusedCaptureIsTakenBack", []edit{
		{"inventory/ledger/returns.go", "(a.refused || a.refunds == 0 && !a.begun)", "a.refunds == 0 && !a.begun"}}},
	{"what was written off is returned", "inventory/ledger", "TestRefusedCaptureIsWrittenOff", []edit{
		{"inventory/ledger/returns.go", "\tif lost {\n\t\tamount = 0", "\tif lost && no == 0 {\n\t\tamount = 0"}}},
	{"a parked order is two workers' at once", "inventory/ledger", "TestParked", []edit{
		{"inventory/ledger/parked.go", "woken_at = $1, next_at = $2\n", "woken_at = $1, next_at = least($1, $2)\n"}}},
	{"a claim that has passed on ends its task", "inventory/ledger", "TestLateClaim", []edit{
		{"inventory/ledger/outbox.go", "AND attempts = $2 AND coalesce", "AND $2 > 0 AND coalesce"}}},
	{"a refund overtakes its capture", "inventory/ledger", "TestRefundBeforeCapture", []edit{
		{"inventory/ledger/outbox.go", "AND NOT (kind = 'refund' AND EXISTS", "AND NOT (kind = 'none' AND EXISTS"}}},
	{"the refunds of an order share a key", "inventory/ledger", "TestRefundSeatBySeat", []edit{
		{"inventory/ledger/outbox.go", "fmt.Sprintf(\"%s.%d\", t.Order, refund)", "fmt.Sprintf(\"%s.%d\", t.Order, min(refund, 1))"}}},
	{"an order is voided though its capture may have been told", "inventory/ledger", "TestRefundBeforeCapture", []edit{
		{"inventory/ledger/returns.go", " && !a.begun) {", ") {"}}},
	{"money captured under a void is kept", "inventory/ledger", "TestCapturedAfterItsVoid", []edit{
		{"inventory/ledger/settle.go", "return heard == paymentCaptured", "return false"}}},
	{"an old word undoes a capture", "inventory/ledger", "TestLatePayment", []edit{
		{"inventory/ledger/settle.go", "case paymentCaptured:\n\t\treturn false", "case paymentCaptured:\n\t\treturn heard == paymentAuthorized"}}},
	{"what was returned already is returned again", "inventory/ledger", "TestCapturedAfterItsRefunds", []edit{
		{"inventory/ledger/settle.go", "f.Amount - a.returned", "f.Amount"}}},
	{"an authorisation found under a failed order stays", "inventory/ledger", "TestLatePayment", []edit{
		{"inventory/ledger/settle.go", "if f.State == paymentAuthorized {\n\t\t_, err", "if f.State == paymentAuthorized {\n\t\treturn nil\n\t\t_, err"}}},
	{"a payment that turned up nowhere is not asked for again", "inventory/ledger", "TestLatePayment", []edit{
		{"inventory/ledger/settle.go", "AND NOT EXISTS (SELECT FROM payments p", "AND EXISTS (SELECT FROM payments p"}}},
	{"a late commit's authorisation stays", "inventory/ledger", "TestVoidIsRenewedByALateCommit", []edit{
		{"inventory/ledger/commit.go", "case late:\n\t\t\tw.void(p)\n", "case late:\n"}}},
	{"the ledger's audit overlooks an authorisation that nobody ends", "inventory/ledger", "TestAuditSees", []edit{
		{"inventory/ledger/audit.go", "WHERE o.event_id = $1 AND p.state = 'authorized' AND NOT EXISTS (", "WHERE o.event_id = $1 AND p.state = 'authorised' AND NOT EXISTS ("}}},
	{"the audit overlooks a sold seat that nobody booked", "inventory/audit", "TestEveryFaultBreaksItsRule", []edit{
		{"inventory/audit/checks.go", "booked[id] != s.Order && !a.returning", "booked[id] != s.Order && booked[id] != \"\" && !a.returning"}}},
	{"the audit overlooks a seat booked twice", "inventory/audit", "TestEveryFaultBreaksItsRule", []edit{
		{"inventory/audit/checks.go", "seen[b.Seat.ID] = b.Order", "seen[b.Seat.ID+b.Order] = b.Order"}}},
	{"the audit overlooks a term that goes back", "inventory/audit", "TestEveryFaultBreaksItsRule", []edit{
		{"inventory/audit/log.go", "!late && f.Term < l.term {", "false {"}}},
	{"the audit counts the passes of the end", "inventory/audit", "TestEveryFaultBreaksItsRule", []edit{
		{"inventory/audit/checks.go", "most = max(most, alive)", "most = alive"}}},
	{"the audit replays too little", "inventory/audit", "TestEveryFaultBreaksItsRule", []edit{
		{"inventory/audit/log.go", "l.revision < r.revision {", "l.revision+10 < r.revision {"}}},
	{"the audit overlooks a log record that was changed", "inventory/audit", "TestEveryFaultOfTheLogBreaksItsRule", []edit{
		{"inventory/audit/log.go", "if named != l.sums[f.N-2] {", "if false {"}}},
	{"the audit overlooks a log record that names none before it", "inventory/audit", "TestEveryFaultOfTheLogBreaksItsRule", []edit{
		{"inventory/audit/log.go", "f.Prev == \"\" && f.N > 1 && !f.Old()", "false"}}},
	{"the audit overlooks a log record that is left out", "inventory/audit", "TestEveryFaultOfTheLogBreaksItsRule|TestEveryFaultBreaksItsRule", []edit{
		{"inventory/audit/log.go", "!l.has(n) && !l.torn[n]", "false"}}},
	{"the audit counts the sale log's records", "inventory/audit", "TestEveryFaultOfTheLogBreaksItsRule", []edit{
		{"inventory/audit/feed.go", "case sum(full[:len(sum{})]) != l.sums[n-1]:", "case false:"}}},
	{"the audit overlooks a seat's record that isn't what the log says", "inventory/audit", "TestEveryFaultOfTheLogBreaksItsRule", []edit{
		{"inventory/audit/log.go", "!bytes.Equal(same.AppendJSON(nil), says.AppendJSON(nil))", "false"}}},
	{"the audit overlooks a seat's record older than the checkpoint", "inventory/audit", "TestEveryFaultOfTheLogBreaksItsRule", []edit{
		{"inventory/audit/log.go", "case last.n > 0 && ", "case false && "}}},
	{"the audit believes a seat's record that is behind the log", "inventory/audit", "TestTheLogIsTheTruth", []edit{
		{"inventory/audit/log.go", ".After(known.version()) {", ".After(known.version()) && !ok {"}}},
	{"a seat's record that is behind the log wins", "internal/salelog", "TestRecordsAndTheLogBehindThem|TestNoCheckpoint", []edit{
		{"internal/salelog/version.go", "return v.Flush > w.Flush", "return v.Flush < w.Flush"}}},
	{"what the log says behind the checkpoint is not read", "internal/salelog", "TestRecordsAndTheLogBehindThem", []edit{
		{"internal/salelog/follow.go", "Revision: kv.Revision(point.Revision)}", "Revision: kv.Revision(point.Revision) + 1}"}}},
	{"a writer of the version before is not noticed", "internal/salelog", "TestTheVersionBefore", []edit{
		{"internal/salelog/follow.go", "if r.old != f.old && f.current {", "if false {"}}},
	{"a follower takes a stream made anew for the old one", "internal/salelog", "TestRestartedAndMadeAnew", []edit{
		{"internal/salelog/follow.go", "if !f.made.Equal(made) {", "if f.made.IsZero() {\n\t\tf.made = made"}}},
	{"a watch behind a position goes on in another stream", "kv", "TestMemory/WatchBehind", []edit{
		{"kv/watch.go", "if t.once && t.at != (Position{}) {", "if false {"}}},
	{"a former writer's stock is written over a later one's", "inventory/writer", "TestFormerWriterPublishesItsStockLate", []edit{
		{"inventory/writer/stock.go", "err == nil && s.Term > term {", "err == nil && s.Term > term+99 {"}}},
	{"capture and void share a key", "inventory/payment/sandbox", "TestKeysNameTheStep", []edit{
		{"inventory/payment/sandbox/client.go", "order+\":\"+step, struct{}{}", "order+\":step\", struct{}{}"}}},
	{"a declined card opens the breaker", "inventory/payment", "TestWhatIsNoFailure", []edit{
		{"inventory/payment/breaker.go", "err == nil || errors.Is(err, ErrPermanent)", "err == nil"}}},
	{"a webhook of long ago is believed", "inventory/payment", "TestSignature", []edit{
		{"inventory/payment/webhook.go", "age.Abs() > SignatureAge", "age.Abs() < 0"}}},
	{"half a refund passes for a whole one", "inventory/payment", "TestAgreeRefund", []edit{
		{"inventory/payment/agree.go", "said.Refunded < r.Amount", "said.Refunded < 0"}}},

	{"checkout acknowledged before it is committed", "inventory/checkout", "TestNoWriterForAWhile", []edit{
		{"inventory/checkout/purchase.go", "if err := c.purchase(ctx, o, md.Timestamp); err != nil &&", "_ = m.Ack()\n\tif err := c.purchase(ctx, o, md.Timestamp); err != nil &&"}}},
	{"an order that waits for its fan keeps its message", "inventory/checkout", "TestWaitingOrdersHoldUpNobody", []edit{
		{"inventory/checkout/purchase.go", "err != nil && !errors.Is(err, errParked) {", "err != nil {"}}},
	{"a parked order that can't go on is forgotten", "inventory/checkout", "TestParkedWhileNobodyWrites", []edit{
		{"inventory/checkout/parking.go", "\tcase err == nil:\n", "\tdefault:\n"}}},
	{"nobody looks at a parked order before its hold ends", "inventory/checkout", "TestNextLook", []edit{
		{"inventory/checkout/parking.go", "most, max(holdEnds.Sub(now)/2, leastLook))", "most)"}}},
	{"provider's amount believed", "inventory/checkout", "TestProviderLies", []edit{
		{"inventory/payment/agree.go", "said.Amount != want.Amount", "said.Amount < 0"}}},
	{"provider's unknown state believed", "inventory/checkout", "TestProviderLies", []edit{
		{"inventory/payment/agree.go", "case !slices.Contains(possible, said.State):", "case said.State == \"\" && !slices.Contains(possible, said.State):"}}},
	{"money taken before the seats are booked", "inventory/checkout", "TestOneWinnerASeat", []edit{
		{"inventory/checkout/purchase.go", "sale, err := c.cfg.Ledger.Commit(ctx, ", "_, _ = c.cfg.Provider.Capture(ctx, payment.Terms{Order: m.Order, Reference: reference, Amount: m.Total, Currency: m.Currency})\n\tsale, err := c.cfg.Ledger.Commit(ctx, "}}},
	{"a webhook that nobody signed is believed", "inventory/checkout", "TestWebhooksAreRefused", []edit{
		{"inventory/payment/webhook.go", "body, now); err != nil {", "body, now); err != nil && len(body) == 0 {"}}},
	{"a webhook that came to nothing is not taken again", "inventory/checkout", "TestWebhookComesAgain", []edit{
		{"inventory/checkout/webhook.go", "\t\th.forget(e.ID)\n", ""}}},
	{"a capture refused for good is asked for for ever", "inventory/checkout", "TestCaptureIsRefusedForGood|TestRefusedForGood", []edit{
		{"inventory/checkout/relay.go", "return errors.Is(err, payment.ErrPermanent) || ", "return "}}},
	{"a void that failed passes for done", "inventory/checkout", "TestVoidIsToldToItsEnd", []edit{
		{"inventory/checkout/relay.go", "if err := c.void(ctx, t); err != nil {", "if err := c.void(ctx, t); err != nil && t.ID == 0 {"}}},
	{"what was captured instead of voided is left", "inventory/checkout", "TestVoidIsToldToItsEnd", []edit{
		{"inventory/checkout/relay.go", "if !errors.Is(err, payment.ErrPermanent) {\n\t\t\treturn err\n\t\t}", "if !errors.Is(err, payment.ErrPermanent) {\n\t\t\treturn err\n\t\t}\n\t\treturn nil"}}},

	{"place that is used up lets its fan in again", "admission/passes", "TestCeilingHolds", []edit{
		{"admission/passes/pass.go", "case used || !p.Revoked.IsZero():", "case used && p.Expires.After(now) || !p.Revoked.IsZero():"}}},
	{"ceiling not checked when a place is redeemed", "admission/passes", "TestCeilingHolds", []edit{
		{"admission/passes/pass.go", "if room < 1 {", "if room < -1<<30 {"}}},
	{"a call under way needs no room", "admission/passes", "TestALatecomerLeavesTheRoom|TestCeilingHolds", []edit{
		{"admission/passes/line.go", "n := float64(c.calling) * show", "n := 0.0"}}},
	{"who was called and has not come needs no room", "admission/pacing", "TestMeterBounds|TestMeterKeepsItsPromises", []edit{
		{"admission/pacing/decide.go", "(float64(in.Ceiling-in.Alive)-in.Coming)/show", "float64(in.Ceiling-in.Alive)/show"}}},
	{"of one instant, the later region goes first", "admission/queue", "TestEarliestIsTheMergedOrder", []edit{
		{"admission/queue/merge.go", "\t\tif i < at {\n\t\t\tt = t.Add", "\t\tif i > at {\n\t\t\tt = t.Add"}}},
	{"a new admitter waits for no region that it has not heard", "admission/queue", "TestSilentRegionIsWaitedForFromTheStart", []edit{
		{"admission/queue/plan.go", "silent, last = q.began, one.last().Last().At", "_ = q.began"}}},
	{"a late admitter's board follows a later one's", "admission", "TestLateAdmitterPublishesNoBoard", []edit{
		{"admission/admitter/board.go", "a.guard.Reassert(ctx); err != nil {", "a.guard.Reassert(ctx); err != nil && !errors.Is(err, kv.ErrFenced) {"}}},
	{"nobody waits for a region that is silent", "admission", "TestRegions", []edit{
		{"admission/queue/plan.go", "case one.absent && (!bounded ||", "case !one.absent && false && (!bounded ||"}}},
	{"a queue that was lost passes for the old one", "admission/queue", "TestAnotherLifeIsKnown", []edit{
		{"admission/queue/life.go", "now.Number < noted.Number || ", ""}}},
	{"a draw's regions overlap", "wire", "TestDrawIsAPermutation|TestDrawVector", []edit{
		{"wire/draw.go", "\t\tif r < region {\n\t\t\tn += d.Entrants[r]", "\t\tif r < region {\n\t\t\tn += d.Entrants[r] / 2"}}},
	{"pass signed before it is stored", "admission", "TestTheSecondAdmitterFencesTheFirst|TestCrashOfTheAdmitter", []edit{
		{"admission/admitter/redeem.go", "\tcase err != nil:\n\t\treturn notNow()\n\t}\n\tfailpoint.Here(failpoint.PassStored)\n\treturn a.present(p, req)", "\t}\n\tfailpoint.Here(failpoint.PassStored)\n\treturn a.sign(rec)"}}},
	{"access code good for two passes", "admission", "TestCodeIsUsedOnce", []edit{
		{"admission/admitter/redeem.go", "case first.Fan != rec.Fan:", "case first.Fan == \"\":"}}},
	{"pass that moved is still good where it was", "admission", "TestPassMovesToAnotherDevice|TestMovesAtOnce", []edit{
		{"admission/admitter/change.go", "a.tell(ctx, revoked); err != nil {", "a.tell(ctx, nil); err != nil {"}}},
	{"revoked pass keeps its room", "admission", "TestRevokedPassFreesItsRoom", []edit{
		{"admission/admitter/change.go", "\tif !p.Revoked.IsZero() {\n\t\ta.shared.table.End(p)", "\tif p.Revoked.IsZero() {\n\t\ta.shared.table.End(p)"}}},
	{"next admitter does not tell of revocations", "admission", "TestTakeOverMendsRevocations", []edit{
		{"admission/admitter/takeover.go", "a.shared.Unlock()\n\treturn a.tell(ctx, revoked)", "a.shared.Unlock()\n\treturn a.tell(ctx, nil)"}}},
	{"calls logged without a look at where the log ends", "cmd/frontrow", "TestFailpoints/call-logged", []edit{
		{"admission/admitter/calllog.go", "\t\tl.note(act)\n\t}\n\tl.known = true", "\t\tact.Lines = nil\n\t\tl.note(act)\n\t}\n\tl.known = true"}}},

	{"fan's orders shown to whoever asks", "gateway", "TestHistoryIsRefused", []edit{
		{"gateway/routes.go", "g.history, limit.Read, aFan", "g.history, limit.Read, cookies"}}},
	{"place created over the one the fan has", "gateway", "TestJoinInParallelIsOnePlace", []edit{
		{"gateway/events/queue.go", "Expect: kv.Absent()", ""}}},
	{"fan who joins again is given a new number", "gateway", "TestJoinInParallelIsOnePlace", []edit{
		{"gateway/events/queue.go", "kv.Write{Key: key, Value", "kv.Write{Key: wire.PlaceKey(wire.NewFan()), Value"}}},
	{"fan who joins again is given another receipt", "gateway", "TestJoinInParallelIsOnePlace", []edit{
		{"gateway/events/queue.go", "Turn: rec.Turn, At: rec.At, Grant", "Turn: rec.Turn, At: time.Now(), Grant"}}},
	{"pass taken at another event", "keyring", "TestPasses", []edit{
		{"keyring/pass.go", "case p.Audience[0] != event:", "case p.Audience[0] == \"\":"}}},
	{"pass with a member twice", "keyring", "TestPasses", []edit{
		{"keyring/pass.go", " || !unambiguous(token)", ""}}},
	{"pass that nobody signed", "keyring", "TestOwnPassesArePlain", []edit{
		{"keyring/pass.go", "if !ed25519.Verify(key, []byte(token[:len(head)+1+len(body)]), sig) {", "if !ed25519.Verify(key, []byte(token[:len(head)+1+len(body)]), sig) && len(sig) == 0 {"}}},
	{"receipt that nobody sealed", "keyring", "TestReceipts", []edit{
		{"keyring/seal.go", "return payload, hmac.Equal(given[:], want[:])", "return payload, len(given) == len(want)"}}},
	{"key signs before its time", "keyring", "TestWhichKeySigns|TestTokensOutliveRotation", []edit{
		{"keyring/rotate.go", "begun, better := !from.After(now), best < 0", "begun, better := true, best < 0"}}},
	{"remembered pass taken at another event", "gateway/visitor", "TestVerifiedPassesExpire", []edit{
		{"gateway/visitor/pass.go", "p.Audience[0] == event && ", ""}}},
	{"remembered pass outlives its key", "gateway/visitor", "TestVerifiedPassesFollowTheKeys", []edit{
		{"gateway/visitor/pass.go", "p.by == keys && ", ""}}},
	{"revoked pass is still good", "gateway", "TestRevocationIsSeenAtOnce", []edit{
		{"gateway/visitor/pass.go", "vs.Revoked.Of(event, p); problem != nil {", "vs.Revoked.Of(event, p); problem == nil && p == nil {"}}},
	{"pass good on any device", "gateway", "TestEveryStepAsks", []edit{
		{"gateway/visitor/pass.go", "if p.Device != \"\" && ", "if p.Device == \"\" && "}}},
	{"pass good for any fan", "gateway", "TestEveryStepAsks", []edit{
		{"gateway/visitor/pass.go", "if v.Fan() != p.Subject {", "if v.Fan() == \"\" {"}}},
	{"pass good without a proof by its key", "gateway", "TestStolenPassIsOfNoUse", []edit{
		{"gateway/visitor/pass.go", "return p, vs.proven(v, r, p.Key())", "return p, nil"}}},
	{"a session that was ended goes on", "gateway", "TestSignOutEverywhereElse", []edit{
		{"gateway/visitor/signouts.go", "case ended, s.Since(f.Fan, f.At) && (", "case ended, s.Since(f.Fan, f.At) && false && ("}}},
	{"sign-outs of others are not waited for", "gateway/visitor", "TestNoCookieBeforeSignOutsAreKnown", []edit{
		{"gateway/visitor/signouts.go", "case !current:", "case !current && ended:"}}},
	{"passes are good before revocations are known", "gateway/visitor", "TestNoPassBeforeRevocationsAreKnown", []edit{
		{"gateway/visitor/revocations.go", "if !r.current {", "if r.swept < 0 {"}}},
	{"cookies over HTTPS may be planted over HTTP", "gateway", "TestCookiesFollowTheScheme", []edit{
		{"gateway/visitor/cookies.go", "name = v.cookieName(name)\n", ""}}},
	{"another's kept place is one's own", "gateway/visitor", "TestKeptPlaceIsOnesOwn", []edit{
		{"gateway/visitor/visitors.go", "p.Event == event && p.Fan == v.Fan()", "p.Event == event"}}},
	{"a name that somebody points at us is ours", "gateway", "TestPublicAddress", []edit{
		{"gateway/visitor/visitors.go", "strings.EqualFold(host, vs.host) ||", "host != \"\" ||"}}},
	{"a connection's fingerprint is what its client says", "gateway", "TestDatacenterAndFingerprint", []edit{
		{"gateway/visitor/visitors.go", "if c.Trusted {", "if !c.Trusted || c.Trusted {"}}},
	{"access code good for whoever has it", "gateway", "TestOneCodeManyTabs", []edit{
		{"gateway/events/claims.go", "if fan != by.Fan {", "if fan == \"\" {"}}},
	{"place carried to another fan's device unasked", "gateway", "TestCarryAPlaceToAnotherDevice", []edit{
		{"gateway/carry.go", "if c.other && ", "if !c.other && "}}},

	{"X-Forwarded-For believed of anybody", "gateway/client", "TestOf|TestNobodyChooses", []edit{
		{"gateway/client/client.go", "if !ok || !trusted.Contain(peer) {", "if !ok {"}}},
	{"a proof is good for any method", "gateway/visitor/proof", "TestProofIsOfOneRequest", []edit{
		{"gateway/visitor/proof/proof.go", "got.Method != use.Method, ", ""}}},
	{"a proof is good with any pass", "gateway/visitor/proof", "TestProofIsOfOneRequest", []edit{
		{"gateway/visitor/proof/proof.go", "got.Pass != digest([]byte(use.Pass)), ", ""}}},
	{"a proof by any key is good", "gateway/visitor/proof", "TestProofIsOfOneRequest", []edit{
		{"gateway/visitor/proof/proof.go", "err != nil || named != thumbprint", "err != nil && named != thumbprint"}}},
	{"a proof is forgotten while it can be shown", "gateway/visitor/proof", "TestReplaysAreRememberedLongEnough", []edit{
		{"gateway/visitor/proof/replays.go", "case young || old:", "case young && !old:"}}},
	{"a fan's excess is their office's", "gateway/abuse/limit", "TestTakeOrder", []edit{
		{"gateway/abuse/limit/limits.go", "[]Kind{Fan, Address, Network}", "[]Kind{Network, Address, Fan}"}}},
	{"what is refused counts", "gateway/abuse/limit", "TestNeverMoreThanTheLimit|TestWindowEdges|TestTakeOrder", []edit{
		{"gateway/abuse/limit/store.go", "\tif !e.fits(now, n) {\n", "\tif !e.fits(now, n) {\n\t\te.counts[0].own += n\n"}}},
	{"gossip adds what it hears twice", "gateway/abuse/limit", "TestGossipOverABadWire", []edit{
		{"gateway/abuse/limit/gossip.go", "o.n = max(o.n, n)", "o.n += n"}}},
	{"a window's end gives the budget anew", "gateway/abuse/limit", "TestWindowEdges|TestNeverMoreThanTheLimit", []edit{
		{"gateway/abuse/limit/store.go", "e.counts[1], e.counts[0], e.window = e.counts[0], count{}, window", "e.counts, e.window = [2]count{}, window"}}},
	{"rotating addresses grow the memory", "gateway/abuse/limit", "TestMemoryIsBounded", []edit{
		{"gateway/abuse/limit/store.go", "if len(sh.younger) >= s.size {", "if len(sh.younger) < 0 {"}}},
	{"strangers to a network are not counted", "gateway", "TestStrangers", []edit{
		{"gateway/abuse/defences.go", "if !known(v) {", "if known(v) {"}}},
	{"the cookie of a challenge makes a stranger known", "gateway", "TestStrangers", []edit{
		{"gateway/abuse/risk/table.go", "if s.FanEarned {", "if s.FanKnown {"}}},
	{"a cookie's age counts wherever it is shown", "gateway/abuse", "TestAgeIsEarned", []edit{
		{"gateway/abuse/defences.go", "s.FanAge >= newcomer && d.env.Keys.IsNetTag(v.Face.Net, \"\", v.Client.Network())", "s.FanAge >= newcomer"}}},
	{"new fans of an address are free", "gateway/abuse", "TestFacesArePriced", []edit{
		{"gateway/abuse/defences.go", "!d.limits.Note(limit.NewFan, who(v))", "d.limits.Note(limit.NewFan, who(v)) && false"}}},
	{"holds that end unbought are not counted", "gateway/abuse", "TestReturnsCountEverywhere", []edit{
		{"gateway/abuse/defences.go", "case n.Kind == wire.NoticeReturn:", "case n.Kind == \"\":"}}},
	{"what was bought counts as kept", "gateway/abuse", "TestShareOfAHouse", []edit{
		{"gateway/abuse/defences.go", "d.seats.Bought(h.event, h.who, h.seats)", "d.seats.Bought(h.event, h.who, 0)"}}},
	{"a proof opens as many acts as one likes", "gateway/abuse/challenge", "TestAnswerIsGoodOnce/R1", []edit{
		{"gateway/abuse/challenge/spent.go", "return was.Fan == use.Fan && was.Act == use.Act, nil", "return was.Fan == use.Fan, nil"}}},
	{"a proof is good for anybody", "gateway/abuse/challenge/altcha", "TestNothingIsProven", []edit{
		{"gateway/abuse/challenge/altcha/altcha.go", " || p.Data.For != whom", ""}}},
	{"a widget's provider that is away lets everybody in", "gateway/abuse/challenge/siteverify", "TestProviderInTrouble|TestEveryDocumentedCode", []edit{
		{"gateway/abuse/challenge/siteverify/siteverify.go", "case err != nil:\n\t\treturn fmt.Errorf(\"%w: %w\", ErrUnavailable, err)", "case err != nil:\n\t\treturn nil"}}},
	{"a suspect loses the place that they have", "gateway", "TestKeptPlace|TestSlowLane", []edit{
		{"gateway/abuse/prove.go", "if has, err := ev.HasPlace(ctx, l, rec.Fan, rec.Turn); has || err != nil {", "if has, err := false, error(nil); has || err != nil {"}}},
	{"slow clients keep out the quick", "gateway/listener", "TestHalfOpenMakeRoom", []edit{
		{"gateway/listener/listener.go", "if l.all.half >= l.cfg.MaxHalfOpen {\n\t\tgoes(l.half.Front().Value.(*Conn))", "if l.all.half >= l.cfg.MaxHalfOpen {\n\t\tgoes(l.half.Back().Value.(*Conn))"}}},
}
