package main

// mutant is a mistake and the tests, of one package, that must find it.
type mutant struct {
	name  string
	pkg   string
	tests string // for go test -run
	edits []edit
}

// edit replaces the only occurrence of old in file.
type edit struct{ file, old, new string }

// list is ordered from the server up: register, seats, ledger, checkout, admission, gateway.
var list = []mutant{
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

	{"flush without the fence", "inventory", "TestLateWriterIsFenced", []edit{
		{"inventory/flush.go", "log.AppendJSON, kv.While(w.guard.Fence())", "log.AppendJSON, kv.Expect{}"}}},
	{"vouch without the fence", "inventory", "TestLateWriterRefusesNothing", []edit{
		{"inventory/flush.go", "Data: raw, Expect: kv.While(w.guard.Fence())", "Data: raw"}}},
	{"seat written without compare-and-swap", "inventory", "TestRecordsChangedBeside", []edit{
		{"inventory/flush.go", "kv.At(kv.Revision(w.engine.Revision(seat)))", "kv.Expect{}"}}},
	{"refused flush taken for seats taken", "inventory", "TestRecordsChangedBeside", []edit{
		{"inventory/serve.go", "return wire.Reply{Problem: wire.Busy(", "return wire.Reply{Problem: wire.Refuse(wire.CodeTaken, "}}},
	{"unknown flush taken for not stored", "inventory", "TestFlushInDoubt", []edit{
		{"inventory/flush.go", "return w.readBack(ctx, err)", "return 0, fmt.Errorf(\"%w: %w\", errRestart, err)"}}},
	{"unknown flush taken for stored", "inventory", "TestFlushInDoubt", []edit{
		{"inventory/flush.go", "return w.readBack(ctx, err)", "return 1 << 40, nil"}}},
	{"answered before the flush is stored", "inventory", "TestRecordsChangedBeside", []edit{
		{"inventory/serve.go", "b.seats, w.flying = seats, b\n", "b.seats, w.flying = seats, b\n\t\tw.finish(b)\n"}}},
	{"log numbering not restored at take-over", "inventory", "TestHistories/connections_cut/R1", []edit{
		{"inventory/recover.go", "w.flushN, err = w.lastFlush(ctx)", "_, err = w.lastFlush(ctx)"}}},
	{"fan's tickets forgotten at take-over", "inventory", "TestTakeOver/R1/clean", []edit{
		{"inventory/seating/engine.go", "e.tally(h.fan, 1)", ""}}},
	{"seats opened again under the fences of records that were lost", "inventory", "TestSeatsAreSoldAgainAfterJetStreamIsLost", []edit{
		{"inventory/recover.go", "w.ledger.Reopen(ctx, w.event.id, uint64(w.guard.Fence().Revision))", "w.ledger.Bookings(ctx, w.event.id)"}}},
	{"companion's seat goes without its accessible seat", "inventory/seating", "TestHoldRules", []edit{
		{"inventory/seating/choose.go", "!ok || e.state[with] == wire.Sold", "ok || !ok"}}},
	{"companion's seat whose accessible seat is sold is nobody's", "inventory/seating", "TestHoldRules|TestBestEqualsBruteForce", []edit{
		{"inventory/seating/engine.go", "e.finder.keep(seat, to != wire.Sold)", "e.finder.keep(seat, true)"}}},
	{"hold not counted against the limit", "inventory/seating", "TestHoldRules", []edit{
		{"inventory/seating/decide.go", "e.tally(h.fan, len(h.seats))", ""}}},
	{"hold in checkout freed by its deadline alone", "inventory/seating", "TestLifeOfAHold", []edit{
		{"inventory/seating/deadline.go", "if h.order == \"\" {", "if h.id != \"\" {"}}},
	{"holds end by the machine's clock, not the writer's", "inventory/seating", "TestExpiryIsExactAndBounded|TestLifeOfAHold", []edit{
		{"inventory/seating/deadline.go", "!e.deadlines[0].until.After(now)", "!e.deadlines[0].until.After(time.Now())"}}},
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
	{"who kept seats is forgotten at take-over", "inventory", "TestTakeOverKnowsWhoKeptSeats", []edit{
		{"inventory/seating/engine.go", "e.returns.note(seat, *k)", ""}}},
	{"deadline a moment late", "inventory/seating", "TestExpiryIsExactAndBounded|TestLifeOfAHold", []edit{
		{"inventory/seating/deadline.go", "!e.deadlines[0].until.After(now)", "e.deadlines[0].until.Before(now)"}}},

	{"seat given back is sold again by a confirmation under way", "inventory/seating", "TestLateConfirmAfterRefund", []edit{
		{"inventory/seating/decide.go", "return e.returned.has(returned(r.Order, q.ID))", "return false"}}},
	{"refund done before it is logged", "inventory", "TestRefundIsRefused", []edit{
		{"inventory/refund.go", "if p := s.logAct(ctx, e.id, \"refund\", asked.By, asked); p != nil {", "if p := s.logAct(ctx, e.id, \"refund\", asked.By, asked); p != nil && asked.Why == \"\" {"}}},
	{"a closed event is still paid for", "inventory/seating", "TestNoCheckoutOnceClosed", []edit{
		{"inventory/seating/decide.go", "case e.closed:", "case e.closed && h.sold:"}}},
	{"holds of a cancelled event are not left", "inventory", "TestCancelledEventHolds", []edit{
		{"inventory/refund.go", "max(left.Pending, holds.Paying)", "left.Pending"}}},
	{"seat refunded off sale is reconciled on sale", "inventory", "TestRefundAfterACrash/the_next_writer/R1", []edit{
		{"inventory/refund.go", "if slices.Contains(o.OffSale, id) {", "if slices.Contains(o.OffSale, id) && r.By != \"\" {"}}},

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

	{"checkout acknowledged before it is committed", "inventory/checkout", "TestNoWriterForAWhile", []edit{
		{"inventory/checkout/purchase.go", "if err := c.purchase(ctx, o, md.Timestamp); err != nil {", "_ = m.Ack()\n\tif err := c.purchase(ctx, o, md.Timestamp); err != nil {"}}},
	{"provider's amount believed", "inventory/checkout", "TestProviderLies", []edit{
		{"inventory/payment/agree.go", "said.Amount != want.Amount", "said.Amount < 0"}}},
	{"provider's unknown state believed", "inventory/checkout", "TestProviderLies", []edit{
		{"inventory/payment/agree.go", "case !slices.Contains(possible, said.State):", "case said.State == \"\" && !slices.Contains(possible, said.State):"}}},
	{"money taken before the seats are booked", "inventory/checkout", "TestOneWinnerASeat", []edit{
		{"inventory/checkout/purchase.go", "order, err = c.cfg.Ledger.Commit(ctx, ", "_, _ = c.cfg.Provider.Capture(ctx, payment.Terms{Order: m.Order, Reference: reference, Amount: m.Total, Currency: m.Currency})\n\torder, err = c.cfg.Ledger.Commit(ctx, "}}},

	{"place that is used up lets its fan in again", "admission/roll", "TestRollHoldsTheCeiling", []edit{
		{"admission/roll/pass.go", "case used || !p.Revoked.IsZero():", "case !p.Revoked.IsZero():"}}},
	{"ceiling not checked when a place is redeemed", "admission/roll", "TestRollHoldsTheCeiling", []edit{
		{"admission/roll/pass.go", "if room < 1 {", "if room < -1<<30 {"}}},
	{"pass signed before it is stored", "admission", "TestTheSecondAdmitterFencesTheFirst|TestCrashOfTheAdmitter", []edit{
		{"admission/redeem.go", "\tcase err != nil:\n\t\treturn notNow()\n\t}\n\tfailpoint.Here(failpoint.PassStored)\n\treturn a.settled(p, req)", "\t}\n\tfailpoint.Here(failpoint.PassStored)\n\treturn a.answer(rec)"}}},
	{"access code good for two passes", "admission", "TestCodeIsUsedOnce", []edit{
		{"admission/redeem.go", "case first.Fan != rec.Fan:", "case first.Fan == \"\":"}}},
	{"pass that moved is still good where it was", "admission", "TestPassMovesToAnotherDevice|TestMovesAtOnce", []edit{
		{"admission/change.go", "a.tell(ctx, revoked); err != nil {", "a.tell(ctx, nil); err != nil {"}}},
	{"revoked pass keeps its room", "admission", "TestRevokedPassFreesItsRoom", []edit{
		{"admission/change.go", "\tif !p.Revoked.IsZero() {\n\t\ta.roll.End(p)", "\tif p.Revoked.IsZero() {\n\t\ta.roll.End(p)"}}},
	{"next admitter does not tell of revocations", "admission", "TestTakeOverMendsRevocations", []edit{
		{"admission/change.go", "a.mu.Unlock()\n\treturn a.tell(ctx, revoked)", "a.mu.Unlock()\n\treturn a.tell(ctx, nil)"}}},
	{"calls logged without a look at where the log ends", "cmd/frontrow", "TestFailpoints/call-logged", []edit{
		{"admission/calllog.go", "\t\tl.note(act)\n\t}\n\tl.known = true", "\t}\n\tl.known = true"}}},

	{"fan's orders shown to whoever asks", "gateway", "TestHistoryIsRefused", []edit{
		{"gateway/history.go", "fan, err := g.identity.Fan(r)\n\tif err != nil {\n\t\treturn err\n\t}\n\tquery", "fan, _ := g.identity.Presented(r)\n\tquery"}}},
	{"place created over the one the fan has", "gateway", "TestJoinInParallelIsOnePlace", []edit{
		{"gateway/arrivals/queue.go", "Expect: kv.Absent()", ""}}},
	{"fan who joins again is given a new number", "gateway", "TestJoinInParallelIsOnePlace", []edit{
		{"gateway/arrivals/queue.go", "kv.Write{Key: wire.TurnKey(rec.Fan, rec.Turn), Value", "kv.Write{Key: wire.PlaceKey(wire.NewFan()), Value"}}},
	{"fan who joins again is given another receipt", "gateway", "TestJoinInParallelIsOnePlace", []edit{
		{"gateway/arrivals/queue.go", "Turn: rec.Turn, At: rec.At, Grant", "Turn: rec.Turn, At: time.Now(), Grant"}}},
	{"pass taken at another event", "wire", "TestPasses", []edit{
		{"wire/pass.go", "case p.Audience[0] != event:", "case p.Audience[0] == \"\":"}}},
	{"pass with a member twice", "wire", "TestPasses", []edit{
		{"wire/pass.go", " || !unambiguous(token)", ""}}},
	{"key signs before its time", "wire", "TestWhichKeySigns|TestTokensOutliveRotation", []edit{
		{"wire/rotate.go", "begun, better := !from.After(now), best < 0", "begun, better := true, best < 0"}}},
	{"remembered pass taken at another event", "gateway/identity", "TestVerifiedPassesExpire", []edit{
		{"gateway/identity/pass.go", "p.Audience[0] == event && ", ""}}},
	{"remembered pass outlives its key", "gateway/identity", "TestVerifiedPassesFollowTheKeys", []edit{
		{"gateway/identity/pass.go", "p.by == keys && ", ""}}},
	{"revoked pass is still good", "gateway", "TestRevocationIsSeenAtOnce", []edit{
		{"gateway/identity/pass.go", "id.Revoked.Of(event, p); problem != nil {", "id.Revoked.Of(event, p); problem == nil && p == nil {"}}},
	{"pass good on any device", "gateway", "TestEveryStepAsks", []edit{
		{"gateway/identity/pass.go", "if p.Device != \"\" && ", "if p.Device == \"\" && "}}},
	{"access code good for whoever has it", "gateway", "TestOneCodeManyTabs", []edit{
		{"gateway/arrivals/claims.go", "if fan != by.Fan {", "if fan == \"\" {"}}},
	{"place carried to another fan's device unasked", "gateway", "TestCarryAPlaceToAnotherDevice", []edit{
		{"gateway/carry.go", "if c.other && ", "if !c.other && "}}},

	{"X-Forwarded-For believed of anybody", "gateway/client", "TestOf|TestNobodyChooses", []edit{
		{"gateway/client/client.go", "if !ok || !trusted.Contain(peer) {", "if !ok {"}}},
	{"gossip adds what it hears twice", "gateway/limit", "TestGossipOverABadWire", []edit{
		{"gateway/limit/gossip.go", "o.n = max(o.n, n)", "o.n += n"}}},
	{"a window's end gives the budget anew", "gateway/limit", "TestWindowEdges|TestNeverMoreThanTheLimit", []edit{
		{"gateway/limit/store.go", "e.counts[1], e.counts[0], e.window = e.counts[0], count{}, window", "e.counts, e.window = [2]count{}, window"}}},
	{"rotating addresses grow the memory", "gateway/limit", "TestMemoryIsBounded", []edit{
		{"gateway/limit/store.go", "if len(sh.younger) >= s.size {", "if len(sh.younger) < 0 {"}}},
	{"strangers to a network are not counted", "gateway", "TestStrangers", []edit{
		{"gateway/defence/defences.go", "if !known && !c.exempt {", "if known && !c.exempt {"}}},
	{"the cookie of a challenge makes a stranger known", "gateway", "TestStrangers", []edit{
		{"gateway/risk/table.go", "if s.FanEarned {", "if s.FanKnown {"}}},
	{"a cookie's age counts wherever it is shown", "gateway/defence", "TestAgeIsEarned", []edit{
		{"gateway/defence/defences.go", "s.FanAge >= newcomer && d.env.Keys.IsNetTag(face.Net, \"\", c.who.Network)", "s.FanAge >= newcomer"}}},
	{"new fans of an address are free", "gateway/defence", "TestFacesArePriced", []edit{
		{"gateway/defence/defences.go", "!d.limits.Note(limit.NewFan, c.who)", "d.limits.Note(limit.NewFan, c.who) && false"}}},
	{"holds that end unbought are not counted", "gateway/defence", "TestReturnsCountEverywhere", []edit{
		{"gateway/defence/defences.go", "case n.Kind == wire.NoticeReturn:", "case n.Kind == \"\":"}}},
	{"what was bought counts as kept", "gateway/defence", "TestShareOfAHouse", []edit{
		{"gateway/defence/defences.go", "d.seats.Bought(h.house, h.who, h.seats)", "d.seats.Bought(h.house, h.who, 0)"}}},
	{"a proof opens as many acts as one likes", "gateway/challenge", "TestAnswerIsGoodOnce/R1", []edit{
		{"gateway/challenge/spent.go", "return was.Fan == use.Fan && was.Act == use.Act, nil", "return was.Fan == use.Fan, nil"}}},
	{"a proof is good for anybody", "gateway/challenge/altcha", "TestNothingIsProven", []edit{
		{"gateway/challenge/altcha/altcha.go", " || p.Data.For != whom", ""}}},
	{"a widget's provider that is away lets everybody in", "gateway/challenge/siteverify", "TestProviderInTrouble|TestEveryDocumentedCode", []edit{
		{"gateway/challenge/siteverify/siteverify.go", "case err != nil:\n\t\treturn fmt.Errorf(\"%w: %w\", ErrUnavailable, err)", "case err != nil:\n\t\treturn nil"}}},
	{"a suspect loses the place that he has", "gateway", "TestKeptPlace|TestSlowLane", []edit{
		{"gateway/defence/prove.go", "if has, err := ev.HasPlace(r.Context(), l, rec.Fan, rec.Turn); has || err != nil {", "if has, err := false, error(nil); has || err != nil {"}}},
	{"slow clients keep out the quick", "gateway/listener", "TestHalfOpenMakeRoom", []edit{
		{"gateway/listener/listener.go", "if l.all.half >= l.cfg.MaxHalfOpen {\n\t\tgoes(l.half.Front().Value.(*Conn))", "if l.all.half >= l.cfg.MaxHalfOpen {\n\t\tgoes(l.half.Back().Value.(*Conn))"}}},
}
