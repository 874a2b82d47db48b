package main

// prices are the mutants of what moves prices: rules, signals, the log, approvals.
var prices = []mutant{
	{"a price rises above its ceiling", "pricing/rules", "TestPricesKeepToTheirRails", []edit{
		{"pricing/rules/rails.go", "min(l.now+l.rails.Step, l.rails.Ceiling)", "l.now + l.rails.Step"}}},
	{"a price falls by more than its step", "pricing/rules", "TestPricesKeepToTheirRails", []edit{
		{"pricing/rules/rails.go", "max(l.now-l.rails.Step, l.rails.Floor)", "l.rails.Floor"}}},
	{"a price changes again before its cool-down", "pricing/rules", "TestPricesKeepToTheirRails", []edit{
		{"pricing/rules/rails.go", "stays || cooling || ", "stays || cooling && false || "}}},
	{"a price is rounded out of its step", "pricing/rules", "TestPricesKeepToTheirRails", []edit{
		{"pricing/rules/rails.go", "l.to = max(l.now, l.to-over)", "l.to += unit - over"}}},
	{"a worse level costs more than a better one", "pricing/rules", "TestPricesKeepToTheirRails", []edit{
		{"pricing/rules/rules.go", "case p.Spread:", "case false:"}}},
	{"a clock that goes back moves prices", "pricing/rules", "TestPricesKeepToTheirRails", []edit{
		{"pricing/rules/rules.go", "if l.Version > 1 && now.Before(l.At.Add(time.Duration(p.Every))) {", "if l.Version > 1 && !now.Before(l.At) && now.Before(l.At.Add(time.Duration(p.Every))) {"}, {"pricing/rules/rails.go", "l.was.Version > 1 && now.Before(", "l.was.Version > 1 && !now.Before(l.was.At) && now.Before("}}},
	{"a signal that is gone counts as none", "pricing/rules", "TestMissingSignalsMoveNothing", []edit{
		{"pricing/rules/factors.go", "parts = *l.was.Parts", "parts.Queue = l.was.Parts.Queue"}}},
	{"who joins moves prices freely", "pricing/rules", "TestQueueMovesAStepAnHour", []edit{
		{"pricing/rules/factors.go", "if seen == was || now.Before(l.was.QueueAt.Add(queueChange)) {", "if seen == was {"}}},
	{"who holds moves prices", "pricing/market", "TestWhoBuysNothingMovesLittle", []edit{
		{"pricing/market/market.go", "Sold: int64(c.Sold)", "Sold: int64(c.Sold + c.Held)"}}},
	{"who gives back and never buys is counted", "pricing/market", "TestLapsed", []edit{
		{"pricing/market/market.go", " || !d.bought && m.tickets[d.fan] == 0", ""}}},
	{"one network counts as many", "pricing/market", "TestBursts", []edit{
		{"pricing/market/market.go", "nets[i][kind+d.net] > perNet", "nets[i][kind+d.net] > 1<<30"}}},
	{"two pricers make the same version", "pricing", "TestManyPricersMakeEachVersionOnce/R1", []edit{
		{"pricing/book.go", "_, err = b.acts.Update(ctx, wire.LogSubject(b.event, wire.LogPrices), value, behind)", "_, err = b.acts.Publish(ctx, []kv.Msg{{Subject: wire.LogSubject(b.event, wire.LogPrices), Data: value}})"}}},
	{"an act that a crash left unpublished stays so", "pricing", "TestActsAreFinishedByTheNext/R1", []edit{
		{"pricing/pricing.go", "if err = nil; check {", "if err = nil; false {"}}},
	{"a replay takes what the log says", "pricing", "TestReplayFindsAMinorUnit", []edit{
		{"pricing/rules/verify.go", "text(next.Levels[id]); is != again {", "text(next.Levels[id]); is != again && false {"}}},
	{"whoever proposes approves", "pricing/rules", "TestProposals", []edit{
		{"pricing/rules/propose.go", "case p.By == a.By:", "case false:"}}},
	{"one operator approves for two", "pricing/rules", "TestProposals", []edit{
		{"pricing/rules/propose.go", "case slices.Contains(p.Approved, a.By):", "case false:"}}},
	{"levels come closer than they are to be", "pricing/rules", "TestKeepApart", []edit{
		{"pricing/rules/rails.go", "to[i] = min(to[i], to[i-1]-least)", "to[i] = min(to[i], to[i-1])"}}},
	{"levels go further apart than they are to be", "pricing/rules", "TestPricesStayApart", []edit{
		{"pricing/rules/rails.go", "to[i] = min(to[i], to[i+1]+most)", "to[i] = min(to[i], to[i+1]+far)"}}},
	{"an act is made before the one before it is published", "pricing", "TestActsFollowWhatIsPublished/R1", []edit{
		{"pricing/book.go", "if moves(last, act) {", "if false {"}}},
	{"a promise is no ceiling", "inventory/seating", "TestPromisedOnJoining", []edit{
		{"inventory/seating/choose.go", "!known || most.Total < now.Total {", "!known {"}}},
	{"a promise that isn't known is guessed", "inventory/seating", "TestPromisesOfNothing", []edit{
		{"inventory/seating/choose.go", "!known || most.Total < now.Total {", "known && most.Total < now.Total {"}}},
	{"between two acts the later is promised", "internal/promise", "TestMostIsWhatWasShown", []edit{
		{"internal/promise/past.go", "ok && before.Total < most.Total {", "ok && false {"}}},
	{"a promise is lost on the way through the pass", "admission", "TestPassesCarryThePromise/R1", []edit{
		{"admission/admitter/redeem.go", ", Priced: place.Priced,", ","}}},
	{"who joins is promised the newest board alone", "gateway/live", "TestPromisedBetweenBoards", []edit{
		{"gateway/live/feed.go", "return b.Priced - 1 // between", "return b.Priced // between"}}},
	{"a price comes to far sockets when it is their turn", "gateway/live", "TestCadenceByDistance", []edit{
		{"gateway/live/cadence.go", "!last.SamePrices(b) || last.State", "last.State"}}},
	{"a price waits for the next board", "admission", "TestPricesDontWaitForABeat", []edit{
		{"admission/admitter/board.go", " && b.SamePrices(&a.turn.board.last)", ""}}},
	{"a place forgets what it was promised", "gateway", "TestJoinersArePromisedWhatTheBoardShows", []edit{
		{"gateway/events/queue.go", ", Priced: rec.Priced}", "}"}}},
	{"a broken promise passes the audit", "inventory/audit", "TestEveryFaultBreaksItsRule", []edit{
		{"inventory/audit/promise.go", "p.total > most.Total {", "false {"}}},
	{"promises are taken back", "wire", "TestPromisesStay", []edit{
		{"wire/change.go", "if room && was.Pricing.Promises()", "if false && was.Pricing.Promises()"}}},
	{"a stale proposal is approved", "pricing/rules", "TestProposals", []edit{
		{"pricing/rules/propose.go", "case over(a, p, last.Levels):", "case false:"}}},
	{"a past sale that is too old counts", "pricing/rules", "TestComparable", []edit{
		{"pricing/rules/factors.go", `if d.Pricing.Weights.Comparable == 0 || d.stale != "" {`, "if d.Pricing.Weights.Comparable == 0 {"}}},
	{"past sales are exchanged while the sale is open", "wire", "TestPricingChangesOnceOpen", []edit{
		{"wire/pricingcheck.go", "was.Comparable.same(is.Comparable)", "true"}}},
	{"a past sale of another day counts", "wire", "TestLike", []edit{
		{"wire/comparable.go", "case day(p.StartsAt) != day(s.StartsAt):", "case false:"}}},
	{"a curve sells more places than there are", "pricing/curve", "TestReadIsStrict", []edit{
		{"pricing/curve/curve.go", "case r.Sold > r.Places || r.Held > r.Places-r.Sold:", "case false:"}}},
	{"a curve has a hole", "pricing/curve", "TestReadIsStrict", []edit{
		{"pricing/curve/read.go", "fields[0] != want || fields[1] != s.Levels[k]", "fields[1] != s.Levels[k]"}}},
	{"a curve of a gigabyte is kept", "pricing/curve", "TestAGigabyte", []edit{
		{"pricing/curve/read.go", "if i == MaxSamples {", "if i == 1<<30 {"}}},
	{"who has just been called speaks against the sale", "pricing/market", "TestAYoungQueueSaysNothing", []edit{
		{"pricing/market/market.go", "case now.Before(r.OpensAt.Add(parts * part)): //", "case false: //"}}},
	{"a simulated fan pays more than a ticket is worth", "pricing/simulate", "TestRecorded|TestSales$", []edit{
		{"pricing/simulate/run.go", "case price.Total > s.Crowd.levels[level].Opening*f.worth/whole:", "case false:"}}},
	{"a level that names a section is overlooked", "inventory/seating", "TestLevelsOfSections", []edit{
		{"wire/levels.go", "level, ok = x.at[levelKey{category, section}]; !ok {", "level, ok = x.at[levelKey{category, section}]; true {"}}},
	{"two levels have one section", "wire", "TestEachPlaceHasOneLevel", []edit{
		{"wire/levels.go", "} else if other != i {", "} else if false {"}}},
	{"places of a section are in no level", "wire", "TestLevelsBySection", []edit{
		{"wire/levels.go", "!ok && slices.Contains(layout.Sections[section], c) {", "!ok && false {"}}},
	{"a level is moved to other sections", "wire", "TestChange", []edit{
		{"wire/change.go", ", slices.Sorted(slices.Values(l.Sections))))", ", []string{}))"}}},
	{"a simulated hold follows the price", "pricing/simulate", "TestSalesKeepToTheirRails", []edit{
		{"pricing/simulate/result.go", "total := h.quotes[0].Price.Total", "total := h.quotes[0].Price.Total + int64(r.Bought%2)"}}},
}
